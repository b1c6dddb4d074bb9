"""What a baseline is and how a change of facts is written down.
Knows facts, actions and transitions; knows no torch and no world model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from wmagent.domain.types import Action, Facts, Goal, Transition, Value, canonical

Changes = tuple[tuple[str, "Value | None"], ...]  # sorted by key; None: the fact disappears
FactProbabilities = dict[str, dict["Value | None", float]]  # key -> value (None: absent) -> probability
NOTHING: Changes = ()


@dataclass(frozen=True)
class Branching:
    """One possible next state of a baseline with its probability."""

    probability: float
    facts: dict[str, Value]


@runtime_checkable
class Baseline(Protocol):
    """A simple learner of next states: a floor that every world model has to beat.

    Fitting is seeded and returns the baseline itself; a prediction is the whole next fact dict.
    """

    name: str

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> Baseline:
        """Learn from recorded transitions (refused attempts included: their facts stay)."""
        ...

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return the most likely next facts of each (facts, action) pair."""
        ...

    def fact_probabilities(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[FactProbabilities]:
        """Return, per pair, the distribution of every fact that may change (keys left out keep their value)."""
        ...

    def outcomes(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[tuple[Branching, ...]]:
        """Return, per pair, the possible next states, likeliest first; probabilities sum to one."""
        ...

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return, per pair, the probability that the attempt is accepted (recorded share; one if never seen)."""
        ...


class ChangeBaseline(ABC):
    """A baseline that is a distribution over sets of changes; prediction, marginals and outcomes follow from it."""

    @abstractmethod
    def shares(self, facts: Facts, action: Action) -> Mapping[Changes, float]:
        """Return the sets of changes that may follow with their probabilities, the likeliest first."""

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return the facts with the likeliest set of changes applied."""
        pairs = zip(facts, actions, strict=True)
        return [apply_changes(state, next(iter(self.shares(state, action)))) for state, action in pairs]

    def fact_probabilities(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[FactProbabilities]:
        """Return the marginals of the sets of changes applied to the given facts."""
        return [marginals(state, self.shares(state, action)) for state, action in zip(facts, actions, strict=True)]

    def outcomes(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[tuple[Branching, ...]]:
        """Return every set of changes applied to the given facts, with its probability."""
        return [
            tuple(Branching(p, apply_changes(state, changes)) for changes, p in self.shares(state, action).items())
            for state, action in zip(facts, actions, strict=True)
        ]


class RankedPolicy(ABC):
    """A policy that ranks every recorded action, so that where a world refuses one there is a next choice."""

    @abstractmethod
    def choices(self, facts: Facts, elapsed: float) -> tuple[Action, ...]:
        """Return the actions, best first; none at the goal, where something forbidden holds and past the deadline."""

    @abstractmethod
    def value(self, facts: Facts, elapsed: float = 0.0) -> float:
        """Return what the policy takes the state to be worth after `elapsed` hours, in the unit of its baseline."""

    def __call__(self, facts: Facts, elapsed: float) -> Action | None:
        """Return the first choice, None to stop: a `wmagent.domain.world.Policy`."""
        return next(iter(self.choices(facts, elapsed)), None)


@runtime_checkable
class Solver(Protocol):
    """A baseline that has a policy of its own; the others act only through a planner."""

    def solve(self, goal: Goal) -> RankedPolicy:
        """Return the policy that the fitted baseline takes to be best for a goal."""
        ...


def text(value: Value | None) -> str | None:
    """Return the form in which fact values compare; an absent fact stays None and equals only itself."""
    return None if value is None else canonical(value)


def ranked(weights: Mapping[Changes, float]) -> dict[Changes, float]:
    """Return weighted sets of changes, the heaviest first; ties go to the smaller, then alphabetically first set."""
    return dict(sorted(weights.items(), key=lambda item: (-item[1], len(item[0]), str(item[0]))))


def changes_between(before: Facts, after: Facts) -> Changes:
    """Return what differs from `before` to `after`, sorted by key; the new value is None where a fact is gone.

    >>> changes_between({"a": 1, "b": 2}, {"a": 1.0, "c": 3})
    (('b', None), ('c', 3))
    """
    keys = sorted({*before, *after})
    return tuple((key, after.get(key)) for key in keys if text(before.get(key)) != text(after.get(key)))


def apply_changes(before: Facts, changes: Iterable[tuple[str, Value | None]]) -> dict[str, Value]:
    """Return the facts after the changes; `before` is left as it is."""
    after = dict(before)
    for key, value in changes:
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


def marginals(before: Facts, weighted: Mapping[Changes, float]) -> FactProbabilities:
    """Return the distribution of each fact touched by a weighted set of changes (weights sum to one)."""
    result: FactProbabilities = {}
    for key in sorted({key for changes in weighted for key, _ in changes}):
        shares: dict[Value | None, float] = {}
        for changes, weight in weighted.items():
            value = dict(changes).get(key, before.get(key))
            shares[value] = shares.get(value, 0.0) + weight
        result[key] = shares
    return result


def accepted_shares(transitions: Sequence[Transition]) -> dict[str, float]:
    """Return per action label the smoothed share of attempts that were accepted."""
    tried: dict[str, int] = {}
    refused: dict[str, int] = {}
    for row in transitions:
        label = row.action.label()
        tried[label] = tried.get(label, 0) + 1
        refused[label] = refused.get(label, 0) + (row.error is not None)
    return {label: (n - refused[label] + 1.0) / (n + 1.0) for label, n in tried.items()}
