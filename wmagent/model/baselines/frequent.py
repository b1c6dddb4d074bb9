"""Most frequent change per action: what an action usually changes, whatever the state.
Knows counts of recorded changes; knows no torch and nothing about the state it predicts from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from wmagent.domain.types import Action, Facts, Transition
from wmagent.model.baselines.base import (
    NOTHING,
    ChangeBaseline,
    Changes,
    accepted_shares,
    changes_between,
    ranked,
)


class MostFrequentChange(ChangeBaseline):
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
            kept = list(ranked(seen).items())[: self.keep]
            total = sum(n for _, n in kept)
            self._shares[label] = {changes: n / total for changes, n in kept}
        self._accepted = accepted_shares(transitions)
        return self

    def changes(self, action: Action) -> dict[Changes, float]:
        """Return the recorded sets of changes of an action with their shares, the most frequent first."""
        return self._shares.get(action.label(), {NOTHING: 1.0})

    def shares(self, facts: Facts, action: Action) -> Mapping[Changes, float]:
        """Return the action's recorded sets of changes, whatever the facts."""
        return self.changes(action)

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the recorded shares of accepted attempts, whatever the facts."""
        return [self._accepted.get(action.label(), 1.0) for action in actions]
