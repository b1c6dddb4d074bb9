"""How odd a gap is, and when a silence becomes odd, under distributions over bins of hours. Knows numbers only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wmagent.events.targets import Bins

MOST_STEEP = 4.0  # of the power law beyond the last edge
LEAST = 1e-6


def tails(bins: Bins, probs: NDArray[np.floating], hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2) how likely gaps are that are at most, and at least, as long as `hours` (n,), under `probs`
    (n, bins). Within a bin gaps are spread evenly, beyond the last edge by a power law through the bin's median."""
    codes, rows = bins.codes(hours), np.arange(len(hours))
    probs = probs / probs.sum(1, keepdims=True)
    upto = np.cumsum(probs, 1)[rows, codes]
    here = probs[rows, codes]
    beyond = _beyond(bins, codes, hours)
    return np.clip(np.stack([upto - here * np.where(codes > 0, beyond, 0), 1 - upto + here * beyond], 1), LEAST, 1)


def outlasting(bins: Bins, probs: NDArray[np.floating], hours: float) -> float:
    """Return how likely a silence lasts for `hours` at least, under `probs` (bins,) of the next gap; what lacks to one
    is the chance that nothing comes any more."""
    given = float(probs.sum())
    return 1 - given + given * float(tails(bins, probs[None], np.array([hours]))[0, 1]) if given > 0 else 1.0


def overdue_after(bins: Bins, probs: NDArray[np.floating], alpha: float) -> float:
    """Return the hours of silence that are outlasted with a chance of only `alpha`, under `probs` (bins,) of the next
    gap; what lacks to one is the chance that nothing comes any more. Infinite if that chance is larger than alpha."""
    never = 1 - float(probs.sum())
    left = never + np.append(np.cumsum(probs[::-1])[::-1][1:], 0.0)  # the chance of longer gaps than each bin's
    bin_ = int(np.argmax(left <= alpha))
    if left[bin_] > alpha:
        return math.inf
    share = float((alpha - left[bin_]) / max(float(probs[bin_]), 1e-12))  # of the bin's gaps that are longer
    low = float(bins.edges[bin_ - 1]) if bin_ else 0.0
    if bin_ < len(bins.edges):
        return low + (1 - min(share, 1.0)) * (float(bins.edges[bin_]) - low)
    return low * max(share, LEAST) ** (-1 / _steepness(bins))


def _beyond(bins: Bins, codes: NDArray[np.int64], hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share (n,) of a bin's gaps that are at least as long; all where it holds what comes at once."""
    low = np.concatenate([[0.0], bins.edges])[codes]
    high = np.append(bins.edges, np.inf)[codes]
    last = np.isinf(high)
    width = np.where(last | (high <= low), 1.0, high - low)
    even = np.clip((np.where(last, hours, high) - hours) / width, 0, 1)
    power = (np.maximum(hours, LEAST) / np.maximum(low, LEAST)) ** -_steepness(bins)
    return np.where(codes == 0, 1.0, np.where(last, np.minimum(power, 1), even))


def _steepness(bins: Bins) -> float:
    """Return the power of the tail beyond the last edge, of which half lies beyond the last bin's median."""
    ratio = float(bins.middles[-1]) / max(float(bins.edges[-1]), LEAST)
    return min(MOST_STEEP, math.log(2) / math.log(ratio)) if ratio > 1.0001 else MOST_STEEP
