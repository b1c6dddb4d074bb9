"""How strongly the logged facts drive a decision: the yardstick for how strongly an unlogged one might.
Knows coded states and propensities; must not know outcomes, so that no answer decides its own doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUANTILE = 0.9  # share of the decisions whose odds a fact moves by at most what it is said to


@dataclass(frozen=True)
class Strength:
    """A logged fact (its column) and the factor by which it moves the odds of the decision, all else equal."""

    column: int
    gamma: float


def strengths(
    states: NDArray[np.int64], propensity: Floats, weight: Floats, columns: list[int], quantile: float = QUANTILE
) -> list[Strength]:
    """Return the strength of each column that varies while all others stay, strongest first.

    `states` (x, s) are distinct coded states, `propensity` (x,) P(action | state) there, `weight` (x,) the recorded
    decisions. States alike in all other columns form a group; the odds ratio between its likeliest and its unlikeliest
    value counts with the group's decisions, and a column's gamma is the given quantile of these ratios. It is the
    benchmarking against observed covariates of Cinelli & Hazlett (2020), on the odds scale of the bounds.
    """
    kept = np.clip(propensity, 1e-3, 1 - 1e-3)
    odds = np.log(kept / (1 - kept))
    found = []
    for column in columns:
        others = np.delete(states, column, 1)
        _, group = np.unique(others, axis=0, return_inverse=True)
        group = group.ravel()
        highest, lowest = np.full(group.max() + 1, -np.inf), np.full(group.max() + 1, np.inf)
        np.maximum.at(highest, group, odds)
        np.minimum.at(lowest, group, odds)
        several = np.bincount(group) > 1
        if several.any():
            ratio = np.exp(highest - lowest)[several]
            found.append(
                Strength(column, _quantile(ratio, np.bincount(group, weight)[several].astype(np.float64), quantile))
            )
    return sorted(found, key=lambda strength: -strength.gamma)


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])
