"""A path through Two-Room told in words, as claims that are checked against the path apart from how they were found.
Knows positions and geometry; must not know how a path came about."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from wmagent.errors import InputError
from wmagent.worlds.two_room.areas import Area, place
from wmagent.worlds.two_room.checks import pairs
from wmagent.worlds.two_room.world import TwoRoom

STRAIGHT = 12.0  # pixels that a leg may bend away from its line, and less than which no move is told
SLACK = 6.0  # pixels that imagined positions may be off at the edges of areas
BENT = 10.0  # pixels that a way may bend between two rows of a path, which are some steps apart, off the straight line
STILL = 2 * STRAIGHT  # a path that nowhere leaves this distance from its start is hardly moving
WAYS = ("right", "down and right", "down", "down and left", "left", "up and left", "up", "up and right")

Kind = Literal["starts", "moves", "passes", "breaks", "rests", "ends"]


@dataclass(frozen=True)
class Claim:
    """One thing that is said of a path: from its row `begin` to `end` it moves some `way`, passes the door, breaks
    through the wall, or rests; or it starts or ends in an `area`. `text` is how it is said."""

    text: str
    kind: Kind
    world: TwoRoom
    begin: int
    end: int
    way: str = ""
    area: Area | None = None

    def holds(self, path: ArrayLike) -> bool:
        """Return whether the path (t, 2) does what is said. Looks at the path only, not at how it was told."""
        here = pairs("positions", path).astype(np.float64)
        if not 0 <= self.begin <= self.end < len(here):
            return False
        part = here[self.begin : self.end + 1]
        if self.kind in ("starts", "ends"):
            row = 0 if self.kind == "starts" else -1
            return self.area is not None and self.area.distance(here[[row]])[0] <= SLACK
        if self.kind == "rests":
            return bool(np.ptp(part, axis=0).max() <= 2 * STILL)
        return _goes(part, self.way) if self.kind == "moves" else _crosses(part, self.world, self.kind == "passes")


def told(world: TwoRoom, path: ArrayLike) -> tuple[Claim, ...]:
    """Return a path (t, 2) of a dot in words: where it starts, its straight legs, the door, where it ends.

    InputError for a path of no positions.
    """
    here = pairs("positions", path).astype(np.float64)
    if not len(here):
        raise InputError("a path of no positions cannot be told")
    last = len(here) - 1
    first, final = place(world, here[0]), place(world, here[-1])
    claims = [Claim(f"from {first.name}", "starts", world, 0, 0, area=first)]
    if np.linalg.norm(here - here[0], axis=1).max() < STILL and not len(_crossings(world, here)):
        claims.append(Claim("hardly moving", "rests", world, 0, last))
    else:
        claims += _course(world, here)
    return (*claims, Claim(f"ending in {final.name}", "ends", world, last, last, area=final))


def checked(claims: Iterable[Claim], path: ArrayLike) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Return the claims that hold on a path (t, 2), and those that do not and are not to be said."""
    kept, dropped = [], []
    for claim in claims:
        (kept if claim.holds(path) else dropped).append(claim)
    return tuple(kept), tuple(dropped)


def _course(world: TwoRoom, here: np.ndarray) -> list[Claim]:
    """Return the claims on the straight legs and the crossings of the wall between them, in order."""
    found, begin = [], 0
    for row in [*_crossings(world, here), len(here) - 1]:
        for first, last in _merged(here, _legs(here, begin, row)):
            found.append(("", "moves", first, last, _way(here[last] - here[first])))
        if row + 1 < len(here):
            low, high = world.door_y - world.door_half - BENT, world.door_y + world.door_half + BENT
            share = (world.wall_x - here[row, 0]) / (here[row + 1, 0] - here[row, 0])
            level = here[row, 1] + share * (here[row + 1, 1] - here[row, 1])
            said = ("through the door", "passes") if low <= level <= high else ("straight through the wall", "breaks")
            found.append((*said, row, row + 1, ""))
            begin = row + 1
    return [
        Claim(("then " if number else "") + (text or way), kind, world, first, last, way)
        for number, (text, kind, first, last, way) in enumerate(found)
    ]


def _crossings(world: TwoRoom, here: np.ndarray) -> list[int]:
    """Return the rows after which the path is in the other room."""
    return np.flatnonzero(np.diff(world.room(here)) != 0).tolist()


def _legs(here: np.ndarray, begin: int, end: int) -> list[tuple[int, int]]:
    """Return the rows from and to which the path is straight, as Douglas and Peucker (1973) split a line."""
    if end - begin < 2 or (away := _bend(here[begin : end + 1])).max() <= STRAIGHT:
        return [(begin, end)]
    middle = begin + int(away.argmax())
    return _legs(here, begin, middle) + _legs(here, middle, end)


def _merged(here: np.ndarray, legs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the legs that are long enough to tell, neighbours that go the same way as one."""
    found: list[tuple[int, int]] = []
    for first, last in legs:
        if np.linalg.norm(here[last] - here[first]) < STRAIGHT:
            continue
        if (
            found
            and found[-1][1] == first
            and _way(here[found[-1][1]] - here[found[-1][0]]) == _way(here[last] - here[first])
        ):
            first = found.pop()[0]
        found.append((first, last))
    return found


def _way(move: np.ndarray) -> str:
    return WAYS[round(math.atan2(move[1], move[0]) / (math.pi / 4)) % 8]


def _bend(part: np.ndarray) -> np.ndarray:
    """Return how far the rows (t, 2) are from the straight line between the first and the last (t,)."""
    line, off = part[-1] - part[0], part - part[0]
    length = np.linalg.norm(line)
    if length < 1e-6:
        return np.linalg.norm(off, axis=1)
    along = np.clip(off @ line / length**2, 0, 1)
    return np.linalg.norm(off - along[:, None] * line, axis=1)


def _goes(part: np.ndarray, way: str) -> bool:
    """Return whether a part goes some way from first to last, without a detour. The check of what was told."""
    x, y = part[-1] - part[0]
    signed = {"right": x, "left": -x, "down": y, "up": -y}
    wanted = [signed[word] for word in signed if word in way.split()]
    if not wanted or min(wanted) <= 0 or math.hypot(x, y) < STRAIGHT - 1e-6:
        return False
    steep = min(abs(x), abs(y)) / max(abs(x), abs(y))  # 0 along an axis, 1 on the diagonal; half way is .41
    return (steep < 0.54 if len(wanted) == 1 else steep > 0.3) and bool(_strays(part) <= 2.5 * STRAIGHT)


def _strays(part: np.ndarray) -> float:
    """Return by how many pixels a part leaves the rectangle that its ends span."""
    low, high = np.minimum(part[0], part[-1]), np.maximum(part[0], part[-1])
    return float(np.maximum(low - part, part - high).max())


def _crosses(part: np.ndarray, world: TwoRoom, by_door: bool) -> bool:
    """Return whether a part changes sides of the wall, and does so in the door, or not. The check of what was told."""
    if (part[0, 0] > world.wall_x) == (part[-1, 0] > world.wall_x):
        return False
    shares = np.linspace(0, 1, 101)[:, None, None]
    dense = (part[:-1] + shares * (part[1:] - part[:-1])).reshape(-1, 2)
    within = dense[np.abs(dense[:, 0] - world.wall_x) <= 1.0]
    off = np.abs(within[:, 1] - world.door_y) - world.door_half
    return bool((off <= BENT + 2).all()) if by_door else bool((off > BENT - 2).any())
