"""Value iteration over a counted table, per step of time left, with numpy.
Knows states, actions and hours as numbers; knows no facts and no goals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
_SETTLED = 1e-9
_MAX_SWEEPS = 2_000


class Entry(NamedTuple):
    """One thing that followed a pair: the next state, the hours it took, and whether the case ended there."""

    next: int
    hours: float
    done: bool


@dataclass(frozen=True)
class Table:
    """p pairs (state, action), sorted by state, and e entries, sorted by pair.

    `first` (p + 1,) bounds the entries of each pair, `owner` (s + 1,) the pairs of each state; `chance` (e,) sums
    to one over a pair.
    """

    state: Ints
    action: Ints
    first: Ints
    owner: Ints
    next: Ints
    hours: Floats
    done: NDArray[np.bool_]
    chance: Floats

    @staticmethod
    def of(counts: Mapping[tuple[int, int], Counter[Entry]], states: int) -> Table:
        """Turn counts by (state, action) into shares."""
        pairs = sorted(counts)
        flat = [(entry, n / counts[pair].total()) for pair in pairs for entry, n in sorted(counts[pair].items())]
        sizes = [len(counts[pair]) for pair in pairs]
        state = np.array([s for s, _ in pairs], np.int64)
        return Table(
            state=state,
            action=np.array([a for _, a in pairs], np.int64),
            first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            owner=np.searchsorted(state, np.arange(states + 1)),
            next=np.array([entry.next for entry, _ in flat], np.int64),
            hours=np.array([entry.hours for entry, _ in flat], np.float64),
            done=np.array([entry.done for entry, _ in flat], bool),
            chance=np.array([share for _, share in flat], np.float64),
        )


@dataclass(frozen=True)
class Clock:
    """How a deadline is cut into steps: layers 0..top of time left. Without a deadline there is one layer."""

    deadline: float | None
    unit: float  # hours of one step
    top: int

    def layer(self, elapsed: float) -> int:
        """Return the whole steps left after `elapsed` hours; negative past the deadline."""
        return 0 if self.deadline is None else math.floor((self.deadline - elapsed) / self.unit + 1e-9)

    def spread(self, hours: Floats) -> tuple[Ints, Floats]:
        """Return (e,) whole steps that hours take, and the share (e,) that takes one step more: right on average."""
        if self.deadline is None:
            return np.zeros(len(hours), np.int64), np.zeros(len(hours))
        steps = hours / self.unit
        low = np.floor(steps + 1e-6)
        more = steps - low
        return low.astype(np.int64), np.where(more > 1e-6, more, 0.0)


def steps_of(hours: Floats, deadline: float | None, cells: int) -> Clock:
    """Return the clock of a deadline: the largest common unit of all hours, or 1 / `cells` of it if that is finer."""
    if deadline is None:
        return Clock(None, 1.0, 0)
    distinct = [Fraction(str(value)) for value in np.unique(hours).tolist() if value > 0]
    scale = math.lcm(*(part.denominator for part in distinct))
    unit = math.gcd(*(int(part * scale) for part in distinct)) / scale or max(deadline, 1.0)
    unit = max(unit, deadline / cells)
    return Clock(deadline, unit, max(0, math.floor(deadline / unit + 1e-9)))


@dataclass(frozen=True)
class Values:
    """What states are worth (layers, s), and how each entry was backed up: whole steps, and the share one later."""

    worth: Floats
    steps: Ints
    more: Floats
    chance: Floats  # (e,) zero where the case ended short of the goal
    discount: float

    def of_pairs(self, table: Table, state: int, layer: int) -> Floats:
        """Return what each recorded pair of a state is worth with `layer` steps left."""
        pairs = slice(int(table.owner[state]), int(table.owner[state + 1]))
        part = slice(int(table.first[pairs.start]), int(table.first[pairs.stop]))
        following, steps, more = table.next[part], self.steps[part], self.more[part]
        soon, late = (self.after(following, layer - taken) for taken in (steps, steps + 1))
        weighted = self.chance[part] * ((1.0 - more) * soon + more * late)
        pair = np.repeat(np.arange(pairs.stop - pairs.start), np.diff(table.first[pairs.start : pairs.stop + 1]))
        return self.discount * np.bincount(pair, weighted, pairs.stop - pairs.start)

    def after(self, states: Ints, layers: Ints) -> Floats:
        """Return (k,) what states are worth with that many steps left; nothing when it is too late."""
        return np.where(layers >= 0, self.worth[np.maximum(layers, 0), states], 0.0)


def iterate(table: Table, won: Sequence[bool], lost: Sequence[bool], clock: Clock, discount: float) -> Values:
    """Return the discounted probability of getting to a won state in time, for every state and time left.

    Computed from below, so that circles cannot feed on themselves; states without a recorded pair are worth nothing.
    """
    goal, bad = np.asarray(won, bool), np.asarray(lost, bool)
    steps, more = clock.spread(table.hours)
    chance = np.where(table.done & ~goal[table.next], 0.0, table.chance)
    values = Values(np.zeros((clock.top + 1, len(goal))), steps, more, chance, discount)
    values.worth[:, goal] = 1.0
    if not len(table.state):
        return values
    pair = np.repeat(np.arange(len(table.state)), np.diff(table.first))
    split = np.flatnonzero(more)
    lines = _Lines(
        pair=np.concatenate([pair, pair[split]]),
        next=np.concatenate([table.next, table.next[split]]),
        steps=np.concatenate([steps, steps[split] + 1]),
        weight=np.concatenate([chance * (1.0 - more), chance[split] * more[split]]) * discount,
    )
    here = lines.take(lines.steps == 0)
    later = lines.take(lines.steps > 0)
    owners, first = np.unique(table.state, return_index=True)
    fixed = (goal | bad)[owners]
    for layer in range(clock.top + 1):
        row = values.worth[layer]
        row[owners] = values.worth[max(layer - 1, 0), owners]  # more time is never worth less
        ahead = later.backup(values.worth, layer, len(table.state))
        for _ in range(_MAX_SWEEPS):
            worth = ahead + here.backup(values.worth, layer, len(table.state))
            best = np.where(fixed, row[owners], np.maximum.reduceat(worth, first))
            change = float(np.abs(best - row[owners]).max())
            row[owners] = best
            if not len(here.pair) or change < _SETTLED:
                break
    return values


@dataclass(frozen=True)
class _Lines:
    """Weighted ways from a pair to a next state that take some steps."""

    pair: Ints
    next: Ints
    steps: Ints
    weight: Floats

    def take(self, kept: NDArray[np.bool_]) -> _Lines:
        return _Lines(self.pair[kept], self.next[kept], self.steps[kept], self.weight[kept])

    def backup(self, worth: Floats, layer: int, pairs: int) -> Floats:
        """Return the expected next worth (pairs,); what takes more than `layer` steps comes too late."""
        reached = worth[np.maximum(layer - self.steps, 0), self.next]
        weighted = np.where(self.steps <= layer, self.weight * reached, 0.0)
        return np.bincount(self.pair, weighted, pairs).astype(np.float64, copy=False)
