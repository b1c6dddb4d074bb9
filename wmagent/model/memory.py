"""The k-NN memory over (z, a): support, nearest recorded cases and surprise. Knows no text and no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.domain.answers import Support

OBSERVED_ROWS, OBSERVED_SHARE = 20, 0.02  # what counts as observed, beside an exact match
MEASURED_ROWS = 1_000  # held-out rows that the radii are measured with


@dataclass
class Memory:
    """Recorded transitions by their state-action features.

    `features` (u, f) of the distinct (state, action) pairs, `pair` (N,) which of them a recorded row is; `before`,
    `after` (N, s) codes of all slots, `action` (N,), `cases` their ids. `prototypes` (p, f) are a random part of the
    pairs that surprise is measured against while imagining; `radius` and `prototype_radius` are the 95th percentile
    of held-out rows' nearest distances to each.
    """

    features: Tensor
    pair: Tensor
    before: Tensor
    after: Tensor
    action: Tensor
    cases: list[str]
    prototypes: Tensor
    radius: float
    prototype_radius: float

    def __post_init__(self) -> None:
        first = torch.full((len(self.features),), len(self.pair))
        first.scatter_reduce_(0, self.pair, torch.arange(len(self.pair)), "amin")
        self._states, self._actions = self.before[first], self.action[first]
        self._counts = torch.bincount(self.pair, minlength=len(self.features))

    @classmethod
    def build(
        cls,
        embed: Callable[[Tensor, Tensor], Tensor],
        before: Tensor,
        after: Tensor,
        action: Tensor,
        cases: list[str],
        held: Tensor,
        size: int,
    ) -> Memory:
        """Index recorded rows. `embed` makes features (b, f) of codes (b, s) and actions (b,); `held` (N,) bool marks
        rows to measure the radii with (they are kept as well)."""
        generator = torch.Generator().manual_seed(0)
        first, pair = distinct_pairs(before, action)
        features = embed(before[first], action[first])
        known = features[torch.unique(pair[~held])]
        outside = pair[held.nonzero().squeeze(1)]
        outside = features[outside[torch.randperm(len(outside), generator=generator)[:MEASURED_ROWS]]]
        prototypes = known[torch.randperm(len(known), generator=generator)[:size]]
        radii = _percentile(outside, known), _percentile(outside, prototypes)
        return cls(features, pair, before, after, action, cases, prototypes, *radii)

    def surprise(self, features: Tensor) -> Tensor:
        """Return (b,) distances of features (b, f) to the nearest prototype, in support radii."""
        return _nearest(features, self.prototypes) / self.prototype_radius

    def similar(self, feature: Tensor, action: int, k: int) -> tuple[int, Tensor, Tensor]:
        """Return how many rows with the same action lie within the radius, and the k nearest: rows, distances."""
        pairs = (self._actions == action).nonzero().squeeze(1)
        distances = (self.features[pairs] - feature).norm(dim=-1)
        n = int(self._counts[pairs[distances <= self.radius]].sum())
        order = distances.argsort()[:k]
        rows = [(self.pair == pairs[i]).nonzero().squeeze(1)[:k] for i in order]
        away = [distances[i].expand(len(found)) for i, found in zip(order, rows, strict=True)]
        empty = torch.zeros(0)
        return n, torch.cat([empty.long(), *rows])[:k], torch.cat([empty, *away])[:k]

    def support(self, before: Tensor, slots: Sequence[int], feature: Tensor, action: int) -> Support:
        """Return whether exactly this (state, action) was recorded often, something near was, or neither."""
        index = torch.tensor(slots, dtype=torch.long)
        same_state = (self._states[:, index] == before[index]).all(1)
        same = int(self._counts[same_state & (self._actions == action)].sum())
        if same >= OBSERVED_ROWS and same >= OBSERVED_SHARE * int(self._counts[same_state].sum()):
            return "observed"
        pairs = self._actions == action
        near = (self.features[pairs] - feature).norm(dim=-1) <= self.radius
        return "interpolated" if near.any() else "extrapolated"


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


def _nearest(queries: Tensor, known: Tensor) -> Tensor:
    """Exact distances, so that a recorded row is at 0: cdist's matrix form is off by rounding near 0."""
    squared = queries.square().sum(-1, keepdim=True) - 2 * queries @ known.T + known.square().sum(-1)
    index = squared.argmin(-1)
    return (queries - known[index]).norm(dim=-1)


def _percentile(queries: Tensor, known: Tensor, quantile: float = 0.95) -> float:
    if not len(queries) or not len(known):
        return 1.0
    nearest = torch.cat([_nearest(chunk, known) for chunk in queries.split(256)])
    scale = known.std(0).norm().item()
    return max(torch.quantile(nearest, quantile).item(), 0.02 * scale, 1e-6)
