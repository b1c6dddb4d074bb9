"""The k-NN memory over (z, a): support, nearest recorded cases and surprise. Knows no text and no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.domain.answers import Support

OBSERVED_ROWS, OBSERVED_SHARE = 20, 0.02  # what counts as observed, beside an exact match


@dataclass
class Memory:
    """Recorded transitions by their state-action features.

    `features` (N, f), `before`, `after` (N, s) codes of all slots, `action` (N,), `cases` their ids.
    `prototypes` (p, f) are a spread-out subset that surprise is measured against while imagining; `radius` and
    `prototype_radius` are the 95th percentile of held-out rows' nearest distances to each.
    """

    features: Tensor
    before: Tensor
    after: Tensor
    action: Tensor
    cases: list[str]
    prototypes: Tensor
    radius: float
    prototype_radius: float

    @classmethod
    def build(
        cls, features: Tensor, before: Tensor, after: Tensor, action: Tensor, cases: list[str], held: Tensor, size: int
    ) -> Memory:
        """Index recorded rows; `held` (n,) bool marks rows to measure the radii with (they are kept as well)."""
        known, outside = features[~held], features[held]
        distinct = torch.unique(known, dim=0)
        generator = torch.Generator().manual_seed(0)
        prototypes = distinct[torch.randperm(len(distinct), generator=generator)[:size]]
        return cls(
            features=features,
            before=before,
            after=after,
            action=action,
            cases=cases,
            prototypes=prototypes,
            radius=_percentile(outside, known),
            prototype_radius=_percentile(outside, prototypes),
        )

    def surprise(self, features: Tensor) -> Tensor:
        """Return (b,) distances of features (b, f) to the nearest prototype, in support radii."""
        return _nearest(features, self.prototypes) / self.prototype_radius

    def similar(self, feature: Tensor, action: int, k: int) -> tuple[int, Tensor, Tensor]:
        """Return how many rows with the same action lie within the radius, and the k nearest: rows, distances."""
        rows = (self.action == action).nonzero().squeeze(1)
        if not len(rows):
            return 0, rows, torch.zeros(0)
        distances = (self.features[rows] - feature).norm(dim=-1)
        nearest = distances.topk(min(k, len(rows)), largest=False)
        return int((distances <= self.radius).sum()), rows[nearest.indices], nearest.values

    def support(self, before: Tensor, slots: Sequence[int], feature: Tensor, action: int) -> Support:
        """Return whether exactly this (state, action) was recorded often, something near was, or neither."""
        index = torch.tensor(slots, dtype=torch.long)
        same_state = (self.before[:, index] == before[index]).all(1)
        same = int((same_state & (self.action == action)).sum())
        if same >= OBSERVED_ROWS and same >= OBSERVED_SHARE * int(same_state.sum()):
            return "observed"
        n, _, distances = self.similar(feature, action, 1)
        return "interpolated" if n or (len(distances) and distances[0] <= self.radius) else "extrapolated"


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
