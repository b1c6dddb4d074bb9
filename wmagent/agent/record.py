"""The model's memory as decisions: what was chosen where, how likely that was, and whether the goal followed.
Knows memory as rows in recorded order; must not know estimators and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Condition, Facts, Goal, Value
from wmagent.errors import InputError
from wmagent.latent.protocols import Dynamics, Latent

Floats, Ints = NDArray[np.float64], NDArray[np.int64]
STRENGTHS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # recorded decisions that the behaviour head counts for
LEGAL, CHUNK = 0.5, 4_096


class Rows(Protocol):
    """Recorded rows in recorded order: codes (N, s) before and after, action indices (N,), accepted (N,), hours (N,) or
    NaN where they were not kept, case ids; `radius` is how far apart features may be that count as near."""

    @property
    def before(self) -> Tensor: ...

    @property
    def after(self) -> Tensor: ...

    @property
    def action(self) -> Tensor: ...

    @property
    def accepted(self) -> Tensor: ...

    @property
    def hours(self) -> Tensor: ...

    @property
    def cases(self) -> Sequence[str]: ...

    @property
    def radius(self) -> float: ...


class RememberingModel(Dynamics, Protocol):
    """A world model that keeps what it was learned from; the methods are those of `AgentModel` and `WorldModel`."""

    @property
    def memory(self) -> Rows | None: ...

    @property
    def slots(self) -> tuple[str, ...]: ...

    def values(self, key: str) -> tuple[Value | None, ...]: ...

    def observe(self, facts: Facts) -> Latent: ...

    def read(self, latent: Latent) -> list[dict[str, Value]]: ...

    def action_index(self, action: Action | str) -> int: ...

    def evidences(self, facts: Sequence[Facts], actions: Sequence[Action]) -> Sequence[Evidence]: ...

    def latent(self, codes: Tensor) -> Latent: ...

    def features(self, latent: Latent, action: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Record:
    """Accepted recorded steps as decisions. `state` (N,) says which of the distinct `states` (x, s) each was made in,
    `action` (N,) what was chosen, `case` (N,) whose it is; `hours` (N,) what it took. `legal` (x, a) and `propensity`
    (x, a) say what is allowed there and how often it is chosen."""

    rows: Rows
    kept: Ints  # the accepted rows
    states: Tensor
    state: Ints
    action: Ints
    case: Ints
    hours: Floats
    legal: NDArray[np.bool_]
    propensity: Floats

    def hours_to(self, model: Dynamics, goal: Goal) -> Floats:
        """Return (N,) the hours from each decision until the goal is first reached; infinite where it is not, or where
        a forbidden fact comes first, or the case was given up."""
        before, after = (_settled(model, goal, codes[self.kept]) for codes in (self.rows.before, self.rows.after))
        follows = np.append(self.case[1:] == self.case[:-1], False)
        verdict = np.where((after == 0) & follows, np.roll(before, -1), after)
        row = np.arange(len(verdict))
        ends = np.where((verdict != 0) | ~follows, row, len(row))
        end = np.minimum.accumulate(ends[::-1])[::-1]
        since = np.cumsum(self.hours)
        return np.where(verdict[end] > 0, since[end] - since + self.hours, math.inf)

    def undecided(self, model: Dynamics, goal: Goal) -> NDArray[np.bool_]:
        """Return (x,) bool: states where the goal is neither reached nor already spoilt."""
        return _settled(model, goal, self.states) == 0


def recorded(model: RememberingModel) -> Record:
    """Return the decisions that a model remembers; keep it for many questions about one model.

    Where memory kept no hours they are drawn from the world model's own distribution for what was recorded (the same
    draw every time), which is right as long as durations do not depend on what is unlogged. InputError for a model
    without memory.
    """
    rows = model.memory
    if rows is None or not len(rows.action):
        raise InputError("this model remembers no recorded transitions; learn one from transitions or load one")
    kept = rows.accepted.nonzero().squeeze(1)
    _, case = np.unique(np.array(rows.cases)[kept.numpy()], return_inverse=True)
    kept = kept[torch.from_numpy(np.argsort(case, kind="stable"))]  # rows of one case behind each other
    case = np.sort(case)
    states, state = torch.unique(rows.before[kept], dim=0, return_inverse=True)
    latent = model.latent(states)
    legal = model.legality(latent).numpy() >= LEGAL
    action = rows.action[kept].numpy()
    legal[state.numpy(), action] = True
    took = rows.hours[kept].numpy().astype(np.float64)
    lost = np.isnan(took)
    if lost.any():
        took[lost] = _drawn(model, rows, kept[torch.from_numpy(lost)])
    propensity = _propensity(model.behaviour(latent).numpy(), legal, state.numpy(), action)
    return Record(rows, kept.numpy(), states, state.numpy(), action, case, took, legal, propensity)


def _propensity(behaviour: Floats, legal: NDArray[np.bool_], state: Ints, action: Ints) -> Floats:
    """Return (x, a) the behaviour head, restricted to what is legal, corrected by the counts of each state; how many
    decisions the head counts for is what makes each recorded decision likeliest given the others."""
    prior = np.where(legal, np.maximum(behaviour, 1e-4), 0.0)
    prior = prior / np.maximum(prior.sum(1, keepdims=True), 1e-12)
    counts = np.zeros_like(prior)
    np.add.at(counts, (state, action), 1.0)
    total = counts.sum(1, keepdims=True)

    def likelihood(strength: float) -> float:
        left = (counts - 1 + strength * prior) / (total - 1 + strength)
        return float((counts * np.log(np.maximum(left, 1e-12)) * (counts > 0)).sum())

    best = max(STRENGTHS, key=likelihood)
    return (counts + best * prior) / (total + best)


def _drawn(model: RememberingModel, rows: Rows, kept: Tensor) -> Floats:
    """Return (r,) hours drawn for the recorded rows `kept` (r,) from what the model says of their pairs and results."""
    generator = np.random.default_rng(0)
    values = model.duration_values.numpy().astype(np.float64)
    drawn = []
    for part in kept.split(CHUNK):
        pairs = torch.cat([rows.before[part], rows.action[part, None]], 1)
        distinct, place = torch.unique(pairs, dim=0, return_inverse=True)
        told = model.imagine(model.latent(distinct[:, :-1]), distinct[:, -1])
        after = told.next.codes.view(len(distinct), told.probs.shape[1], -1)
        same = (after[place] == rows.after[part][:, None]).all(-1)
        weight = told.probs[place] * torch.where(same.any(1, keepdim=True), same, torch.ones_like(same))
        hours = (weight[..., None] * told.duration_probs[place]).sum(1).numpy().astype(np.float64)
        steps = (hours / hours.sum(1, keepdims=True)).cumsum(1)
        chosen = (steps < generator.random((len(part), 1))).sum(1)
        drawn.append(values[np.minimum(chosen, len(values) - 1)])
    return np.concatenate(drawn)


def _settled(model: Dynamics, goal: Goal, codes: Tensor) -> Ints:
    """Return (rows,) 1 where the goal is reached, -1 where a forbidden fact holds, 0 otherwise."""
    latent = Latent(torch.zeros(len(codes), 0, 0), codes)  # conditions are read off the codes

    def holds(conditions: Sequence[Condition]) -> NDArray[np.bool_]:
        return model.holds(latent, conditions).numpy()

    spoilt = np.zeros(len(codes), dtype=bool)
    for condition in goal.forbidden:
        spoilt |= holds([condition])
    return np.where(spoilt, -1, holds(goal.conditions).astype(np.int64))
