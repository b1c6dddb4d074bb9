"""What people say about Two-Room: sentences for its areas, coordinates in sentences, and the world as a language.
Knows areas and wordings; must not know embeddings, models or planners."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wmagent.errors import InputError
from wmagent.worlds.two_room.areas import Area, areas, place
from wmagent.worlds.two_room.checks import check_count
from wmagent.worlds.two_room.telling import Claim, told
from wmagent.worlds.two_room.wordings import LEARNED, Wording
from wmagent.worlds.two_room.world import TwoRoom

RELATIVE = 0.5  # of the sentences name the room by where one starts
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_COORDINATES = (
    re.compile(rf"\bx\s*(?:[=:]|is|of)?\s*{_NUMBER}\D{{0,12}}?\by\s*(?:[=:]|is|of)?\s*{_NUMBER}", re.I),
    re.compile(rf"{_NUMBER}\s*[,;/]?\s+{_NUMBER}|{_NUMBER}\s*[,;/]\s*{_NUMBER}"),
)


def sentences(
    area: Area, start_room: int, generator: np.random.Generator, count: int = 1, wording: Wording = LEARNED
) -> list[str]:
    """Return so many sentences that ask for an area of whoever starts in room 0 or 1.

    About half name the room absolutely ("the left room"), half relative to the start ("the other room"). Of the
    wordings, `HELD` sets thresholds and `FRESH` is for measuring, never for learning.
    """
    if start_room not in (0, 1):
        raise InputError(f"a room is 0, left, or 1, right; not {start_room!r}")
    return [_sentence(area, start_room, generator, wording) for _ in range(check_count("count", count))]


def coordinates(text: str) -> tuple[float, float] | None:
    """Return the (x, y) that a text says ("go to x 40, y 180", "(40, 180)"), None where it says none."""
    for pattern in _COORDINATES:
        if found := pattern.search(text):
            x, y = (float(number) for number in found.groups() if number is not None)
            return x, y
    return None


@dataclass(frozen=True)
class Words:
    """A world as a language: what goals in pixels are checked by, named by, and what paths are told in."""

    world: TwoRoom

    @property
    def extent(self) -> float:
        """The side of a frame, in the pixels that positions are in."""
        return float(self.world.size)

    def position(self, text: str) -> tuple[float, float] | None:
        """Return the position that a text says in numbers, None for none."""
        return coordinates(text)

    def check(self, position: Sequence[float]) -> None:
        """Raise InputError for a position (2,) in the wall or outside the rooms."""
        self.world.check_free("the goal", [position])

    def place(self, position: ArrayLike) -> str:
        """Return where a position (2,) is, in words."""
        return place(self.world, position).name

    def told(self, path: ArrayLike) -> tuple[Claim, ...]:
        """Return what happens on a path (t, 2), in order."""
        return told(self.world, path)

    @property
    def examples(self) -> tuple[str, ...]:
        """What can be said, for those whose words were not understood."""
        return ("go to the top of the other room", "the left room, by the wall", "stay in this room, at the bottom",
                "to the door", "go to x 40, y 180")  # fmt: skip


def named(world: TwoRoom, position: ArrayLike) -> tuple[Area, ...]:
    """Return all areas that a position (2,) is in."""
    here = np.asarray(position)[None]
    return tuple(area for area in areas(world) if area.contains(here)[0])


def _sentence(area: Area, start_room: int, generator: np.random.Generator, wording: Wording) -> str:
    def one(ways: Sequence[str]) -> str:
        return ways[int(generator.integers(len(ways)))]

    if area.room is None:
        return one(wording.shapes).format(it=one(wording.door))
    relative = "same" if area.room == start_room else "other"
    key = relative if generator.random() < RELATIVE else ("left", "right")[area.room]
    said = one(wording.rooms[key])
    if area.row is not None:
        said = one(wording.joined).format(row=one(wording.rows[area.row]), room=said)
    if area.side is not None:
        said = f"{said}, {one(wording.sides[area.side])}"
    return one(wording.shapes).format(it=said)
