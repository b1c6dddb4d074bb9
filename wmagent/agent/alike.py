"""Which recorded decisions are like the one asked about: the same in every fact that matters, else the nearest.
Knows the record and the model's feature space; must not know outcomes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.agent.record import Record, RememberingModel
from wmagent.domain.types import Facts
from wmagent.errors import unknown

ENOUGH = 20  # decisions for the action, from which on no less similar ones are taken in


@dataclass(frozen=True)
class Alike:
    """The question's population and the decisions that speak about it.

    `codes` (x, s) are the distinct states asked about with their `share` and the recorded `propensity` of the action
    there (the record's mean where the state was never recorded); `decisions` are rows of the record; `exact` says
    whether all of them were made in states asked about. `adjusted_for` names the facts that vary.
    """

    codes: torch.Tensor
    share: NDArray[np.float64]
    propensity: NDArray[np.float64]
    decisions: NDArray[np.int64]
    exact: bool
    adjusted_for: tuple[str, ...]


def alike(
    model: RememberingModel,
    record: Record,
    facts: Facts,
    action: int,
    open_states: NDArray[np.bool_],
    average_over: Collection[str] = (),
) -> Alike:
    """Return the recorded decisions like the one asked about, among states where the action is legal.

    Facts named in `average_over` are not known when deciding: they are averaged over as recorded with the other facts.
    Where fewer than ENOUGH decisions for the action agree in all facts, states are added from the nearest on, as far as
    the model's feature space calls them near; the target stays what it is (the asked state if it was never recorded).
    """
    for key in average_over:
        if key not in model.slots:
            raise unknown("fact", key, model.slots)
    varies = [i for i, key in enumerate(model.slots) if len(model.values(key)) > 1]
    fixed = [i for i in varies if model.slots[i] not in set(average_over)]
    wanted = _codes(model, record, facts, average_over)
    allowed = open_states & record.legal[:, action]
    same = allowed & (record.states[:, fixed] == wanted[fixed]).all(1).numpy()
    count = np.bincount(record.state, minlength=len(record.states)).astype(np.float64)
    taken = np.bincount(record.state[record.action == action], minlength=len(count))
    states, exact = same, True
    if taken[same].sum() < ENOUGH:
        asked = record.states[torch.from_numpy(same)] if same.any() else wanted[None]
        near = _nearest(model, record, asked, action, allowed, taken)
        exact = not (near & ~same).any()
        states = same | near
    names = tuple(model.slots[i] for i in varies)
    decisions = np.nonzero(states[record.state])[0]
    if same.any():
        chances = record.propensity[same, action]
        return Alike(
            record.states[torch.from_numpy(same)], count[same] / count[same].sum(), chances, decisions, exact, names
        )
    mean = record.propensity[record.state[decisions], action].mean() if len(decisions) else 0.0
    return Alike(wanted[None], np.ones(1), np.array([mean]), decisions, False, names)


def _codes(model: RememberingModel, record: Record, facts: Facts, average_over: Collection[str]) -> torch.Tensor:
    """Return the codes (s,) asked about; facts that are averaged over get their most frequent recorded code."""
    given = {key: value for key, value in facts.items() if key not in set(average_over)}
    if average_over:
        usual = record.states[torch.from_numpy(record.state)].mode(0).values
        known = model.read(model.latent(usual[None]))[0]
        given |= {key: value for key, value in known.items() if key in set(average_over)}
    return model.observe(given).codes[0]


def _nearest(
    model: RememberingModel,
    record: Record,
    asked: torch.Tensor,
    action: int,
    allowed: NDArray[np.bool_],
    taken: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return (x,) bool: the allowed states nearest to any of those asked about, as many as hold ENOUGH decisions for
    the action."""
    index = np.nonzero(allowed)[0]
    chosen = np.zeros(len(allowed), dtype=bool)
    if not len(index):
        return chosen
    codes = torch.cat([asked, record.states[torch.from_numpy(index)]])
    features = model.features(model.latent(codes), torch.full((len(codes),), action))
    distance = torch.cdist(features[len(asked) :], features[: len(asked)]).min(1).values.numpy()
    order = index[np.argsort(distance, kind="stable")]
    near = order[: int((distance <= record.rows.radius).sum())]
    needed = np.searchsorted(np.cumsum(taken[near]), ENOUGH) + 1
    chosen[near[:needed]] = True
    return chosen
