"""Where experience comes from: the pure `World` protocol and the exact `Oracle`. Knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from wmagent.domain.types import Action, Facts, Goal, Observation

S = TypeVar("S")
Policy = Callable[[Facts, float], "Action | None"]  # (facts, elapsed hours) -> action, None to stop


@dataclass(frozen=True)
class Step(Generic[S]):
    """What one action did: the next state and what it took; `error` when it was refused (the state then stays)."""

    state: S
    duration: float = 0.0
    cost: float = 0.0
    events: tuple[str, ...] = ()
    done: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """One possible result of an action, exactly as the world's definition has it."""

    probability: float
    facts: Facts
    duration: float
    cost: float
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Truth:
    """The worth of a plan or policy: P(goal within its limits), expected hours and cost until it stops.

    `interval` holds the probability with 90 % where it was sampled; None means that everything is exact.
    """

    probability: float
    duration: float
    cost: float
    interval: tuple[float, float] | None = None


@runtime_checkable
class World(Protocol[S]):
    """A pure simulator: same state, action and seed give the same step; nothing is mutated."""

    @property
    def name(self) -> str: ...

    @property
    def actions(self) -> tuple[Action, ...]: ...

    def initial(self, seed: int) -> S: ...

    def legal(self, state: S) -> tuple[Action, ...]: ...

    def step(self, state: S, action: Action, seed: int) -> Step[S]: ...

    def observe(self, state: S) -> Observation: ...

    def goals(self) -> tuple[Goal, ...]: ...


class Oracle(Protocol):
    """The exact truth of a world small enough to enumerate.

    A *plan* is an open sequence of actions: each is executed if it is legal when its turn comes and skipped
    if not; execution stops at the goal, at a forbidden state, or past the deadline. A *policy* chooses at every
    state. Both are what `wmagent.planning` imagines, so imagined and true numbers compare.
    """

    def outcomes(self, facts: Facts, action: Action) -> tuple[Outcome, ...]: ...

    def reachable(self, start: Facts) -> tuple[Facts, ...]: ...

    def plan_value(self, start: Facts, actions: Sequence[Action], goal: Goal) -> Truth: ...

    def policy_value(self, start: Facts, policy: Policy, goal: Goal) -> Truth: ...

    def optimal(self, start: Facts, goal: Goal) -> Truth: ...

    def optimal_policy(self, start: Facts, goal: Goal) -> Policy: ...
