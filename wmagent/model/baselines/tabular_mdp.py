"""Tabular MDP: transition counts per exact (state, action), solved for a goal by value iteration.
Knows recorded states one by one and what followed them; knows no torch and nothing that two states share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from wmagent.domain.types import Action, FactKey, Facts, Goal, Transition, key_of
from wmagent.errors import InputError
from wmagent.model.baselines.base import NOTHING, ChangeBaseline, Changes, accepted_shares, changes_between, ranked
from wmagent.model.baselines.frequent import MostFrequentChange
from wmagent.model.baselines.iteration import Entry, Table, iterate, steps_of
from wmagent.model.baselines.tabular_policy import TabularPolicy

Unseen = Literal["change", "nothing"]


class TabularMDP(ChangeBaseline):
    """The classical competitor: maximum-likelihood transition probabilities per exact state and action.

    A pair that the log has: the recorded shares of what followed (refused attempts: the facts stayed), legal with
    the share of accepted attempts, smoothed by one attempt of the action's overall share. A pair that it lacks,
    because the action was never tried in exactly these facts, backs off: with `unseen="change"` to the shares of
    the action's recorded sets of changes whatever the state (`MostFrequentChange`), with "nothing" to persistence;
    its legality is the action's overall accepted share. An action never seen changes nothing and is legal.
    """

    name = "tabular_mdp"

    def __init__(self, unseen: Unseen = "change", discount: float = 0.9999, cells: int = 256) -> None:
        """`discount` per step makes short ways win ties; `cells`: time steps into which deadlines are cut at most."""
        if unseen not in ("change", "nothing") or not 0 < discount < 1 or cells < 1:
            raise InputError(
                f"unseen is 'change' or 'nothing', discount in (0, 1), cells at least 1; not {unseen!r}, {discount}, "
                f"{cells}"
            )
        self.unseen: Unseen = unseen
        self.discount = discount
        self.cells = cells
        self.actions: tuple[Action, ...] = ()  # recorded, sorted by label
        self.states: tuple[Facts, ...] = ()  # recorded, in order of appearance
        self.usual: tuple[float, ...] = ()  # share of each action among accepted ones
        self.hours: tuple[float, ...] = ()  # mean recorded hours of each action
        self.table: Table | None = None
        self._frequent = MostFrequentChange()
        self._overall: dict[str, float] = {}
        self._index: dict[FactKey, int] = {}
        self._followed: dict[tuple[int, str], Counter[int]] = {}
        self._refused: Counter[tuple[int, str]] = Counter()

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> TabularMDP:
        """Count what followed every recorded (state, action); `seed` changes nothing."""
        self.actions = tuple(dict(sorted((row.action.label(), row.action) for row in transitions)).values())
        places = {action.label(): place for place, action in enumerate(self.actions)}
        states: list[Facts] = []
        self._index, self._followed, self._refused = {}, {}, Counter()
        accepted: dict[tuple[int, int], Counter[Entry]] = {}
        times, hours = [0] * len(places), [0.0] * len(places)
        for row in transitions:
            before, after = (self._intern(facts, states) for facts in (row.before.facts, row.after.facts))
            label = row.action.label()
            self._followed.setdefault((before, label), Counter())[after] += 1
            if row.error is not None:
                self._refused[before, label] += 1
                continue
            place, duration = places[label], round(row.duration, 6)
            accepted.setdefault((before, place), Counter())[Entry(after, duration, row.done)] += 1
            times[place], hours[place] = times[place] + 1, hours[place] + duration
        self.states = tuple(states)
        self.table = Table.of(accepted, len(states))
        self.usual = tuple(n / max(1, sum(times)) for n in times)
        self.hours = tuple(h / max(1, n) for h, n in zip(hours, times, strict=True))
        self._overall = accepted_shares(transitions)
        self._frequent.fit(transitions)
        return self

    def state_index(self, facts: Facts) -> int | None:
        """Return the place of recorded facts in `states`; None for facts never seen."""
        return self._index.get(key_of(facts))

    def shares(self, facts: Facts, action: Action) -> Mapping[Changes, float]:
        """Return the recorded shares of what followed the pair, or the back-off of a pair never seen."""
        state = self.state_index(facts)
        followed = None if state is None else self._followed.get((state, action.label()))
        if followed is None:
            return self.guess(action)
        total = followed.total()
        return ranked({changes_between(facts, self.states[after]): n / total for after, n in followed.items()})

    def guess(self, action: Action) -> Mapping[Changes, float]:
        """Return what is said of a pair never seen."""
        return {NOTHING: 1.0} if self.unseen == "nothing" else self._frequent.changes(action)

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the smoothed share of accepted attempts of each pair, or the action's where the pair is new."""
        found, above, state = [], None, None
        for each, action in zip(facts, actions, strict=True):
            if each is not above:  # planners ask for all actions of one state in a row
                above, state = each, self.state_index(each)
            label = action.label()
            overall = self._overall.get(label, 1.0)
            followed = None if state is None else self._followed.get((state, label))
            n = 0 if followed is None else followed.total()
            refused = 0 if state is None else self._refused[state, label]
            found.append((n - refused + overall) / (n + 1))
        return found

    def solve(self, goal: Goal) -> TabularPolicy:
        """Return the policy of the highest P(goal within its deadline) under the counted table.

        Value iteration over the recorded states and their accepted pairs; time left is cut into at most `cells`
        steps (exact where all recorded durations share a unit that fits, split between neighbours elsewhere). Where
        the case ended short of the goal nothing follows. A limit on cost plays no part: a policy does not see money.
        """
        if self.table is None:
            raise InputError("the tabular MDP has not been fitted; call fit(transitions) first")
        lost = [goal.violated(facts) for facts in self.states]
        won = [goal.reached(facts) and not bad for facts, bad in zip(self.states, lost, strict=True)]
        clock = steps_of(self.table.hours, goal.deadline, self.cells)
        values = iterate(self.table, won, lost, clock, self.discount)
        return TabularPolicy(self, goal, clock, values)

    def _intern(self, facts: Facts, states: list[Facts]) -> int:
        found = self._index.setdefault(key_of(facts), len(states))
        if found == len(states):
            states.append(facts)
        return found
