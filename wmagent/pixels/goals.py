"""One door for goals: a frame, a position or a sentence becomes a goal latent, with what it was understood as.
Knows the model; worlds, their words and who reads them come in as arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from wmagent.errors import InputError, shortened
from wmagent.pixels.reading import read_image
from wmagent.pixels.recording import check_frames
from wmagent.pixels.world_model import PixelModel

Goal = str | Path | np.ndarray | Sequence[float]


class Claim(Protocol):
    """Something said of a path, with its own check."""

    @property
    def text(self) -> str: ...

    def holds(self, path: ArrayLike) -> bool: ...


class Words(Protocol):
    """A world as a language; `wmagent.worlds.two_room.Words` is one. Positions are in the units that were recorded."""

    @property
    def extent(self) -> float:
        """The side of a frame in the units of positions."""
        ...

    @property
    def examples(self) -> Sequence[str]:
        """What can be asked for."""
        ...

    def position(self, text: str) -> Sequence[float] | None:
        """Return the position that a text says in numbers, None for none."""
        ...

    def check(self, position: Sequence[float]) -> None:
        """Raise InputError for a position where nothing can be."""
        ...

    def place(self, position: ArrayLike) -> str:
        """Return where a position is."""
        ...

    def told(self, path: ArrayLike) -> Sequence[Claim]:
        """Return what happens on a path (t, p)."""
        ...


class Reader(Protocol):
    """Finds what a sentence asks for among remembered latents; `wmagent.adapters.goal_text.GoalText` is one."""

    def find(self, sentence: str, start: Tensor, remembered: Tensor) -> Any:
        """Return an object with `row`, `score` from 0 to 1 and `refused`, for a sentence said at a latent (d,)."""
        ...


class Language(Protocol):
    """The words of a world and who reads them, kept with a model; `wmagent.language.rooms.RoomLanguage` is one.

    `name` is its short name in the registry, kind `pixel-language`: a class whose `load(folder, width)` returns what
    `save` wrote, for latents that wide.
    """

    @property
    def name(self) -> str: ...

    @property
    def words(self) -> Words: ...

    @property
    def reader(self) -> Reader: ...

    def save(self, folder: Path) -> None:
        """Write it into a folder, made if needed."""
        ...


@dataclass(frozen=True)
class PixelGoal:
    """A goal `latent` (d,) and what it was `understood` as; its `position` (p,) where known, the `frame` that was
    given, and how sure it is that a sentence asked for something, 1 where nothing was to be read."""

    latent: Tensor
    understood: str
    position: tuple[float, ...] | None = None
    frame: np.ndarray | None = None
    score: float = 1.0


def understand(
    model: PixelModel, goal: Goal, start: Tensor | None = None, words: Words | None = None, reader: Reader | None = None
) -> PixelGoal:
    """Return the goal that is meant by a frame (s, s, 3) uint8, the path of an image file, a position or a sentence.

    Sentences are read as said at the latent `start` (d,). InputError for frames of another size or type, positions in a
    wall or far from all that was recorded, and sentences that ask for nothing there is.
    """
    if isinstance(goal, str):
        return _said(model, goal, start, words, reader)
    if isinstance(goal, Path):
        return _seen(model, read_image(goal), words)
    given = np.asarray(goal)
    if given.ndim == 1:
        return _there(model, [float(number) for number in given], words)
    return _seen(model, given, words)


def _seen(model: PixelModel, frame: np.ndarray, words: Words | None) -> PixelGoal:
    check_frames(frame[None], model.config.size)
    latent = model.encode(frame[None])[0]
    position = _read(model, latent)
    where = f", the dot in {words.place(position)}" if words is not None and position is not None else ""
    return PixelGoal(latent, f"what the frame shows{where}", position, frame)


def _there(model: PixelModel, position: Sequence[float], words: Words | None) -> PixelGoal:
    latent, off = model.memory.at(position)
    said = ", ".join(f"{number:g}" for number in position)
    if words is not None:
        words.check(position)
    if off > model.memory.far:
        raise InputError(
            f"nothing was recorded within {model.memory.far:.3g} of ({said}), the nearest frame is {off:.3g} away: it "
            "may lie in a wall; choose a goal where something has been"
        )
    where = f", in {words.place(position)}" if words is not None else ""
    return PixelGoal(latent, f"({said}){where}", tuple(position))


def _said(
    model: PixelModel, sentence: str, start: Tensor | None, words: Words | None, reader: Reader | None
) -> PixelGoal:
    numbers = words.position(sentence) if words is not None else None
    if numbers is not None:
        return _there(model, numbers, words)
    if reader is None or start is None:
        raise InputError(
            "goals in words need a reader (wmagent.adapters.goal_text.GoalText) and the frame one starts at; "
            "give a frame or a position, or make the agent with a reader"
        )
    found = reader.find(sentence, start, model.memory.latents)
    if found.refused:
        known = "; ".join(f"“{example}”" for example in words.examples) if words is not None else "places it has seen"
        raise InputError(
            f"{shortened(sentence)!r} asks for no place I know (sure only to {100 * found.score:.0f} %). "
            f"I understand such as {known}"
        )
    positions = model.memory.positions
    position = None if positions is None else tuple(positions[found.row].tolist())
    place = words.place(position) if words is not None and position is not None else "a place that was seen"
    return PixelGoal(model.memory.latents[found.row], place, position, None, found.score)


def _read(model: PixelModel, latent: Tensor) -> tuple[float, ...] | None:
    return None if model.probe is None else tuple(model.probe.read(latent).tolist())
