"""A floor for guards: what an action's recorded steps mostly led to, whatever the state. Knows recorded rows only."""

from __future__ import annotations

from collections.abc import Sequence

from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Facts, Transition
from wmagent.domain.world import Outcome
from wmagent.model.baselines.frequent import MostFrequentChange

ALLOWED = 0.5


class Frequent:
    """Imagines by counting: every set of changes that an action was recorded making, with its share."""

    def __init__(self, rows: Sequence[Transition], actions: tuple[Action, ...]) -> None:
        self.actions = actions
        accepted = [
            row for row in rows if row.error is None
        ]  # refused attempts change nothing and say nothing of results
        self._changes = MostFrequentChange(keep=10_000).fit(accepted)
        self._attempts = MostFrequentChange().fit(rows)

    def legality(self, state: Facts, action: Action) -> float:
        """Return the recorded share of accepted attempts."""
        return self._attempts.legality([state], [action])[0]

    def legal(self, state: Facts) -> tuple[Action, ...]:
        """Return the actions that were mostly accepted."""
        return tuple(action for action in self.actions if self.legality(state, action) >= ALLOWED)

    def outcomes(self, facts: Facts, action: Action) -> tuple[Outcome, ...]:
        """Return the facts with each recorded set of changes."""
        found = []
        for changes, share in self._changes.shares(facts, action).items():
            after = dict(facts)
            for key, value in changes:
                after.pop(key, None) if value is None else after.update({key: value})
            found.append(Outcome(share, after, 0.0, 0.0))
        return tuple(found)

    def evidence(self, facts: Facts, action: Action, k: int = 3) -> Evidence:
        """Return that all is known: counting asks no more."""
        return Evidence("observed", 1)
