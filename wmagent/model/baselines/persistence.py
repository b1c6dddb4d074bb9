"""Persistence: nothing ever changes. The floor below all floors.
Knows only how often each fact stayed as it was; knows no torch."""

from __future__ import annotations

from collections.abc import Sequence

from wmagent.domain.types import Action, Facts, Transition, Value
from wmagent.model.baselines.base import Branching, FactProbabilities, accepted_shares, changes_between


class Persistence:
    """Predicts the state it is given; its confidence in a fact is the recorded share of steps that left it alone."""

    name = "persistence"

    def __init__(self) -> None:
        self._stays: dict[str, float] = {}
        self._accepted: dict[str, float] = {}

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> Persistence:
        """Count how often each fact that ever changed stayed as it was; `seed` changes nothing."""
        changed: dict[str, int] = {}
        for row in transitions:
            for key, _ in changes_between(row.before.facts, row.after.facts):
                changed[key] = changed.get(key, 0) + 1
        self._stays = {key: 1.0 - n / len(transitions) for key, n in sorted(changed.items())}
        self._accepted = accepted_shares(transitions)
        return self

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return copies of the given facts."""
        return [dict(state) for state in facts]

    def fact_probabilities(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[FactProbabilities]:
        """Return the recorded share of staying for each fact that ever changed; the rest is left open."""
        return [{key: {state.get(key): share} for key, share in self._stays.items()} for state in facts]

    def outcomes(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[tuple[Branching, ...]]:
        """Return the given facts as the only outcome."""
        return [(Branching(1.0, dict(state)),) for state in facts]

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the recorded shares of accepted attempts, whatever the facts."""
        return [self._accepted.get(action.label(), 1.0) for action in actions]
