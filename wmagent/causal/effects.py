"""What everybody's doing one thing instead of another comes to: both means and their difference, each with 95 %.
Knows decisions in two arms of one population; must not know where they come from or what the outcome is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.differences import LEVEL, Bounded, difference, normal
from wmagent.causal.estimates import (
    CLIP,
    Decisions,
    Estimate,
    Mean,
    doubly_robust,
    doubly_robust_mean,
    inverse_propensity,
    inverse_propensity_mean,
    naive,
    naive_mean,
    standard_error,
)
from wmagent.causal.shares import wilson

PER_DEVIATION = 0.91  # log of the risk ratio that a difference of one standard deviation is taken for


@dataclass(frozen=True)
class Contrast:
    """The mean outcome had everybody done it, had everybody done the other, and the first minus the second."""

    do: Bounded
    instead: Bounded
    difference: Bounded


@dataclass(frozen=True)
class Contrasts:
    """The same contrast by three estimators."""

    naive: Contrast
    inverse_propensity: Contrast
    doubly_robust: Contrast


def of_shares(do: Decisions, instead: Decisions) -> Contrasts:
    """Return contrasts of outcomes that are 0 or 1: Wilson's intervals of as many observations as the estimates are
    worth, so that outcomes which are all alike do not look certain; differences by Newcombe (1998).

    Both arms are decisions of one population, row by row.
    """
    return Contrasts(
        _shares(naive(do), naive(instead)),
        _shares(inverse_propensity(do), inverse_propensity(instead)),
        _shares(doubly_robust(do, overlap=CLIP), doubly_robust(instead, overlap=CLIP)),
    )


def of_means(do: Decisions, instead: Decisions) -> Contrasts:
    """Return contrasts of outcomes that are any numbers, with normal intervals of their influence functions; what moves
    both arms alike moves no difference. Both arms are decisions of one population, row by row."""
    return Contrasts(
        _means(naive_mean(do), naive_mean(instead), do.group),
        _means(inverse_propensity_mean(do), inverse_propensity_mean(instead), do.group),
        _means(doubly_robust_mean(do, overlap=CLIP), doubly_robust_mean(instead, overlap=CLIP), do.group),
    )


def as_risk_ratio(deviations: float) -> float:
    """Return the risk ratio that a difference of means, in standard deviations, is taken for where an E-value is asked
    of it (VanderWeele & Ding 2017).

    >>> round(as_risk_ratio(0.5), 2)
    1.58
    """
    return math.exp(PER_DEVIATION * deviations)


def _shares(do: Estimate, instead: Estimate) -> Contrast:
    ends = [Bounded(one.value, wilson(one.value, one.effective, LEVEL)) for one in (do, instead)]
    return Contrast(ends[0], ends[1], Bounded(*difference(instead, do)))


def _means(do: Mean, instead: Mean, group: NDArray[np.int64]) -> Contrast:
    moved, weight = do.influence - instead.influence, do.weight + instead.weight
    both = standard_error(moved, weight, group)
    return Contrast(
        normal(do.value, standard_error(do.influence, do.weight, group)),
        normal(instead.value, standard_error(instead.influence, instead.weight, group)),
        normal(do.value - instead.value, both),
    )
