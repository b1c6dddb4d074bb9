"""The recorded experience behind (state, action) pairs, as domain answers. Knows model and memory, no planner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from wmagent.domain.answers import Case, Change, Evidence
from wmagent.domain.types import Action, Facts
from wmagent.model.memory import Memory, Recalled

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel


def evidences(model: WorldModel, facts: Sequence[Facts], actions: Sequence[Action | str], k: int) -> list[Evidence]:
    """Return the support of b pairs and the nearest recorded cases of each; see `WorldModel.evidences`."""
    memory = model.memory
    assert memory is not None
    index = [model.action_index(action) for action in actions]
    if not index:
        return []
    latent = model.observe(facts, strict=False)
    features = model.features(latent, torch.tensor(index))
    slots = torch.tensor(model.vocabulary.active, dtype=torch.long)
    recalled = [memory.recall(latent.codes[i], slots, features[i], action, k) for i, action in enumerate(index)]
    return [_evidence(model, memory, found, model.actions[i].label()) for found, i in zip(recalled, index, strict=True)]


def _evidence(model: WorldModel, memory: Memory, found: Recalled, label: str) -> Evidence:
    cases = tuple(
        Case(memory.cases[row], label, distance / memory.radius, _changes(model, memory, row))
        for row, distance in zip(found.rows, found.distances, strict=True)
    )
    return Evidence(found.support, found.n, cases)


def _changes(model: WorldModel, memory: Memory, row: int) -> tuple[Change, ...]:
    before, after, raw = memory.before[row].tolist(), memory.after[row].tolist(), model.vocabulary.raw
    moved = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return tuple(Change(model.slots[i], raw[i][before[i]], raw[i][after[i]], 1.0) for i in moved)
