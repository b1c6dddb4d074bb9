"""The k-NN memory over (z, a): support, nearest recorded cases and surprise. Knows no text and no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.domain.answers import Support

OBSERVED_ROWS, OBSERVED_SHARE = 20, 0.02  # what counts as observed, beside an exact match
MEASURED_ROWS = 1_000  # held-out rows that the radii are measured with


@dataclass(frozen=True)
class Recalled:
    """What was recorded near a (state, action): `n` rows with the same action within the radius, and the nearest
    ones, `rows` with their `distances`. `support` says whether exactly this was recorded often, something near was,
    or neither."""

    support: Support
    n: int
    rows: tuple[int, ...]
    distances: tuple[float, ...]


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
        self._rows, self._begin = self.pair.argsort(stable=True), self._counts.cumsum(0) - self._counts
        self._squares = self.prototypes.square().sum(-1)

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
        return _nearest(features, self.prototypes, self._squares) / self.prototype_radius

    def recall(self, before: Tensor, slots: Tensor, feature: Tensor, action: int, k: int) -> Recalled:
        """Return what was recorded like the pair of codes `before` (s,), which count where `slots` say, and `action`;
        `feature` (f,) is what the trunk makes of it."""
        mine = self._actions == action
        pairs = mine.nonzero().squeeze(1)
        distances = (self.features[pairs] - feature).norm(dim=-1)
        near = distances <= self.radius
        same_state = (self._states[:, slots] == before[slots]).all(1)
        same = int(self._counts[same_state & mine].sum())
        support: Support = "interpolated" if near.any() else "extrapolated"
        if same >= OBSERVED_ROWS and same >= OBSERVED_SHARE * int(self._counts[same_state].sum()):
            support = "observed"
        rows: list[int] = []
        away: list[float] = []
        for i in distances.argsort()[:k].tolist():
            begin, count = int(self._begin[pairs[i]]), int(self._counts[pairs[i]])
            found = self._rows[begin : begin + min(count, k - len(rows))].tolist()
            rows += found
            away += [distances[i].item()] * len(found)
        return Recalled(support, int(self._counts[pairs[near]].sum()), tuple(rows), tuple(away))


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


def _nearest(queries: Tensor, known: Tensor, squares: Tensor) -> Tensor:
    """Exact distances to the nearest of `known`, so that a recorded row is at 0: the matrix form, which finds it, is
    off by rounding near 0. `squares` are the known rows' squared norms; the queries' own change no order."""
    index = torch.addmm(squares, queries, known.T, alpha=-2.0).argmin(-1)
    return (queries - known[index]).norm(dim=-1)


def _percentile(queries: Tensor, known: Tensor, quantile: float = 0.95) -> float:
    if not len(queries) or not len(known):
        return 1.0
    squares = known.square().sum(-1)
    nearest = torch.cat([_nearest(chunk, known, squares) for chunk in queries.split(256)])
    scale = known.std(0).norm().item()
    return max(torch.quantile(nearest, quantile).item(), 0.02 * scale, 1e-6)
