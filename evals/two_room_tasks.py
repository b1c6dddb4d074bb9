"""What is asked of planners in Two-Room: pairs of a start and a goal that recorded walks joined, and a budget of steps.
Knows the world and recorded episodes; must not know models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wmagent.worlds.two_room import Episodes, TwoRoom

OFFSETS = ((25, 50), (50, 100), (100, 150))  # steps between start and goal, and steps that are allowed


@dataclass(frozen=True)
class Task:
    """`starts` and `goals` (n, 2) in pixels; at most `budget` environment steps."""

    name: str
    world: TwoRoom
    starts: np.ndarray
    goals: np.ndarray
    budget: int

    def __len__(self) -> int:
        return len(self.starts)


def tasks(episodes: Episodes, pairs: int, seed: int, offsets: Sequence[tuple[int, int]] = OFFSETS) -> list[Task]:
    """Return the tasks of the published protocol, and one by the strict rule.

    Pairs are drawn evenly, without repetition, from all rows whose episode goes on for the offset, as LeWorldModel's
    evaluation does. The strict task takes only pairs of the first offset that begin unsolved and cross the wall; its
    walks were recorded by the lenient rule, its moves are judged by the strict one.
    """
    found = []
    for offset, budget in offsets:
        found.append(task(episodes, drawn(episodes, offset, pairs, seed), offset, budget))
    offset, budget = offsets[0]
    rows = drawn(episodes, offset, 40 * pairs, seed + 1)
    starts, goals = episodes.positions[rows], episodes.positions[rows + offset]
    world = episodes.world
    crossing = (world.room(starts) != world.room(goals)) & ~world.succeeded(starts, goals)
    strict = replace(world, strict=True)
    crossing &= strict.free(starts)
    found.append(Task(f"strict +{offset}", strict, starts[crossing][:pairs], goals[crossing][:pairs], budget))
    return found


def drawn(episodes: Episodes, offset: int, pairs: int, seed: int) -> np.ndarray:
    """Return the rows (n,) that pairs start at; their goals are `offset` rows later."""
    rows = episodes.windows(offset)
    return np.random.default_rng([seed, offset]).choice(rows, min(pairs, len(rows)), replace=False)


def task(episodes: Episodes, rows: np.ndarray, offset: int, budget: int) -> Task:
    """Return the task of pairs that start at these rows."""
    return Task(f"+{offset}", episodes.world, episodes.positions[rows], episodes.positions[rows + offset], budget)
