"""From the codes of values to their rows in the network's table. Knows how crowded slots share rows, no text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.model.vocabulary import MAX_VALUES, Vocabulary


@dataclass
class Places:
    """Per slot that the network computes, (n,) each: `told_apart` values have a row of their own; the others share
    row `shared` as part of a state. `other` is the row of an uncommon value that was not there before, -1 where a
    slot is not crowded."""

    told_apart: Tensor
    shared: Tensor
    other: Tensor

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Places:
        """Return the places of a vocabulary's active slots. Where a slot that was not crowded while learning meets
        ever more values later, the ones beyond the room there is share the last row."""
        crowded = torch.tensor([vocabulary.crowded(i) for i in vocabulary.active], dtype=torch.bool)
        own = torch.tensor([vocabulary.told_apart(i) for i in vocabulary.active], dtype=torch.long)
        told_apart = torch.where(crowded, own, MAX_VALUES + 2)
        return cls(told_apart, torch.where(crowded, own - 2, MAX_VALUES + 1), torch.where(crowded, own - 1, -1))

    def now(self, codes: Tensor) -> Tensor:
        """Return the rows (b, n) of the values with codes (b, n)."""
        return torch.where(codes >= self.told_apart, self.shared, codes)

    def then(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the rows (b, n) of the values that followed: an uncommon value that newly came is `other`, so that
        one uncommon value after another is a change and not the same."""
        rows = self.now(after)
        return torch.where((self.other >= 0) & (after >= self.told_apart) & (after != before), self.other, rows)

    def take(self, slots: Tensor) -> Places:
        """Return the places of some of the slots."""
        return Places(self.told_apart[slots], self.shared[slots], self.other[slots])
