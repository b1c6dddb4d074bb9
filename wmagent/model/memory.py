"""The k-NN memory over (z, a): what was recorded, and the nearest of it. Knows no text and no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

MEASURED_ROWS = 1_000  # held-out rows that the radius is measured with


@dataclass
class Memory:
    """Recorded transitions by their state-action features.

    `features` (u, f) of the distinct (state, action) pairs, `pair` (N,) which of them a recorded row is; `before`,
    `after` (N, s) codes of all slots, `action` (N,), `accepted` (N,) whether it was no refused attempt, `hours` (N,)
    float64 what it took (NaN where that was not kept), `cases` their ids. `radius` is the 95th percentile of held-out
    rows' distances to the nearest of the others: the unit of distance.
    """

    features: Tensor
    pair: Tensor
    before: Tensor
    after: Tensor
    action: Tensor
    accepted: Tensor
    hours: Tensor
    cases: list[str]
    radius: float

    @classmethod
    def build(
        cls,
        embed: Callable[[Tensor, Tensor], Tensor],
        before: Tensor,
        after: Tensor,
        action: Tensor,
        accepted: Tensor,
        hours: Tensor,
        cases: list[str],
        held: Tensor,
    ) -> Memory:
        """Index recorded rows. `embed` makes features (b, f) of codes (b, s) and actions (b,); `held` (N,) bool marks
        rows to measure the radius with (they are kept as well)."""
        generator = torch.Generator().manual_seed(0)
        first, pair = distinct_pairs(before, action)
        features = embed(before[first], action[first])
        known = features[torch.unique(pair[~held])]
        outside = pair[held.nonzero().squeeze(1)]
        outside = features[outside[torch.randperm(len(outside), generator=generator)[:MEASURED_ROWS]]]
        return cls(features, pair, before, after, action, accepted, hours, cases, _percentile(outside, known))

    @cached_property
    def entered(self) -> list[tuple[int, int, int, int]]:
        """(slot, code, action, count): how often a recorded step of an action gave a slot a value it did not have."""
        row, slot = (self.before != self.after).nonzero(as_tuple=True)
        made = torch.stack([slot, self.after[row, slot], self.action[row]], 1)
        distinct, count = made.unique(dim=0, return_counts=True)
        return [(*entry, number) for entry, number in zip(distinct.tolist(), count.tolist(), strict=True)]

    def nearest(self, rows: Tensor, feature: Tensor, k: int) -> tuple[list[int], list[float]]:
        """Return the k recorded `rows` (r,) nearest to a feature (f,), and their distances in radii."""
        distances = (self.features[self.pair[rows]] - feature).norm(dim=-1) / self.radius
        found = distances.argsort(stable=True)[:k]
        return rows[found].tolist(), distances[found].tolist()


def distinct_pairs(before: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first row of every distinct (state, action), (u,), and each row's pair, (N,)."""
    keys = torch.cat([before, action.unsqueeze(1)], 1).numpy()
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    pair = []
    for row, key in enumerate(keys):
        number = numbers.setdefault(key.tobytes(), len(first))
        if number == len(first):
            first.append(row)
        pair.append(number)
    return torch.tensor(first, dtype=torch.long), torch.tensor(pair, dtype=torch.long)


def _percentile(queries: Tensor, known: Tensor, quantile: float = 0.95) -> float:
    if not len(queries) or not len(known):
        return 1.0
    nearest = torch.cat([torch.cdist(chunk, known).amin(1) for chunk in queries.split(64)])
    scale = known.std(0).norm().item()
    return max(torch.quantile(nearest, quantile).item(), 0.02 * scale, 1e-6)
