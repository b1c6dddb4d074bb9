"""Recorded episodes of frames and actions, and the training windows drawn from them.
Knows arrays; must not know worlds or models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from wmagent.errors import InputError, shortened
from wmagent.pixels.config import PixelConfig

LEAST_SPREAD = 1e-6  # of an action's part, below which it never varies and is not scaled


@runtime_checkable
class Recording(Protocol):
    """Episodes one after another in rows; `wmagent.worlds.two_room.Episodes` and `Frames` are two.

    `actions` (rows, a) lead from a row to the next, NaN in an episode's last row; `first` (episodes + 1,) are the rows
    that episodes start at, and the number of rows.
    """

    @property
    def actions(self) -> np.ndarray: ...

    @property
    def first(self) -> np.ndarray: ...

    def frames(self, rows: ArrayLike, size: int | None = None) -> np.ndarray:
        """Return frames (..., size, size, 3), uint8, of rows of any shape."""
        ...


@dataclass(frozen=True)
class Frames:
    """A recording held in arrays: `pixels` (rows, s, s, 3) uint8 (a memory map will do), `actions` (rows, a), `first`.

    An action is what was done at its row; the last of an episode is not looked at. `positions` (rows, p), or whatever
    numbers were recorded beside the frames, are what a probe is fitted to. InputError for what does not fit together.
    """

    pixels: np.ndarray
    actions: np.ndarray
    first: np.ndarray
    positions: np.ndarray | None = None

    def __post_init__(self) -> None:
        rows, first = len(check_frames(self.pixels)), np.asarray(self.first)
        if first.dtype.kind not in "iu" or first.ndim != 1 or len(first) < 2 or first[0] or first[-1] != rows or (
            np.diff(first.astype(np.int64)) < 2
        ).any():  # fmt: skip
            raise InputError(
                f"first are the rows that episodes start at, from 0 up to the {rows} rows, by 2 or more; "
                f"given {shortened(str(self.first))}"
            )
        last = first[1:].astype(np.int64) - 1
        actions = _numbers("actions", self.actions, rows, last)
        actions[last] = np.nan
        object.__setattr__(self, "first", first.astype(np.int64))
        object.__setattr__(self, "actions", actions)
        if self.positions is not None:
            object.__setattr__(self, "positions", _numbers("positions", self.positions, rows))

    def frames(self, rows: ArrayLike, size: int | None = None) -> np.ndarray:
        """Return the frames of rows; InputError where another size is asked for than they have."""
        if size is not None and size != self.pixels.shape[1]:
            raise InputError(f"the frames have {self.pixels.shape[1]} pixels a side; the model wants {size}")
        return np.asarray(self.pixels[np.asarray(rows)])


@dataclass(frozen=True)
class Part:
    """The episodes `begin` to before `end` of a recording, as a recording; `positions` (rows, p) where it has any."""

    whole: Recording
    begin: int
    end: int

    @property
    def _span(self) -> slice:
        return slice(int(self.whole.first[self.begin]), int(self.whole.first[self.end]))

    @property
    def first(self) -> np.ndarray:
        return self.whole.first[self.begin : self.end + 1] - self.whole.first[self.begin]

    @property
    def actions(self) -> np.ndarray:
        return self.whole.actions[self._span]

    @property
    def positions(self) -> np.ndarray | None:
        found = getattr(self.whole, "positions", None)
        return None if found is None else found[self._span]

    def frames(self, rows: ArrayLike, size: int | None = None) -> np.ndarray:
        """Return the frames of rows of this part."""
        return self.whole.frames(np.asarray(rows) + self._span.start, size)


def check_frames(frames: np.ndarray, size: int | None = None) -> np.ndarray:
    """Return frames (n, s, s, 3) uint8 as given; InputError for another shape, side or type."""
    given = np.asarray(frames)
    if given.ndim != 4 or given.shape[1] != given.shape[2] or given.shape[3] != 3:
        raise InputError(f"frames have the shape (n, side, side, 3), RGB last; given {given.shape}")
    if given.dtype != np.uint8:
        raise InputError(
            f"frames are whole numbers from 0 to 255 (uint8); given {given.dtype}: multiply, round, convert"
        )
    if size is not None and given.shape[1] != size:
        raise InputError(f"this model sees frames of {size} × {size} pixels; given {given.shape[1]} × {given.shape[2]}")
    return given


def _numbers(kind: str, values: np.ndarray, rows: int, unseen: Sequence[int] | np.ndarray = ()) -> np.ndarray:
    """Return values (rows, k) as float32; InputError for others, and where any is not finite but in `unseen` rows."""
    given = np.asarray(values)
    if given.dtype.kind not in "fiu" or given.ndim != 2 or len(given) != rows or not given.shape[1]:
        raise InputError(
            f"{kind} are numbers, one row for each of {rows} frames; given {given.dtype} of shape {given.shape}"
        )
    with np.errstate(over="ignore"):
        found = given.astype(np.float32)
    wrong = np.asarray(~np.isfinite(found).all(1))
    wrong[np.asarray(unseen, dtype=np.int64)] = False
    if wrong.any():
        raise InputError(f"{kind}: row {int(np.flatnonzero(wrong)[0])} holds no finite number; repair or drop it first")
    return found


@dataclass(frozen=True)
class Scale:
    """How actions become about standard normal: mean and standard deviation (a,) of those recorded; `low` and `high`
    (a,) are the least and greatest recorded."""

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, actions: np.ndarray) -> Scale:
        """Return the scale of recorded actions (rows, a); rows of NaN do not count."""
        known = torch.from_numpy(actions[~np.isnan(actions).any(1)]).float()
        std = known.std(0, correction=0)
        return cls(known.mean(0), torch.where(std > LEAST_SPREAD, std, 1.0), known.amin(0), known.amax(0))

    def blocks(self, actions: Tensor) -> Tensor:
        """Return actions (..., block, a) as z-scored blocks (..., block * a)."""
        return ((actions - self.mean) / self.std).flatten(-2)

    def actions(self, blocks: Tensor) -> Tensor:
        """Return the actions (..., block, a) of z-scored blocks (..., block * a)."""
        return blocks.unflatten(-1, (-1, len(self.mean))) * self.std + self.mean

    def bounds(self, block: int) -> tuple[Tensor, Tensor]:
        """Return the least and greatest z-scored blocks (block * a,)."""
        return tuple(((edge - self.mean) / self.std).repeat(block) for edge in (self.low, self.high))  # type: ignore


@dataclass(frozen=True)
class Windows:
    """All training windows of a recording: `frames` frames, `block` steps apart, with the actions between them."""

    recording: Recording
    config: PixelConfig
    scale: Scale
    starts: np.ndarray

    @classmethod
    def of(cls, recording: Recording, config: PixelConfig, scale: Scale) -> Windows:
        """Return the windows of all episodes that are long enough; InputError where none is."""
        steps = config.block * (config.window - 1)
        first = np.asarray(recording.first)
        starts = [np.arange(begin, end - steps) for begin, end in itertools.pairwise(first)]
        found = np.concatenate(starts)
        if not len(found):
            longest = int(np.diff(first).max()) - 1
            raise InputError(
                f"a training window spans {steps} steps ({config.window} frames, {config.block} apart) and the longest "
                f"of {len(first) - 1} episodes has {longest}: record longer episodes, or lower history or block"
            )
        return cls(recording, config, scale, found)

    def draw(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Return frames (count, t, s, s, 3) and z-scored blocks (count, t - 1, block * a) of windows by chance."""
        config = self.config
        chosen = np.random.default_rng(seed).choice(self.starts, count)
        frames = self.recording.frames(chosen[:, None] + config.block * np.arange(config.window), config.size)
        steps = config.block * (config.window - 1)
        actions = torch.from_numpy(self.recording.actions[chosen[:, None] + np.arange(steps)]).float()
        blocks = self.scale.blocks(actions.unflatten(1, (config.window - 1, config.block)))
        return torch.from_numpy(frames), blocks
