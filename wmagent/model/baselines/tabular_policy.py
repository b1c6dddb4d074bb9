"""The policy of a solved tabular MDP, and what it does where the log has nothing.
Knows a fitted table and its values; knows no world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wmagent.domain.types import Action, FactKey, Facts, Goal, key_of
from wmagent.model.baselines.base import RankedPolicy, apply_changes
from wmagent.model.baselines.iteration import Clock, Floats, Ints, Values

if TYPE_CHECKING:
    from wmagent.model.baselines.tabular_mdp import TabularMDP


class TabularPolicy(RankedPolicy):
    """Acts by the values of recorded pairs; where those see no way to the goal, by one step of guessing.

    In a recorded state the actions taken there are ranked by value. Where none has a value, in particular in a state
    never seen, every action is tried in thought: its guessed changes (the back-off of `TabularMDP`) and mean hours
    lead to facts that, if they were recorded, have a value; times legality. What is still tied at zero goes by the
    share of the action in the log. `value` is P(goal within the deadline) as the table has it.
    """

    def __init__(self, mdp: TabularMDP, goal: Goal, clock: Clock, values: Values) -> None:
        self.mdp = mdp
        self.goal = goal
        self.clock = clock
        self.values = values
        steps = np.zeros(len(mdp.hours)) if clock.deadline is None else np.ceil(np.array(mdp.hours) / clock.unit - 1e-9)
        self._steps = steps.astype(np.int64)
        self._worth: dict[tuple[FactKey, int], list[float]] = {}
        self._guess: dict[FactKey, _Guess] = {}

    def choices(self, facts: Facts, elapsed: float) -> tuple[Action, ...]:
        """Return the recorded actions, best first; none at the goal, where something forbidden holds and too late."""
        layer = self.clock.layer(elapsed)
        if layer < 0 or self.goal.reached(facts) or self.goal.violated(facts):
            return ()
        worths = self._worths(facts, layer)
        places = sorted(range(len(worths)), key=lambda place: (-worths[place], -self.mdp.usual[place], place))
        return tuple(self.mdp.actions[place] for place in places)

    def value(self, facts: Facts, elapsed: float = 0.0) -> float:
        """Return the (slightly discounted) probability of the goal from here by this policy's own table."""
        layer = self.clock.layer(elapsed)
        if layer < 0 or self.goal.violated(facts):
            return 0.0
        return 1.0 if self.goal.reached(facts) else max(self._worths(facts, layer), default=0.0)

    def _worths(self, facts: Facts, layer: int) -> list[float]:
        """Return what every action is worth, by its recorded pair or, where no recorded pair helps, by guessing."""
        key = key_of(facts)
        if (key, layer) not in self._worth:
            recorded = self._recorded(self.mdp.state_index(facts), layer)
            worths = recorded if recorded.any() else self._guessed(facts, key, layer)
            self._worth[key, layer] = worths.tolist()
        return self._worth[key, layer]

    def _recorded(self, state: int | None, layer: int) -> Floats:
        worths, table = np.zeros(len(self.mdp.actions)), self.mdp.table
        if state is not None and table is not None:
            actions = table.action[table.owner[state] : table.owner[state + 1]]
            worths[actions] = self.values.of_pairs(table, state, layer)
        return worths

    def _guessed(self, facts: Facts, key: FactKey, layer: int) -> Floats:
        if key not in self._guess:
            self._guess[key] = self._guess_from(facts)
        guess = self._guess[key]
        left = layer - self._steps[guess.action]
        worth = np.where(guess.next < 0, left >= 0, self.values.after(guess.next, left))
        ahead = np.bincount(guess.action, guess.share * worth, len(self.mdp.actions))
        return self.values.discount * guess.legality * ahead

    def _guess_from(self, facts: Facts) -> _Guess:
        """Return where every action may lead by its guessed changes, as far as that is worth anything."""
        found: list[tuple[int, int, float]] = []
        for place, action in enumerate(self.mdp.actions):
            for changes, share in self.mdp.guess(action).items():
                after = apply_changes(facts, changes)
                state = -1 if self.goal.reached(after) else self.mdp.state_index(after)
                if state is not None and not self.goal.violated(after):
                    found.append((place, state, share))
        rows = np.array(found, np.float64).reshape(-1, 3)
        legality = self.mdp.legality([facts] * len(self.mdp.actions), self.mdp.actions)
        return _Guess(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2], np.array(legality))


@dataclass(frozen=True)
class _Guess:
    """Guessed outcomes in one state, by `action` (k,): the recorded `next` state, -1 for the goal, with its share."""

    action: Ints
    next: Ints
    share: Floats
    legality: Floats  # (a,)
