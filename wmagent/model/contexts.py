"""Contexts: which facts decide what an action does, and what was recorded where they are alike. Knows no network.

Per action a binary tree over the state's facts; a leaf is a context. What was counted there corrects the predictor,
whose opinion is the prior of the counts: p = (counts + strength * predicted) / (n + strength). Where a deciding fact
has a value that was never recorded, or nothing was recorded in a context, the predictor stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.model.growing import DEPTH, Node, grow
from wmagent.model.tables import OnDevice

NOWHERE = -1  # the context of a pair that has none
KEEPS, UNSURE = -1, -2  # effects: the fact stays as it is; the record does not agree, so the predictor says


@dataclass(frozen=True)
class Trees(OnDevice):
    """Questions about states of n facts.

    Node i asks about fact `slot[i]` (-1: a leaf): is it `value[i]`; where that is -1, is its number at most `bound[i]`,
    or at most that of fact `other[i]` where that is not -1 (`strict[i]`: less). Then it goes on to `left[i]`, else to
    `right[i]`. `root` (a,) are the actions' first nodes, `known` (n,) how many values of each fact were there to ask
    about, and `decides` (a, n) the facts that an action's tree asks about.
    """

    slot: Tensor
    value: Tensor
    bound: Tensor
    other: Tensor
    strict: Tensor
    left: Tensor
    right: Tensor
    root: Tensor
    known: Tensor
    decides: Tensor

    @classmethod
    def build(
        cls, rows: Tensor, action: Tensor, result: Tensor, actions: int, known: Sequence[int], numbers: Tensor
    ) -> Trees:
        """Grow the trees from state rows (N, n), actions (N,) and what followed (N,), any whole numbers; `numbers`
        (n, v) are those of the facts' values, NaN for words."""
        nodes: list[Node] = []
        root, decides = [], torch.zeros(actions, rows.shape[1], dtype=torch.bool)
        for a in range(actions):
            mine = action == a
            root.append(len(nodes))
            grow(nodes, rows[mine].numpy(), result[mine].numpy(), numbers.double().numpy())
            for node in nodes[root[a] :]:
                decides[a, [slot for slot in (node.asks.slot, node.asks.other) if slot >= 0]] = True
        asked = [node.asks for node in nodes]
        whole = ([q.slot for q in asked], [q.value for q in asked], [q.other for q in asked])
        slot, value, other = (torch.tensor(column) for column in whole)
        bound, strict = torch.tensor([q.bound for q in asked]), torch.tensor([q.strict for q in asked])
        left, right = torch.tensor([node.left for node in nodes]), torch.tensor([node.right for node in nodes])
        return cls(
            slot, value, bound.nan_to_num(0.0), other, strict, left, right, torch.tensor(root),
            torch.tensor(list(known)), decides,
        )  # fmt: skip

    def leaf(self, rows: Tensor, numbers: Tensor, action: Tensor) -> Tensor:
        """Return the context (b,) of b states, given as rows (b, n) and their numbers (b, n), and actions (b,)."""
        node = self.root[action]
        lost = torch.zeros(len(node), dtype=torch.bool, device=rows.device)
        for _ in range(DEPTH):
            slot = self.slot[node]
            inner = slot >= 0
            if not bool(inner.any()):
                break
            asked, value, other = slot.clamp(min=0)[:, None], self.value[node], self.other[node]
            row, mine = rows.gather(1, asked).squeeze(1), numbers.gather(1, asked).squeeze(1)
            theirs = numbers.gather(1, other.clamp(min=0)[:, None]).squeeze(1)
            limit = torch.where(other >= 0, theirs, self.bound[node])
            words = value >= 0
            unknown = torch.where(words, row >= self.known[asked.squeeze(1)], mine.isnan() | limit.isnan())
            lost |= inner & unknown
            yes = torch.where(words, row == value, torch.where(self.strict[node], mine < limit, mine <= limit))
            node = torch.where(inner, torch.where(yes, self.left[node], self.right[node]), node)
        return torch.where(lost, NOWHERE, node)


