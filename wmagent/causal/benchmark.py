"""How strongly each logged fact confounds a decision: the yardstick for how strongly an unlogged one might.
Knows coded states, propensities and outcome chances; must not know the question, so that no answer sets its own doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUANTILE = 0.9  # share of the decisions in which a fact confounds at most as strongly as it is said to


@dataclass(frozen=True)
class Strength:
    """A logged fact (its column) and the gamma that the bounds would have needed, had it not been logged."""

    column: int
    gamma: float


def strengths(
    states: NDArray[np.int64],
    propensity: Floats,
    outcome: Floats,
    weight: Floats,
    columns: list[int],
    quantile: float = QUANTILE,
) -> list[Strength]:
    """Return the strength of each column that varies while all others stay, strongest first.

    `states` (x, s) are distinct coded states, `propensity` (x,) P(A = a | state), `outcome` (x,) P(Y(a) = 1 | state),
    `weight` (x,) recorded decisions. States alike in all other columns form a group. With the column left out, the odds
    of the decision differ there between cases with Y(a) = 1 and Y(a) = 0 by a factor, which is what `gamma` bounds; the
    column's strength is the given quantile of these factors over decisions. This is benchmarking against observed
    covariates as Cinelli & Hazlett (2020) do it, on the scale of the bounds.
    """
    e, p = np.clip(propensity, 1e-3, 1 - 1e-3), np.clip(outcome, 1e-3, 1 - 1e-3)
    found = []
    for column in columns:
        _, group = np.unique(np.delete(states, column, 1), axis=0, return_inverse=True)
        group = group.ravel()
        several = np.bincount(group) > 1
        if several.any():
            good, bad = (_taken(group, weight * share, e)[several] for share in (p, 1 - p))
            ratio = (good / (1 - good)) / (bad / (1 - bad))
            size = np.bincount(group, weight)[several].astype(np.float64)
            found.append(Strength(column, _quantile(np.maximum(ratio, 1 / ratio), size, quantile)))
    return sorted(found, key=lambda strength: -strength.gamma)


def _taken(group: NDArray[np.int64], weight: Floats, propensity: Floats) -> Floats:
    """Return each group's weighted mean propensity."""
    return np.bincount(group, weight * propensity) / np.maximum(np.bincount(group, weight), 1e-12)


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])
