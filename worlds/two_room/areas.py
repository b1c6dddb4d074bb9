"""Where things are in Two-Room, in words: rooms, their top, middle and bottom, their sides, the door.
Knows the geometry of a world; must not know sentences, frames or models."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from wmagent.worlds.two_room.checks import pairs
from wmagent.worlds.two_room.world import TwoRoom

Row = Literal["top", "middle", "bottom"]
Side = Literal["outer", "wall"]
ROOMS = ("left", "right")
ROWS: tuple[Row, ...] = ("top", "middle", "bottom")
SIDES: tuple[Side, ...] = ("outer", "wall")


@dataclass(frozen=True)
class Area:
    """A rectangle with a name, `x` and `y` from and to, in pixels; `room` 0 is left, 1 right, None the door."""

    name: str
    x: tuple[float, float]
    y: tuple[float, float]
    room: int | None
    row: Row | None = None
    side: Side | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle (x, y)."""
        return (self.x[0] + self.x[1]) / 2, (self.y[0] + self.y[1]) / 2

    def contains(self, positions: ArrayLike) -> np.ndarray:
        """Return which positions (n, 2) are in it (n,), its edges included."""
        return self.distance(positions) == 0

    def distance(self, positions: ArrayLike) -> np.ndarray:
        """Return how many pixels positions (n, 2) are outside of it (n,), 0 inside."""
        here = pairs("positions", positions)
        low, high = np.array([self.x[0], self.y[0]]), np.array([self.x[1], self.y[1]])
        return np.linalg.norm(np.maximum(np.maximum(low - here, here - high), 0), axis=1)


def areas(world: TwoRoom) -> tuple[Area, ...]:
    """Return all areas that have a name: whole rooms first, then thirds, halves and sixths of rooms, then the door.

    Every free position is in a room or in the door, and in one area of each fineness of its room.
    """
    finenesses = (((None,), (None,)), (ROWS, (None,)), ((None,), SIDES), (ROWS, SIDES))
    found = [
        _area(world, room, row, side)
        for rows, sides in finenesses
        for room, row, side in itertools.product((0, 1), rows, sides)
    ]
    return (*found, Area("the door", world.stripe, world.opening, None))


def place(world: TwoRoom, position: ArrayLike) -> Area:
    """Return the third of a room, or the door, that a position (2,) is in or, outside of all, nearest to."""
    thirds = [area for area in areas(world) if area.room is None or (area.row is not None and area.side is None)]
    here = np.asarray(position)[None]
    return min(thirds, key=lambda area: float(area.distance(here)[0]))


def _area(world: TwoRoom, room: int, row: Row | None, side: Side | None) -> Area:
    first, last = float(world.border), float(world.size - world.border - 1)
    left, right = world.stripe
    x = (first, left) if room == 0 else (right, last)
    if side is not None:
        half = (x[0] + x[1]) / 2
        x = (x[0], half) if (side == "outer") == (room == 0) else (half, x[1])
    edges = np.linspace(first, last, len(ROWS) + 1).tolist()
    at = None if row is None else ROWS.index(row)
    y = (first, last) if at is None else (edges[at], edges[at + 1])
    name = f"the {ROOMS[room]} room" if row is None else f"the {row} of the {ROOMS[room]} room"
    where = {"outer": ", on the outer side", "wall": ", by the wall", None: ""}[side]
    return Area(name + where, x, y, room, row, side)