@dataclass(frozen=True)
class Contexts(OnDevice):
    """What was recorded in the leaves of trees with t nodes, for k results.

    `counts` (1 + h, t, k): how often each result was recorded, first as it is, then under each head's bootstrap.
    `effects` (t, k, q): what it made of each fact that can change: a value, KEEPS or UNSURE. `hours` (t, k, m) and
    `ends` (t, k): how often it took how long, and how often the case ended with it.
    """

    counts: Tensor
    effects: Tensor
    hours: Tensor
    ends: Tensor

    @classmethod
    def count(
        cls,
        leaf: Tensor,
        result: Tensor,
        weights: Tensor,
        size: tuple[int, int],
        changes: tuple[Tensor, Tensor] | None = None,
        duration: Tensor | None = None,
        durations: int = 1,
        done: Tensor | None = None,
    ) -> Contexts:
        """Count rows with contexts (N,) and results (N,) in 0 … k - 1.

        `weights` (h, N) are the heads' bootstrap weights, `size` is (t, k). `changes` are the values (N, q) before and
        after of the facts that can change, `duration` (N,) bins of `durations`, `done` (N,) whether the case ended.
        """
        t, k = size
        kept = leaf != NOWHERE
        place = leaf[kept] * k + result[kept]
        shares = torch.cat([torch.ones(1, len(leaf)), weights])[:, kept]
        counts = torch.zeros(len(shares), t * k).index_add_(1, place, shares).view(len(shares), t, k)
        hours = torch.zeros(t * k * durations)
        if duration is not None:
            hours += torch.bincount(place * durations + duration[kept], minlength=len(hours))
        ends = torch.zeros(t * k)
        if done is not None:
            ends.index_add_(0, place, done[kept])
        effects = torch.full((t, k, 0), UNSURE, dtype=torch.long)
        if changes is not None:
            effects = _effects(place, changes[0][kept], changes[1][kept], t * k).view(t, k, -1)
        return cls(counts, effects, hours.view(t, k, durations), ends.view(t, k))

    def plus(self, more: Contexts, against: Tensor) -> Contexts:
        """Return these counts and those of more rows; `against` (t, k, q) are how many of them contradict the effects
        known here. An effect gives way where it was never recorded, or to more rows than it was recorded with."""
        n = self.counts[0][..., None]
        effects = torch.where((n == 0) | (against > n), more.effects, self.effects)
        return Contexts(self.counts + more.counts, effects, self.hours + more.hours, self.ends + more.ends)

    def against(self, leaf: Tensor, result: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Return (t, k, q) how many rows, with values (N, q) before and after, contradict the effects known here."""
        kept = leaf != NOWHERE
        place, before, after = leaf[kept] * self.counts.shape[-1] + result[kept], before[kept], after[kept]
        known = self.effects.flatten(0, 1)
        effect = known[place]
        expected = torch.where(effect == KEEPS, before, effect)
        contradicts = (effect != UNSURE) & (expected != after)
        return torch.zeros(known.shape).index_add_(0, place, contradicts.float()).view(self.effects.shape)

    def at(self, leaf: Tensor, strength: float) -> Here:
        """Return what is known in the contexts (b,) of pairs, against predictions that count for `strength` rows."""
        return Here(self, leaf.clamp(min=0), leaf != NOWHERE, strength)


@dataclass(frozen=True)
class Here:
    """What was recorded in the contexts `leaf` (b,) of b pairs; where `here` (b,) is False, nothing was."""

    contexts: Contexts
    leaf: Tensor
    here: Tensor
    strength: float

    def recorded(self) -> Tensor:
        """Return how many rows were recorded in each context (b,)."""
        return self.contexts.counts[0, self.leaf].sum(-1) * self.here

    def probs(self, predicted: Tensor) -> Tensor:
        """Return predicted probabilities of results (b, k), corrected by what was counted."""
        return self._correct(predicted[None], self.contexts.counts[:1])[0]

    def heads(self, predicted: Tensor) -> Tensor:
        """Return the heads' probabilities (h, b, k), each corrected by what its bootstrap counts."""
        own = len(predicted) == len(self.contexts.counts) - 1
        return self._correct(predicted, self.contexts.counts[1:] if own else self.contexts.counts[:1])

    def hours(self, predicted: Tensor) -> Tensor:
        """Return predicted durations (b, k, m), corrected by the recorded ones."""
        return self._correct(predicted[None], self.contexts.hours[None])[0]

    def endings(self, predicted: Tensor) -> Tensor:
        """Return predicted probabilities (b, k) that the case ends, corrected by the recorded endings."""
        n, ended = (part[self.leaf] * self.here[:, None] for part in (self.contexts.counts[0], self.contexts.ends))
        return (ended + self.strength * predicted) / (n + self.strength)

    def _correct(self, predicted: Tensor, counts: Tensor) -> Tensor:
        """Return predictions (h, b, …), corrected by counts (h, t, …)."""
        found = counts[:, self.leaf] * self.here.view(1, -1, *[1] * (predicted.dim() - 2))
        return (found + self.strength * predicted) / (found.sum(-1, keepdim=True) + self.strength)

    def values(self, predicted: Tensor, now: Tensor) -> Tensor:
        """Return predicted values (b, k, q) with what the record agrees on put in; `now` (b, q) are those before."""
        effect = self._effect()
        found = torch.where(effect == KEEPS, now[:, None, :], effect)
        return torch.where(effect == UNSURE, predicted, found)

    def marginals(self, predicted: Tensor, now: Tensor) -> Tensor:
        """Return the predicted chances of values (b, k, q, v), with certainty where the record agrees; but for the one
        case more that might have been otherwise. `now` (b, q) are the values before."""
        effect = self._effect()
        agreed = torch.where(effect == KEEPS, now[:, None, :], effect).clamp(min=0)
        n = (self.contexts.counts[0, self.leaf] * (effect != UNSURE).any(-1))[..., None, None]
        certain = torch.nn.functional.one_hot(agreed, predicted.shape[-1])
        mixed = (n * certain + predicted) / (n + 1)
        return torch.where((effect == UNSURE)[..., None], predicted, mixed)

    def _effect(self) -> Tensor:
        return torch.where(self.here[:, None, None], self.contexts.effects[self.leaf], UNSURE)


def _effects(place: Tensor, before: Tensor, after: Tensor, places: int) -> Tensor:
    """Return (places, q) what the rows of each place agree on: all kept the fact, or all made it one value."""
    q = before.shape[1]
    where = place[:, None].expand(-1, q)
    low = torch.full((places, q), torch.iinfo(torch.long).max).scatter_reduce(0, where, after, "amin")
    high = torch.full((places, q), -1).scatter_reduce(0, where, after, "amax")
    moved = torch.zeros(places, q, dtype=torch.long).scatter_reduce(0, where, (before != after).long(), "amax")
    effects = torch.where(low == high, high, UNSURE)
    return torch.where(moved == 0, KEEPS, effects).masked_fill(high < 0, UNSURE)
