"""Grows one decision tree by Bayesian evidence. Knows coded rows, numbers and results; knows no network and no words.

A split is taken where the Dirichlet-multinomial evidence of the results on both sides exceeds that of all of them
together by more than what searching among so many splits finds by chance (Buntine 1992, Learning classification trees).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 2  # rows on either side of a split
DEPTH = 14
MASS = 1.0  # of the Dirichlet prior of a leaf, spread over the results that the action had
MOST_PAIRED = 400  # equalities of which every pair is tried
MOST_COMPARED = 12  # facts with numbers of which every pair is compared
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """Is fact `slot` value `value`; or is its number at most `bound`; or at most (`strict`: less than) that of fact
    `other`? A slot of -1 asks nothing: a leaf."""

    slot: int = -1
    value: int = -1
    bound: float = math.nan
    other: int = -1
    strict: bool = False


@dataclass
class Node:
    """A question, and the nodes to go on with where the answer is yes (`left`) and no (`right`)."""

    asks: Question
    left: int = 0
    right: int = 0


def grow(nodes: list[Node], rows: Ints, results: Ints, numbers: Floats) -> None:
    """Append the nodes of a tree for state rows (N, n) with results (N,), its root first; `numbers` (n, v) are those of
    the facts' values, NaN for words."""
    distinct, coded = np.unique(results, return_inverse=True)
    questions = _Questions(rows, numbers, _Evidence(len(results), max(len(distinct), 1)))
    root = len(nodes)
    nodes.append(Node(Question()))
    open_ = [(root, np.arange(len(results)), 0)]
    while open_:
        at, index, depth = open_.pop()
        if depth + 1 >= DEPTH or len(index) < 2 * LEAST:
            continue
        found = questions.best(index, coded[index])
        if found is None:
            continue
        goes = questions.answers(found, index)
        left, right = len(nodes), len(nodes) + 1
        nodes[at] = Node(found, left, right)
        nodes += [Node(Question()), Node(Question())]
        open_ += [(left, index[goes], depth + 1), (right, index[~goes], depth + 1)]


class _Evidence:
    """log p of counts (…, k) under a symmetric Dirichlet prior, from tables of log gamma."""

    def __init__(self, most: int, k: int) -> None:
        self.k, part = k, MASS / k
        self._one = np.array([math.lgamma(i + part) - math.lgamma(part) for i in range(most + 1)])
        self._all = np.array([math.lgamma(MASS) - math.lgamma(i + MASS) for i in range(most + 1)])

    def __call__(self, counts: Ints) -> Floats:
        return self._one[counts].sum(-1) + self._all[counts.sum(-1)]

    def gain(self, near: Ints, total: Ints) -> Floats:
        """Return what is gained by setting the rows counted in `near` (…, k) apart from the others of `total` (k,)."""
        n, whole = near.sum(-1), int(total.sum())
        able = (n >= LEAST) & (whole - n >= LEAST)
        gain = np.full(len(near), -np.inf)
        gain[able] = self(near[able]) + self(total - near[able]) - self(total)
        return gain


class _Questions:
    """Every question that may be asked about the rows of one action."""

    def __init__(self, rows: Ints, numbers: Floats, evidence: _Evidence) -> None:
        self.rows, self.evidence = rows, evidence
        sizes = rows.max(0, initial=0) + 1
        self.numbers = numbers[np.arange(rows.shape[1]), rows]
        counted = [s for s in range(rows.shape[1]) if len(rows) and not np.isnan(self.numbers[:, s]).any()]
        several = [s for s in counted if len(np.unique(self.numbers[:, s])) > 2]
        self.begin = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.slot_of = np.repeat(np.arange(rows.shape[1]), sizes)
        self.values = np.arange(len(self.slot_of)) - self.begin[self.slot_of]
        self.equal = [Question(int(s), int(v)) for s, v in zip(self.slot_of, self.values, strict=True)]
        self.words = ~np.isin(self.slot_of, several)  # numbers are not asked for by name, so that others fit between
        self.bounds = [Question(s, bound=b) for s in counted for b in _between(self.numbers[:, s])]
        several = several[:MOST_COMPARED]
        pairs = [(s, o) for i, s in enumerate(several) for o in several[i + 1 :]]
        self.compared = [Question(s, other=o, strict=strict) for s, o in pairs for strict in (False, True)]

    def answers(self, asked: Question, index: Ints) -> NDArray[np.bool_]:
        """Return (rows,) the answers for some of the rows."""
        if asked.value >= 0:
            return self.rows[index, asked.slot] == asked.value
        mine = self.numbers[index, asked.slot]
        limit = asked.bound if asked.other < 0 else self.numbers[index, asked.other]
        return mine < limit if asked.strict else mine <= limit

    def best(self, index: Ints, results: Ints) -> Question | None:
        """Return the question with the most evidence, None where none has enough."""
        total = np.bincount(results, minlength=self.evidence.k)
        if (total > 0).sum() < 2:
            return None
        table = self._equalities(index, results)
        others = [*self.bounds, *self.compared]
        parts = [np.bincount(results[self.answers(q, index)], minlength=self.evidence.k) for q in others]
        near = np.concatenate([table, np.array(parts, dtype=np.int64).reshape(-1, self.evidence.k)])
        gain = self.evidence.gain(near, total)
        gain[: len(table)][~self.words] = -np.inf
        best = int(gain.argmax())
        if gain[best] > np.log(max(1, np.isfinite(gain).sum())):
            return [*self.equal, *others][best]
        return self._pair(index, results, total, gain[: len(table)])

    def _equalities(self, index: Ints, results: Ints) -> Ints:
        k = self.evidence.k
        place = (self.begin[:-1] + self.rows[index]) * k + results[:, None]
        return np.bincount(place.ravel(), minlength=len(self.equal) * k).reshape(-1, k)

    def _pair(self, index: Ints, results: Ints, total: Ints, alone: Floats) -> Question | None:
        """Return the first question of the best pair of equalities that only together have enough evidence."""
        usable = np.flatnonzero(np.isfinite(alone))
        if not 2 <= len(usable) <= MOST_PAIRED:
            return None
        slots = self.slot_of[usable]
        holds = (self.rows[index][:, slots] == self.values[usable]).astype(np.float32)
        both = np.stack([holds[results == k].T @ holds[results == k] for k in range(self.evidence.k)], -1)
        first, second = np.triu_indices(len(usable), 1)
        near = both[first, second].round().astype(np.int64)
        gain = np.where(slots[first] == slots[second], -np.inf, self.evidence.gain(near, total))
        best = int(gain.argmax())
        if not gain[best] > np.log(max(1, np.isfinite(gain).sum())):
            return None
        return self.equal[max(usable[first[best]], usable[second[best]], key=lambda v: alone[v])]


def _between(numbers: Floats) -> Sequence[float]:
    """Return the bounds that part three or more distinct numbers, in the middle between neighbours."""
    distinct = np.unique(numbers)
    return ((distinct[1:] + distinct[:-1]) / 2).tolist() if len(distinct) > 2 else ()
