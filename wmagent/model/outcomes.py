"""Outcome codes: which of an action's recorded kinds of result a transition was. Knows tables, no network.

p(outcome | z, a) needs outcomes that can be told apart. They are read off the record: results that one and the same
(state, action) had must be different outcomes; results that never compete and change similar facts are one outcome
(what differs between them follows from the state). Each outcome is described by the words of the facts it changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.model.tables import FactTable, OnDevice, Rows

Signature = tuple[tuple[int, int], ...]  # (slot, new value) of the changed slots
Codes = dict[tuple[int, Signature], int]  # (action, signature) -> outcome
MAX_OUTCOMES = 12


@dataclass
class Codebook(OnDevice):
    """`features` (a, k, w) describe each action's outcomes in the text backend's space, `mask` (a, k) says which
    exist; with one outcome everywhere the features are zero and the model is deterministic."""

    features: Tensor
    mask: Tensor

    @property
    def outcomes(self) -> int:
        """The largest number of outcomes of an action, k."""
        return self.mask.shape[1]

    @classmethod
    def build(cls, rows: Rows, table: FactTable, limit: int | None = None) -> tuple[Codebook, Codes]:
        """Return the codebook, and the code of each kind of result that was recorded of each action."""
        limit = limit or MAX_OUTCOMES
        actions, width = len(table.actions), table.values.shape[-1]
        by_action: dict[int, list[int]] = defaultdict(list)
        for row, (action, legal) in enumerate(zip(rows.action.tolist(), rows.legal.tolist(), strict=True)):
            if legal:
                by_action[action].append(row)
        changes = signatures(rows)
        contexts = [state.tobytes() for state in rows.before.numpy()]
        groups: dict[int, list[Counter[Signature]]] = {}
        codes: Codes = {}
        for action, index in by_action.items():
            assigned = _group([(contexts[i], changes[i]) for i in index], limit)
            codes |= {(action, signature): code for signature, code in assigned.items()}
            groups[action] = [Counter() for _ in range(1 + max(assigned.values()))]
            for i in index:
                code = assigned[changes[i]]
                groups[action][code][changes[i]] += 1
        k = max((len(group) for group in groups.values()), default=1)
        features, mask = torch.zeros(actions, k, width), torch.zeros(actions, k, dtype=torch.bool)
        mask[:, 0] = True
        for action, group in groups.items():
            for code, members in enumerate(group):
                mask[action, code] = True
                if k > 1:
                    features[action, code] = _describe(members, table)
        return cls(features, mask), codes


def coded(rows: Rows, codes: Codes) -> Tensor:
    """Return the outcome (N,) of every row, -1 for refused attempts and for results that have no code."""
    kinds = zip(rows.action.tolist(), signatures(rows), strict=True)
    found = torch.tensor([codes.get(kind, -1) for kind in kinds], dtype=torch.long)
    return torch.where(rows.legal, found, -1)


def signatures(rows: Rows) -> list[Signature]:
    """Return what every row changed."""
    moved = rows.before != rows.after
    found: list[list[tuple[int, int]]] = [[] for _ in range(len(rows))]
    for row, slot in moved.nonzero().tolist():
        found[row].append((slot, int(rows.after[row, slot])))
    return [tuple(changes) for changes in found]


def _group(rows: Sequence[tuple[bytes, Signature]], limit: int) -> dict[Signature, int]:
    """Assign each signature of one action a code, so that competing signatures differ wherever `limit` allows."""
    counts = Counter(signature for _, signature in rows)
    together: dict[bytes, set[Signature]] = defaultdict(set)
    for context, signature in rows:
        together[context].add(signature)
    rivals: dict[Signature, set[Signature]] = defaultdict(set)
    for present in together.values():
        for signature in present:
            rivals[signature] |= present - {signature}
    if not any(rivals.values()):
        return dict.fromkeys(counts, 0)
    codes: dict[Signature, int] = {}
    members: list[list[Signature]] = []
    for signature, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        free = [c for c, group in enumerate(members) if not rivals[signature] & set(group)]
        best = max(free, key=lambda c: max(_alike(signature, m) for m in members[c]), default=None)
        fits = best is not None and max(_alike(signature, m) for m in members[best]) > 0
        if not fits and len(members) < limit:
            best = len(members)
            members.append([])
        elif best is None:
            best = min(range(len(members)), key=lambda c: len(rivals[signature] & set(members[c])))
        codes[signature] = best
        members[best].append(signature)
    return codes


def _alike(left: Signature, right: Signature) -> float:
    """Jaccard similarity of two sets of changes; two empty sets are alike."""
    a, b = set(left), set(right)
    return len(a & b) / len(a | b) if a | b else 1.0


def _describe(members: Counter[Signature], table: FactTable) -> Tensor:
    total = torch.zeros(table.values.shape[-1])
    for signature, count in members.items():
        for slot, value in signature:
            total += count * (table.values[slot, value] + table.keys[slot])
    return total / sum(members.values())
