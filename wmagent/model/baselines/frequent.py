"""Most frequent change per action: what an action usually changes, whatever the state.
Knows counts of recorded changes; knows no torch and nothing about the state it predicts from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from wmagent.domain.types import Action, Facts, Transition, Value
from wmagent.model.baselines.base import (
    Branching,
    Changes,
    FactProbabilities,
    accepted_shares,
    apply_changes,
    changes_between,
    marginals,
)

_NOTHING: Changes = ()


class MostFrequentChange:
    """Applies the set of changes that an action (its label, arguments included) was most often recorded making.

    An action never seen changes nothing. Ties go to the smaller, then alphabetically first set of changes.
    """

    name = "most_frequent_change"

    def __init__(self, keep: int = 64) -> None:
        """`keep`: distinct sets of changes remembered per action, the most frequent ones."""
        self.keep = keep
        self._shares: dict[str, dict[Changes, float]] = {}
        self._accepted: dict[str, float] = {}

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> MostFrequentChange:
        """Count the sets of changes per action; `seed` changes nothing."""
        counts: defaultdict[str, Counter[Changes]] = defaultdict(Counter)
        for row in transitions:
            counts[row.action.label()][changes_between(row.before.facts, row.after.facts)] += 1
        self._shares = {}
        for label, seen in counts.items():
            ranked = sorted(seen.items(), key=lambda item: (-item[1], len(item[0]), str(item[0])))[: self.keep]
            total = sum(n for _, n in ranked)
            self._shares[label] = {changes: n / total for changes, n in ranked}
        self._accepted = accepted_shares(transitions)
        return self

    def changes(self, action: Action) -> dict[Changes, float]:
        """Return the recorded sets of changes of an action with their shares, the most frequent first."""
        return self._shares.get(action.label(), {_NOTHING: 1.0})

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return the facts with each action's most frequent set of changes applied."""
        return [
            apply_changes(state, next(iter(self.changes(action)))) for state, action in zip(facts, actions, strict=True)
        ]

    def fact_probabilities(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[FactProbabilities]:
        """Return the marginals of the recorded sets of changes applied to the given facts."""
        return [marginals(state, self.changes(action)) for state, action in zip(facts, actions, strict=True)]

    def outcomes(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[tuple[Branching, ...]]:
        """Return every recorded set of changes applied to the given facts, with its share."""
        return [
            tuple(Branching(share, apply_changes(state, changes)) for changes, share in self.changes(action).items())
            for state, action in zip(facts, actions, strict=True)
        ]

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the recorded shares of accepted attempts, whatever the facts."""
        return [self._accepted.get(action.label(), 1.0) for action in actions]
