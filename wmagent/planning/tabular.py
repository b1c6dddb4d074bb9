"""Dynamics over an explicit table of outcomes: the known-optimum double, and the ceiling of a simulator's oracle.

Knows states as plain facts and what each action may lead to; must not know any planner or concrete world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition, Facts, Value, canonical
from wmagent.domain.world import Oracle
from wmagent.errors import InputError, OutOfDomain
from wmagent.latent.protocols import Latent, Prediction


@dataclass(frozen=True)
class TableOutcome:
    """One row of the table: where an action leads with what probability; `heads` are the ensemble's opinions of it."""

    probability: float
    state: int  # index into the table's states
    duration: float = 0.0  # hours
    cost: float = 0.0
    done: float = 0.0
    heads: tuple[float, ...] = ()


Table = Mapping[tuple[int, int], Sequence[TableOutcome]]  # (state, action) -> outcomes; absent = not legal


class TabularDynamics:
    """A `Dynamics` that looks every answer up; imagined states are exactly the table's states.

    `behaviour` (s, a) are the recorded behaviour's probabilities; without them it is uniform over legal actions.
    Slots are the fact keys, codes their values in order of appearance (0 = absent), z is (b, n, 1).
    """

    def __init__(
        self,
        states: Sequence[Facts],
        actions: Sequence[Action],
        table: Table,
        behaviour: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self.states = tuple(states)
        self._actions = tuple(actions)
        self._table = {pair: tuple(outcomes) for pair, outcomes in table.items() if outcomes}
        _require_sound(self._table, len(self.states), len(self._actions))
        self._slots = tuple(sorted({key for facts in self.states for key in facts}))
        self._values: list[dict[str, int]] = [{} for _ in self._slots]
        self._codes = np.array([self._encode(facts) for facts in self.states], dtype=np.int64)
        self._index = {row.tobytes(): i for i, row in enumerate(self._codes)}
        durations = sorted({o.duration for outcomes in self._table.values() for o in outcomes} or {0.0})
        self._duration_bin = {duration: i for i, duration in enumerate(durations)}
        self._durations = torch.tensor(durations, dtype=torch.float64)
        self._legal = torch.zeros(len(self.states), len(self._actions))
        for state, action in self._table:
            self._legal[state, action] = 1.0
        weights = self._legal if behaviour is None else torch.tensor(behaviour, dtype=torch.float32)
        self._behaviour = weights / weights.sum(1, keepdim=True).clamp_min(1e-12)
        self._heads = max((len(o.heads) for outs in self._table.values() for o in outs), default=0) or 1

    @classmethod
    def from_oracle(
        cls, oracle: Oracle, actions: Sequence[Action], start: Facts | Sequence[Facts], max_states: int = 50_000
    ) -> TabularDynamics:
        """Enumerate what `oracle` says can follow `start` (one state or several) and tabulate it.

        Raises InputError when more than `max_states` states are reachable.
        """
        starts = [start] if isinstance(start, Mapping) else list(start)
        states: list[Facts] = []
        index: dict[tuple[tuple[str, str], ...], int] = {}

        def intern(facts: Facts) -> int:
            key = tuple(sorted((name, canonical(value)) for name, value in facts.items()))
            found = index.setdefault(key, len(states))
            if found == len(states):
                if found >= max_states:
                    raise InputError(
                        f"more than {max_states} states are reachable; raise max_states or shrink the world"
                    )
                states.append(facts)
            return found

        for facts in starts:
            intern(facts)
        table: dict[tuple[int, int], list[TableOutcome]] = {}
        current = 0
        while current < len(states):
            for a, action in enumerate(actions):
                outcomes = oracle.outcomes(states[current], action)
                if outcomes:
                    rows = [TableOutcome(o.probability, intern(o.facts), o.duration, o.cost) for o in outcomes]
                    table[current, a] = rows
            current += 1
        return cls(states, actions, table)

    @property
    def actions(self) -> tuple[Action, ...]:
        """The candidate actions."""
        return self._actions

    @property
    def duration_values(self) -> Tensor:
        """(m,) hours: every duration of the table."""
        return self._durations

    @property
    def table(self) -> dict[tuple[int, int], tuple[TableOutcome, ...]]:
        """The outcomes by (state, action)."""
        return dict(self._table)

    def observe(self, facts: Facts | Sequence[Facts]) -> Latent:
        """Return the latent of one state or several; OutOfDomain for a state that the table lacks."""
        rows = [facts] if isinstance(facts, Mapping) else list(facts)
        return self._latent(np.array([self.state_index(row) for row in rows], dtype=np.int64))

    def state_index(self, facts: Facts) -> int:
        """Return the table's index of a state; OutOfDomain if it has none."""
        codes = [self._values[i].get(canonical(facts[k]), -1) if k in facts else 0 for i, k in enumerate(self._slots)]
        found = self._index.get(np.array(codes, dtype=np.int64).tobytes())
        if found is None or any(key not in self._slots for key in facts):
            raise OutOfDomain(f"the table has no state {dict(facts)!r}")
        return found

    def read(self, latent: Latent) -> list[dict[str, Value]]:
        """Return the facts of every row."""
        return [dict(self.states[i]) for i in self._rows(latent)]

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Look b (state, action) pairs up; a pair that is not legal stays where it is, with legal 0."""
        states, b, h = self._rows(latent), len(latent), self._heads
        rows = [self._table.get((s, a), (TableOutcome(1.0, s),)) for s, a in zip(states, action.tolist(), strict=True)]
        k = max(len(row) for row in rows)
        probs, done = np.zeros((b, k)), np.zeros((b, k))
        heads, durations = np.zeros((h, b, k)), np.zeros((b, k, len(self._durations)))
        following = np.repeat(np.array(states, dtype=np.int64)[:, None], k, 1)
        cost = np.zeros(b)
        durations[:, :, 0] = 1.0
        for i, row in enumerate(rows):
            for j, outcome in enumerate(row):
                probs[i, j], done[i, j], following[i, j] = outcome.probability, outcome.done, outcome.state
                heads[:, i, j] = outcome.heads or outcome.probability
                durations[i, j] = 0.0
                durations[i, j, self._duration_bin.get(outcome.duration, 0)] = 1.0
                cost[i] += outcome.probability * outcome.cost
        legal = self._legal[torch.tensor(states), action]
        return Prediction(
            probs=torch.from_numpy(probs),
            next=self._latent(following.ravel()),
            head_probs=torch.from_numpy(heads),
            legal=legal,
            done=torch.from_numpy(done),
            duration_probs=torch.from_numpy(durations),
            cost=torch.from_numpy(cost),
            surprise=torch.zeros(b),
        )

    def legality(self, latent: Latent) -> Tensor:
        """(b, a) 1 where the table has outcomes, else 0."""
        return self._legal[torch.tensor(self._rows(latent))]

    def behaviour(self, latent: Latent) -> Tensor:
        """(b, a) the given behaviour, or uniform over legal actions."""
        return self._behaviour[torch.tensor(self._rows(latent))]

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """(b,) whether all conditions hold."""
        rows = self._rows(latent)
        return torch.tensor([all(c.holds(self.states[i]) for c in conditions) for i in rows], dtype=torch.bool)

    def _encode(self, facts: Facts) -> list[int]:
        codes = []
        for slot, key in enumerate(self._slots):
            known = self._values[slot]
            codes.append(known.setdefault(canonical(facts[key]), len(known) + 1) if key in facts else 0)
        return codes

    def _latent(self, states: np.ndarray) -> Latent:
        codes = torch.from_numpy(self._codes[states])
        return Latent(codes.unsqueeze(-1).float(), codes)

    def _rows(self, latent: Latent) -> list[int]:
        keys = latent.keys()
        return [self._index[key] for key in keys]


def _require_sound(table: Mapping[tuple[int, int], tuple[TableOutcome, ...]], n_states: int, n_actions: int) -> None:
    """Raise InputError for rows that are not distributions over known states."""
    for (state, action), outcomes in table.items():
        where = f"table row (state {state}, action {action})"
        if not (0 <= state < n_states and 0 <= action < n_actions):
            raise InputError(f"{where} is outside {n_states} states and {n_actions} actions")
        if any(not 0 <= o.state < n_states for o in outcomes):
            raise InputError(f"{where} leads to a state outside 0..{n_states - 1}")
        total = sum(o.probability for o in outcomes)
        if abs(total - 1.0) > 1e-6 or any(o.probability < 0 for o in outcomes):
            raise InputError(f"{where} has probabilities that sum to {total}, not 1")
