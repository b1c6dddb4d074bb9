"""Markov: the next change given the action and the latest changes still visible, an n-gram with Witten-Bell back-off.
Knows counts of recorded changes in contexts read off the facts; knows no torch and no state as a whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wmagent.domain.types import Action, Facts, Transition
from wmagent.errors import InputError
from wmagent.model.baselines.base import NOTHING, ChangeBaseline, Changes, changes_between, ranked, text

Assignment = tuple[str, "str | None"]  # key, value as text (None: the fact has disappeared)
Context = tuple[str, tuple["Assignment | None", ...]]  # action label, the latest changes (None: before the first)


@dataclass
class _Counts:
    """What was recorded in one context."""

    changes: Counter[Changes] = field(default_factory=Counter)
    refused: int = 0

    @property
    def total(self) -> int:
        return self.changes.total()

    @property
    def verdicts(self) -> int:
        """How many distinct verdicts (accepted, refused) were recorded."""
        return (self.refused > 0) + (self.refused < self.total)


class Markov(ChangeBaseline):
    """P(set of changes | action, the `order` latest changes), interpolated over orders as Witten and Bell did.

    A prediction is asked from facts alone, so history is read off them, in fitting as in predicting: every
    assignment `key = value` that the log records as a change has a place, the mean step of a case at which it is
    made; those in force in the facts, latest place first, are the history. Facts that never change (an amount, a
    customer) are not seen; what has been overwritten is forgotten. A history shorter than `order` is filled up
    with a start symbol.

    With n(c) of N rows in a context showing the set of changes c, T distinct sets among them, and P' one order
    below, P(c) = (n(c) + T P'(c)) / (N + T). The lowest order is the action (its label) alone, and below it nothing
    changes; so an action never seen changes nothing. A context never seen is its next shorter one. Refused attempts
    count as changing nothing. Legality is the share of accepted attempts, backed off likewise down to one.
    """

    name = "markov"

    def __init__(self, order: int = 3, least: float = 1e-4) -> None:
        """`order`: changes looked back on; sets of changes less likely than `least` are left out of an answer."""
        if order < 0 or not 0 <= least < 1:
            raise InputError(f"order must be at least 0 and least in [0, 1), not {order} and {least}")
        self.order = order
        self.least = least
        self._places: dict[Assignment, float] = {}
        self._keys: tuple[str, ...] = ()
        self._counts: dict[Context, _Counts] = {}
        self._known: dict[Context, tuple[Mapping[Changes, float], float]] = {}

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> Markov:
        """Count the sets of changes in every context up to the order; `seed` changes nothing."""
        self._places = _places(transitions)
        self._keys = tuple(sorted({key for key, _ in self._places}))
        counts: defaultdict[Context, _Counts] = defaultdict(_Counts)
        for row in transitions:
            changes = changes_between(row.before.facts, row.after.facts)
            for context in self._contexts(row.before.facts, row.action):
                counts[context].changes[changes] += 1
                counts[context].refused += row.error is not None
        self._counts, self._known = dict(counts), {}
        return self

    def history(self, facts: Facts) -> tuple[Assignment, ...]:
        """Return the recorded changes in force, the one usually made latest first."""
        seen = [(key, text(facts.get(key))) for key in self._keys]
        return tuple(sorted((one for one in seen if one in self._places), key=lambda one: (-self._places[one], one[0])))

    def shares(self, facts: Facts, action: Action) -> Mapping[Changes, float]:
        """Return the interpolated distribution over sets of changes."""
        return self._answer(facts, action)[0]

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the interpolated shares of accepted attempts."""
        return [self._answer(state, action)[1] for state, action in zip(facts, actions, strict=True)]

    def _contexts(self, facts: Facts, action: Action) -> Iterator[Context]:
        """Yield the contexts of a pair, the shortest first."""
        latest = (*self.history(facts)[: self.order], *(None,) * self.order)
        for length in range(self.order + 1):
            yield action.label(), latest[:length]

    def _answer(self, facts: Facts, action: Action) -> tuple[Mapping[Changes, float], float]:
        known = [context for context in self._contexts(facts, action) if context in self._counts]
        if not known:
            return {NOTHING: 1.0}, 1.0
        if known[-1] not in self._known:
            self._known[known[-1]] = self._interpolated([self._counts[context] for context in known])
        return self._known[known[-1]]

    def _interpolated(self, orders: Sequence[_Counts]) -> tuple[Mapping[Changes, float], float]:
        """Return the distribution and the legality of nested contexts, the shortest first."""
        shares, accepted = {NOTHING: 1.0}, 1.0
        for counts in orders:
            n, types = counts.total, len(counts.changes)
            shares = {
                changes: (counts.changes[changes] + types * shares.get(changes, 0.0)) / (n + types)
                for changes in {**shares, **counts.changes}
            }
            accepted = (n - counts.refused + counts.verdicts * accepted) / (n + counts.verdicts)
        kept = {changes: share for changes, share in shares.items() if share >= self.least}
        total = sum(kept.values())
        return ranked({changes: share / total for changes, share in kept.items()}), accepted


def _places(transitions: Sequence[Transition]) -> dict[Assignment, float]:
    """Return for every assignment recorded as a change the mean step of its case at which it was made."""
    found: defaultdict[Assignment, list[int]] = defaultdict(list)
    step, above = 0, None
    for row in transitions:
        goes_on = above is not None and row.case == above.case
        if above is not None and not row.case:  # a log without cases: a case is a walk
            goes_on = goes_on and row.before.facts == above.after.facts
        step, above = step + 1 if goes_on else 0, row
        for key, value in changes_between(row.before.facts, row.after.facts):
            found[key, text(value)].append(step)
    return {assignment: sum(steps) / len(steps) for assignment, steps in found.items()}
