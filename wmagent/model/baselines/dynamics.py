"""Any baseline as a Dynamics, so that planners can be run on floors exactly as on a world model.
Knows baselines and recorded transitions; must not know any planner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition, Facts, Transition, Value
from wmagent.errors import InputError, unknown
from wmagent.latent.protocols import Latent, Prediction
from wmagent.model.baselines.base import Baseline, text

MAX_DURATIONS = 32


class BaselineDynamics:
    """A fitted baseline with what else planners need, counted from the same transitions.

    Outcomes and legality are the baseline's; durations are the action's recorded ones, costs its mean, behaviour
    its share among accepted actions, whatever the state. Codes are values in order of appearance (0 = absent),
    z is (b, n, 1).
    """

    def __init__(self, baseline: Baseline, transitions: Sequence[Transition]) -> None:
        if not transitions:
            raise InputError("a baseline's dynamics need the transitions it was fitted on")
        self.baseline = baseline
        self._actions = tuple(dict(sorted((row.action.label(), row.action) for row in transitions)).values())
        self._places = {action.label(): index for index, action in enumerate(self._actions)}
        self._slots = tuple(sorted({key for row in transitions for key in (*row.before.facts, *row.after.facts)}))
        self._codes: list[dict[str | None, int]] = [{None: 0} for _ in self._slots]
        self._values: list[list[Value | None]] = [[None] for _ in self._slots]
        accepted = [row for row in transitions if row.error is None]
        self._hours = _grid([row.duration for row in accepted])
        self._spread = self._durations(accepted)
        self._cost = torch.tensor([_mean([r.cost for r in accepted if r.action == a]) for a in self._actions])
        shares = Counter(row.action.label() for row in accepted)
        self._usual = torch.tensor([float(shares[action.label()]) for action in self._actions])

    def _durations(self, accepted: Sequence[Transition]) -> Tensor:
        """Return (a, m): how each action's recorded durations spread over the grid."""
        spread = torch.zeros(len(self._actions), len(self._hours))
        for row in accepted:
            place = int((self._hours - row.duration).abs().argmin())
            spread[self._places[row.action.label()], place] += 1.0
        spread[spread.sum(1) == 0, 0] = 1.0
        return spread / spread.sum(1, keepdim=True)

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every recorded action, sorted by label."""
        return self._actions

    @property
    def duration_values(self) -> Tensor:
        """(m,) hours: the recorded durations, or 32 quantiles of them."""
        return self._hours

    def action_index(self, action: Action) -> int:
        """Return the index of a recorded action."""
        if action.label() not in self._places:
            raise unknown("action", action.label(), self._places)
        return self._places[action.label()]

    def observe(self, facts: Facts | Sequence[Facts]) -> Latent:
        """Code one state or several; values not seen before get new codes, unknown keys are left out."""
        rows = [facts] if isinstance(facts, Mapping) else list(facts)
        coded = [[self._code(slot, row.get(key)) for slot, key in enumerate(self._slots)] for row in rows]
        codes = torch.from_numpy(np.asarray(coded, np.int64).reshape(len(rows), len(self._slots)))
        return Latent(codes[..., None].float(), codes)

    def read(self, latent: Latent) -> list[dict[str, Value]]:
        """Return the facts of every row."""
        found: list[dict[str, Value]] = []
        for row in latent.codes.tolist():
            values = ((key, self._values[slot][row[slot]]) for slot, key in enumerate(self._slots))
            found.append({key: value for key, value in values if value is not None})
        return found

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Ask the baseline for the outcomes of b pairs; fewer than k are padded with probability 0."""
        facts, chosen = self.read(latent), [self._actions[index] for index in action.tolist()]
        branches = self.baseline.outcomes(facts, chosen)
        b, k = len(facts), max((len(found) for found in branches), default=1)
        probs = torch.zeros(b, k)
        following: list[Facts] = []
        for row, found in enumerate(branches):
            probs[row, : len(found)] = torch.tensor([branch.probability for branch in found])
            following += [branch.facts for branch in found] + [facts[row]] * (k - len(found))
        return Prediction(
            probs=probs,
            next=self.observe(following),
            head_probs=probs[None],
            legal=torch.tensor(self.baseline.legality(facts, chosen)),
            done=torch.zeros(b, k),
            duration_probs=self._spread[action][:, None, :].expand(b, k, -1).clone(),
            cost=self._cost[action],
            surprise=torch.zeros(b),
        )

    def legality(self, latent: Latent) -> Tensor:
        """Return (b, a): the baseline's legality of every action in every state."""
        facts, size = self.read(latent), len(self._actions)
        asked = self.baseline.legality([f for f in facts for _ in range(size)], list(self._actions) * len(facts))
        return torch.tensor(asked).view(len(facts), size)

    def behaviour(self, latent: Latent) -> Tensor:
        """Return (b, a): recorded shares of the actions, whatever the state."""
        return (self._usual / self._usual.sum().clamp_min(1.0)).expand(len(latent), -1).clone()

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """Return (b,) whether all conditions hold in the facts."""
        return torch.tensor([all(c.holds(facts) for c in conditions) for facts in self.read(latent)], dtype=torch.bool)

    def _code(self, slot: int, value: Value | None) -> int:
        known = self._codes[slot]
        name = text(value)
        if name not in known:
            known[name] = len(known)
            self._values[slot].append(value)
        return known[name]


def _grid(durations: Sequence[float]) -> Tensor:
    distinct = sorted({round(float(hours), 6) for hours in durations}) or [0.0]
    if len(distinct) > MAX_DURATIONS:
        distinct = sorted(set(np.quantile(np.asarray(durations), np.linspace(0, 1, MAX_DURATIONS)).tolist()))
    return torch.tensor(distinct)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
