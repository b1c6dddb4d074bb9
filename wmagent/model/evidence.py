"""The recorded experience behind (state, action) pairs, as domain answers. Knows model and memory, no planner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wmagent.domain.answers import Case, Change, Evidence, Support
from wmagent.domain.types import Action, Facts
from wmagent.model.memory import Memory
from wmagent.model.precedents import LEAST_ROWS

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel

OBSERVED_ROWS = 20  # of the same decision in the same circumstances, as far as they matter


def evidences(model: WorldModel, facts: Sequence[Facts], actions: Sequence[Action | str], k: int) -> list[Evidence]:
    """Return the support of b pairs and the nearest recorded cases of each; see `WorldModel.evidences`."""
    memory, precedents = model.memory, model.precedents
    assert memory is not None
    assert precedents is not None
    index = torch.tensor([model.action_index(action) for action in actions], dtype=torch.long)
    if not len(index):
        return []
    latent = model.observe(facts, strict=False)
    features, rows = model.features(latent, index), model.rows(latent)
    leaf, novel = precedents.leaf(rows, index), precedents.novelty(rows, index)
    recorded, contexts = model.recorded()
    found = []
    for i, action in enumerate(index.tolist()):
        mine = memory.accepted & (memory.action == action)
        alike = (mine & (contexts == leaf[i])).nonzero().squeeze(1)
        decides = precedents.trees.decides[action]
        agrees = recorded[alike] == rows[i]
        same = alike[agrees[:, decides].all(1)]
        strange = int(novel[i]) + int((~agrees.any(0)).sum())
        nearest = same if len(same) >= k else alike if len(alike) >= k else mine.nonzero().squeeze(1)
        cases = _cases(model, memory, nearest, features[i], k, model.actions[action].label())
        found.append(Evidence(_support(len(same), strange), len(same), cases))
    return found


def _support(n: int, strange: int) -> Support:
    """Return the support of a pair with n rows alike in all that decides, and `strange` facts with values that were
    never recorded with the action, or never in this context of it."""
    if strange or n < LEAST_ROWS:
        return "extrapolated"
    return "observed" if n >= OBSERVED_ROWS else "interpolated"


def _cases(model: WorldModel, memory: Memory, rows: Tensor, feature: Tensor, k: int, label: str) -> tuple[Case, ...]:
    found = zip(*memory.nearest(rows, feature, k), strict=True)
    return tuple(Case(memory.cases[row], label, distance, _changes(model, memory, row)) for row, distance in found)


def _changes(model: WorldModel, memory: Memory, row: int) -> tuple[Change, ...]:
    before, after, raw = memory.before[row].tolist(), memory.after[row].tolist(), model.vocabulary.raw
    moved = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return tuple(Change(model.slots[i], raw[i][before[i]], raw[i][after[i]], 1.0) for i in moved)
