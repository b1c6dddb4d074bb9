"""Ways of going on from imagined states: a fixed course of actions, or rules over facts and time.
Knows the graph and beliefs over its states; must not know how a way is followed to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np
import torch

from wmagent.domain.types import Condition
from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.grid import Grid

SKIP = -1  # entry of `Turn.action`: the row's next step is not allowed and left out
RARE = 1e-3  # recorded behaviour less likely than this is not followed


@dataclass(frozen=True)
class Clock:
    """The grids on which hours and money are counted up; `since` are hours that had passed before the start.

    Beyond the last cell a limit is broken where there is one; without one all that is later or dearer counts alike.
    """

    time: Grid
    money: Grid
    deadline: bool
    budget: bool
    since: float = 0.0


@dataclass
class Belief:
    """Where a way may be: rows of (state, next place in the course, cells elapsed, cells waited, cells spent, rules
    that must not be applied again yet) with `mass` (rows, 1 + h) under the mean and each head."""

    state: np.ndarray
    place: np.ndarray
    elapsed: np.ndarray
    waited: np.ndarray
    spent: np.ndarray
    muted: np.ndarray
    mass: np.ndarray

    @staticmethod
    def start() -> Belief:
        """Return the belief of being at the graph's start."""
        return Belief(**{part.name: np.zeros(1, np.int64) for part in fields(Belief)[:-1]}, mass=np.ones((1, 1)))

    @staticmethod
    def of(columns: np.ndarray, mass: np.ndarray) -> Belief:
        """Return the belief with these `columns` (rows, 6)."""
        named = zip(fields(Belief)[:-1], columns.T, strict=True)
        return Belief(**{part.name: column for part, column in named}, mass=mass)

    @property
    def columns(self) -> np.ndarray:
        """(rows, 6): all that tells rows apart."""
        return np.stack([getattr(self, part.name) for part in fields(self)[:-1]], 1)

    def take(self, index: np.ndarray) -> Belief:
        """Return the rows `index`."""
        return Belief(*(getattr(self, part.name)[index] for part in fields(self)))

    @staticmethod
    def cat(parts: Sequence[Belief]) -> Belief:
        """Return the parts one below the other."""
        return Belief(*(np.concatenate([getattr(p, part.name) for p in parts]) for part in fields(Belief)))


@dataclass(frozen=True)
class Turn:
    """What comes next, one line per row of a belief and thing it may do; rows that have no line stop.

    `rule` is the rule that says so (-1: none), `wait` the hours before the action begins, `weight` its share.
    """

    row: np.ndarray
    action: np.ndarray
    place: np.ndarray
    rule: np.ndarray
    wait: np.ndarray
    weight: np.ndarray


class Way(Protocol):
    """Says what comes next."""

    @property
    def longest(self) -> int:
        """For how many turns it is followed at most."""
        ...

    def turn(self, graph: ImaginedGraph, belief: Belief, clock: Clock) -> Turn: ...


@dataclass(frozen=True)
class FixedCourse:
    """Actions one after the other, left out where they are not allowed; `waits` are hours before steps, by place."""

    actions: tuple[int, ...]
    waits: Mapping[int, float] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        return len(self.actions)

    def turn(self, graph: ImaginedGraph, belief: Belief, clock: Clock) -> Turn:
        """Return each row's next step."""
        row = np.nonzero(belief.place < len(self.actions))[0]
        place, state = belief.place[row], belief.state[row]
        graph.know(state)
        action = np.array(self.actions, dtype=np.int64)[place]
        action = np.where(graph.legal[state, action], action, SKIP)
        hours = np.array([self.waits.get(i, 0.0) for i in range(len(self.actions))])
        wait = np.where(action == SKIP, 0.0, hours[place])
        return Turn(row, action, place + 1, np.full(len(row), -1), wait, np.ones(len(row)))


@dataclass(frozen=True)
class Recorded:
    """What recorded behaviour does, at random as it did."""

    longest: int

    def turn(self, graph: ImaginedGraph, belief: Belief, clock: Clock) -> Turn:
        """Return each row's usual actions with their shares."""
        graph.know(belief.state)
        usual = graph.prior[belief.state]
        usual = np.where(usual >= RARE, usual, 0.0)
        row, action = np.nonzero(usual)
        weight = usual[row, action] / usual.sum(1)[row]
        return Turn(row, action, belief.place[row], np.full(len(row), -1), np.zeros(len(row)), weight)


@dataclass(frozen=True)
class TimedRule:
    """An action where conditions on facts hold, and those on the hours elapsed and waited."""

    action: int
    facts: tuple[Condition, ...] = ()
    elapsed: tuple[Condition, ...] = ()
    waiting: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The first rule that fits decides, else the way `otherwise`; which rules fit is looked at before every step."""

    rules: tuple[TimedRule, ...]
    otherwise: FixedCourse | Recorded
    longest: int

    def turn(self, graph: ImaginedGraph, belief: Belief, clock: Clock) -> Turn:
        """Return what the rules or the way behind them say."""
        n = len(belief.state)
        chosen = np.full(n, -1)
        graph.know(belief.state)
        states, back = np.unique(belief.state, return_inverse=True)
        latents = graph.latents(states)
        for number, rule in enumerate(self.rules):
            with torch.no_grad():
                fits = graph.model.holds(latents, rule.facts).cpu().numpy()[back.ravel()]
            fits = fits & graph.legal[belief.state, rule.action] & ((belief.muted >> number) & 1 == 0)
            fits &= _accepted(rule.elapsed, clock.since + belief.elapsed * clock.time.unit, clock)
            fits &= _accepted(rule.waiting, belief.waited * clock.time.unit, clock)
            chosen[(chosen < 0) & fits] = number
        ruled, free = np.nonzero(chosen >= 0)[0], np.nonzero(chosen < 0)[0]
        rest = self.otherwise.turn(graph, belief.take(free), clock)
        action = np.array([rule.action for rule in self.rules], dtype=np.int64)[chosen[ruled]]
        return Turn(
            np.concatenate([ruled, free[rest.row]]),
            np.concatenate([action, rest.action]),
            np.concatenate([belief.place[ruled], rest.place]),
            np.concatenate([chosen[ruled], rest.rule]),
            np.concatenate([np.zeros(len(ruled)), rest.wait]),
            np.concatenate([np.ones(len(ruled)), rest.weight]),
        )

    @property
    def waits(self) -> bool:
        """Whether any rule asks for how long nothing has changed."""
        return any(rule.waiting for rule in self.rules)


def _accepted(conditions: Sequence[Condition], hours: np.ndarray, clock: Clock) -> np.ndarray:
    """Return (rows,) bool: the hours satisfy all conditions, up to a thousandth of a cell."""
    found = np.ones(len(hours), dtype=bool)
    slack = 1e-3 * clock.time.unit
    for condition in conditions:
        limit = float(condition.value)
        found &= {
            ">": hours > limit + slack,
            ">=": hours >= limit - slack,
            "<": hours < limit - slack,
            "<=": hours <= limit + slack,
            "==": np.abs(hours - limit) <= slack,
            "!=": np.abs(hours - limit) > slack,
        }[condition.op]
    return found
