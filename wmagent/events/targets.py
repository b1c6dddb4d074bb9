"""What a network is trained to say of every event of a history: the next one, its gap, the time that remains.
Knows codes and hours; no network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import cases_of
from wmagent.events.histories import Histories

NOTHING = -100  # no target: censored


@dataclass(frozen=True)
class Bins:
    """Hours cut at quantiles of what was recorded. `edges` (bins - 1,) ascending, `middles` (bins,) typical hours."""

    edges: NDArray[np.float64]
    middles: NDArray[np.float64]

    @staticmethod
    def of(hours: NDArray[np.float64], n: int) -> Bins:
        """Cut hours into at most n bins of about as many records each; what happens at once is a bin of its own."""
        spread = hours[hours > 0]
        cuts = np.quantile(spread, np.linspace(0, 1, n)[1:-1]) if len(spread) else np.arange(1.0, n - 1)
        edges = np.concatenate([[1e-6], np.maximum.accumulate(cuts)])[: n - 1]
        codes = np.searchsorted(edges, hours)
        known = [hours[codes == place] for place in range(n)]
        upper = np.append(edges, edges[-1])
        return Bins(edges, np.array([np.median(k) if len(k) else upper[min(i, n - 1)] for i, k in enumerate(known)]))

    def codes(self, hours: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the bin of each."""
        return np.searchsorted(self.edges, hours)

    @property
    def typical(self) -> float:
        """Return the hours that about half of the records are below."""
        return float(np.median(self.middles))

    def quantiles(self, probs: NDArray[np.floating], levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return quantiles (n, levels) of distributions (n, bins): linear between the edges of a bin."""
        return np.stack([self._at(probs, np.full(len(probs), level)) for level in levels], 1)

    def drawn(self, probs: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float64]:
        """Return hours (n,) drawn from distributions (n, bins)."""
        return self._at(probs, rng.random(len(probs)))

    def _at(self, probs: NDArray[np.floating], levels: NDArray[np.float64]) -> NDArray[np.float64]:
        low = np.concatenate([[0.0], self.edges])
        high = np.append(self.edges, max(2 * self.middles[-1] - self.edges[-1], self.edges[-1]))
        cumulative = np.cumsum(probs, 1) / probs.sum(1, keepdims=True)
        bin_ = np.minimum((cumulative < levels[:, None] - 1e-12).sum(1), probs.shape[1] - 1)
        before = np.where(bin_ > 0, np.take_along_axis(cumulative, np.maximum(bin_ - 1, 0)[:, None], 1)[:, 0], 0.0)
        share = np.take_along_axis(cumulative, bin_[:, None], 1)[:, 0] - before
        within = np.clip((levels - before) / np.maximum(share, 1e-12), 0, 1)
        return low[bin_] + within * (high[bin_] - low[bin_])


@dataclass(frozen=True)
class Targets:
    """Per event: the code of the next one (the end included; NOTHING where it is censored), hours until it, hours until
    the end (NaN where that is not known)."""

    next: NDArray[np.int64]
    gap: NDArray[np.float64]
    remaining: NDArray[np.float64]


def targets(history: Histories, ended: NDArray[np.bool_], end: int) -> Targets:
    """Return targets per event; `ended` (cases,) says which cases are known to be over, `end` is the end's code."""
    last = history.starts[1:] - 1
    following = np.append(history.activity[1:], end)
    following[last] = np.where(ended, end, NOTHING)
    gap = np.append(history.gap[1:], 0.0)
    gap[last] = np.nan
    case_of = cases_of(history.starts)
    remaining = history.hours[last][case_of] - history.hours
    return Targets(following, gap, np.where(ended[case_of], remaining, np.nan))
