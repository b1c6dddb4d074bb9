"""Differences of two shares, and many of them tested at once. Knows numbers; must not know where they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wmagent.causal.estimates import Estimate
from wmagent.causal.shares import wilson

LEVEL = 1.959964  # standard errors to either side of a 95 % interval


@dataclass(frozen=True)
class Bounded:
    """A number with its 95 % interval."""

    value: float
    interval: tuple[float, float]


def normal(value: float, error: float) -> Bounded:
    """Return a number with the 95 % interval of a normal one that has this standard error."""
    return Bounded(value, (value - LEVEL * error, value + LEVEL * error))


def difference(before: Estimate, after: Estimate) -> tuple[float, tuple[float, float]]:
    """Return after - before with a 95 % interval: Wilson's intervals, squared and added (Newcombe 1998)."""
    found = after.value - before.value
    (low, high), (low_after, high_after) = (wilson(share.value, share.effective, LEVEL) for share in (before, after))
    below = math.hypot(after.value - low_after, high - before.value)
    above = math.hypot(high_after - after.value, before.value - low)
    return found, (found - below, found + above)


def two_sided(estimate: float, error: float) -> float:
    """Return the p-value of an estimate with a standard error, if it is normal; 1 where both are 0."""
    if error <= 0:
        return 1.0 if estimate == 0 else 0.0
    return math.erfc(abs(estimate) / error / math.sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that hold for all tests together (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    raised = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    found = np.empty(len(given))
    found[order] = np.minimum(raised, 1.0)
    return found.tolist()
