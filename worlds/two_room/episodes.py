"""Recorded walks through Two-Room: where dots were, what they did, frames on demand. Knows no model, no training.

Positions are kept and frames drawn when asked for: 3,000 episodes are 4 MB of positions but 2.3 GB of frames.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from wmagent.errors import InputError, checked_seed, shortened
from wmagent.worlds.two_room.checks import check_actions, check_count, pairs
from wmagent.worlds.two_room.folder import Folder, Settings, Walks
from wmagent.worlds.two_room.policies import Expert, Policy
from wmagent.worlds.two_room.world import TwoRoom

SHARD = 64  # episodes walked and written together; the number decides which chance each episode gets


@dataclass(frozen=True)
class Episodes:
    """Walks one after another in rows: `first[e]` is the row episode e starts at, `first[-1]` the number of rows.

    `positions` (rows, 2); `actions` (rows, 2), of which each episode's last row is NaN, since nothing follows it;
    `goals` (episodes, 2). Frames have `size` pixels a side unless another is asked for.
    """

    world: TwoRoom
    positions: np.ndarray
    actions: np.ndarray
    first: np.ndarray
    goals: np.ndarray
    size: int = 64
    stored: Folder | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = np.asarray(self.first)
        if first.dtype.kind not in "iu" or first.ndim != 1 or len(first) < 2 or first[0] or (np.diff(first) < 2).any():
            raise InputError(
                "first holds the row of every episode's start and then the number of rows: whole numbers from 0, "
                f"each at least 2 above the one before; given {shortened(repr(self.first))}"
            )
        rows, last = int(first[-1]), first[1:] - 1
        object.__setattr__(self, "first", first.astype(np.int64))
        object.__setattr__(self, "positions", pairs("positions", self.positions, rows))
        object.__setattr__(self, "goals", pairs("goals", self.goals, len(first) - 1))
        actions = np.array(self.actions, dtype=np.float32)
        if actions.shape != (rows, 2):
            raise InputError(f"actions have the shape ({rows}, 2), one row per position; given {actions.shape}")
        check_actions(np.delete(actions, last, axis=0))
        actions[last] = np.nan
        object.__setattr__(self, "actions", actions)
        check_count("the size of frames", self.size, 8, self.world.size)

    def __len__(self) -> int:
        return len(self.goals)

    @property
    def steps(self) -> np.ndarray:
        """The number of actions of each episode (episodes,)."""
        return np.diff(self.first) - 1

    def windows(self, steps: int, of: ArrayLike | None = None) -> np.ndarray:
        """Return the first rows (k,) of all windows of so many actions, and one position more, inside one episode.

        `of` are the numbers of the episodes to look in, such as those held out; all by default.
        """
        check_count("steps of a window", steps)
        chosen = np.arange(len(self)) if of is None else np.asarray(of)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or ((chosen < 0) | (chosen >= len(self))).any():
            raise InputError(f"episodes are numbered 0 to {len(self) - 1}; given {shortened(repr(of))}")
        found = [np.arange(self.first[e], self.first[e + 1] - steps) for e in chosen]
        rows = np.concatenate(found) if found else np.empty(0, np.int64)
        if not len(rows):
            longest = int(self.steps[chosen].max()) if len(chosen) else 0
            raise InputError(
                f"no episode has {steps} steps: the longest of {len(chosen)} has {longest}; "
                "make the window shorter or collect more episodes"
            )
        return rows

    def frames(self, rows: ArrayLike, size: int | None = None) -> np.ndarray:
        """Return frames (…, size, size, 3), uint8, of rows of any shape (…): read where they are stored, else drawn."""
        wanted, size = np.asarray(rows), self.size if size is None else size
        total = len(self.positions)
        if wanted.dtype.kind not in "iu" or ((wanted < 0) | (wanted >= total)).any():
            raise InputError(f"rows are whole numbers from 0 to {total - 1}; given {shortened(repr(rows))}")
        if self.stored is not None and size == self.size:
            found = self.stored.frames(wanted.ravel())
        else:
            found = self.world.render(self.positions[wanted.ravel()], size)
        return found.reshape(*wanted.shape, size, size, 3)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Episodes:
        """Return the episodes that `collect` wrote; frames are read when asked for, if they were written.

        InputError where files are missing, unfinished, damaged or foreign.
        """
        return _opened(Folder.open(Path(folder)))


def collect(
    world: TwoRoom,
    episodes: int,
    seed: int,
    policy: Policy | None = None,
    size: int = 64,
    *,
    out: str | os.PathLike[str] | None = None,
    frames: bool = False,
    most: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> Episodes:
    """Return walks from `world.reset` towards `world.goals` by a policy (default `Expert()`), of at most `most` steps.

    An episode ends with the step that reaches its goal. With `out` they are written to that folder, with `frames` of
    `size` pixels a side if wanted; a run that was killed goes on where it was, to the same bytes, when called again
    with the same arguments. `progress` is told (episodes done, episodes). The first episodes do not depend on how
    many are collected.
    """
    check_count("episodes", episodes)
    check_count("most", most)
    check_count("the size of frames", size, 8, world.size)
    if frames and out is None:
        raise InputError("frames are written to a folder; give out, or leave frames: they are drawn when asked for")
    policy = Expert() if policy is None else policy
    settings = Settings(
        world=world,
        policy=_described(policy),
        seed=checked_seed(seed),
        episodes=episodes,
        most=most,
        size=size,
        frames=frames,
    )
    target = None if out is None else Folder.begin(Path(out), settings)
    parts: list[Walks] = []
    for number, start in enumerate(range(0, episodes, SHARD)):
        if target is None or not target.has(number):
            walks = _walked(world, policy, seed, number, most, min(SHARD, episodes - start))
            if target is None:
                parts.append(walks)
            else:
                target.write(number, start, walks)
        if progress is not None:
            progress(min(start + SHARD, episodes), episodes)
    if target is not None:
        return _opened(target)
    return _together(world, Walks(*(np.concatenate(part) for part in zip(*parts, strict=True))), size)


def _described(policy: Policy) -> dict[str, str | float]:
    settings = {key: float(value) for key, value in vars(policy).items() if isinstance(value, int | float)}
    return {"name": policy.name, **settings}


def _opened(folder: Folder) -> Episodes:
    settings = folder.index.settings
    return _together(settings.world, folder.walks(), settings.size, folder if settings.frames else None)


def _together(world: TwoRoom, walks: Walks, size: int, stored: Folder | None = None) -> Episodes:
    first = np.concatenate([[0], np.cumsum(walks.lengths)])
    return Episodes(world, walks.positions, walks.actions, first, walks.goals, size, stored)


def _walked(world: TwoRoom, policy: Policy, seed: int, number: int, most: int, keep: int) -> Walks:
    """Return the first `keep` episodes of a shard.

    All SHARD episodes are walked, so that what chance gives to the first ones does not depend on how many are kept.
    """
    generator = np.random.default_rng([seed, number])
    here = world.reset(SHARD, int(generator.integers(2**32)))
    goals = world.goals(SHARD, int(generator.integers(2**32)))
    lengths = np.full(SHARD, most)
    course, deeds, reached, action = [here], [], np.zeros(SHARD, bool), None
    for step in range(1, most + 1):
        action = check_actions(policy.act(world, here, goals, action, generator), SHARD)
        here = world.step(here, action)
        course.append(here)
        deeds.append(action)
        now = world.succeeded(here, goals) & ~reached
        lengths[now] = step
        reached |= now
        if reached.all():
            break
    deeds.append(np.full_like(here, np.nan))
    at = np.arange(len(course))[None, :]
    kept = at <= lengths[:keep, None]
    positions, actions = (np.stack(rows, axis=1)[:keep] for rows in (course, deeds))
    actions[at == lengths[:keep, None]] = np.nan
    return Walks(positions[kept], actions[kept], lengths[:keep] + 1, goals[:keep])
