"""P(Y = 1), or the mean of Y, if everybody had done the action: naive, inverse-propensity and doubly robust.
Knows arrays of decisions, outcomes, propensities and predictions; must not know where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.shares import wilson
from wmagent.errors import InputError

Floats = NDArray[np.float64]
CLIP = 0.02  # propensities below this are taken as this, which bounds a decision's weight by 50
OVERLAP = 0.1  # from here on decisions are weighted; the rule of thumb of Crump, Hotz, Imbens & Mitnik (2009)


@dataclass(frozen=True)
class Estimate:
    """A probability with its 90 % interval and the number of decisions that it is worth."""

    value: float
    interval: tuple[float, float]
    effective: float  # observations that a plain share of the same precision would have


@dataclass(frozen=True)
class Decisions:
    """n recorded decisions: `taken` (n,) whether the action was chosen, `outcome` (n,) 0 or 1 (or a share; any number
    where means are asked for), `propensity` (n,) P(action | state), `predicted` (n,) the outcome model's E(Y | action,
    state), `weight` (n,) how much each counts towards the population that is asked about, `group` (n,) ids: those of
    one group vary together.
    """

    taken: Floats
    outcome: Floats
    propensity: Floats
    predicted: Floats
    weight: Floats
    group: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in vars(self).values()}
        if len(lengths) != 1:
            raise InputError(f"the columns of decisions have {sorted(lengths)} rows; give one row per decision in each")
        if not self.taken.any():
            raise InputError("no recorded decision took the action; there is nothing to estimate from")
        if (self.propensity <= 0).any() or (self.propensity > 1).any():
            raise InputError("propensities lie above 0 and up to 1; clip those that are estimated as 0")


@dataclass(frozen=True)
class Mean:
    """A mean outcome: its `value`, the influence function (n,), by how much each decision moves it, and the
    weights (n,) that the outcomes have in it; both by decision."""

    value: float
    influence: Floats
    weight: Floats


def naive(decisions: Decisions) -> Estimate:
    """Return the share of good outcomes where the action was taken, whatever led to it."""
    return _bounded(naive_mean(decisions), decisions.group)


def naive_mean(decisions: Decisions) -> Mean:
    """Return the mean outcome where the action was taken, whatever led to it."""
    return _ratio(decisions.taken * decisions.weight, decisions.outcome)


def inverse_propensity(decisions: Decisions, clip: float = CLIP) -> Estimate:
    """Return the self-normalised (Hájek) inverse-propensity estimate; right where the propensities are."""
    return _bounded(inverse_propensity_mean(decisions, clip), decisions.group)


def inverse_propensity_mean(decisions: Decisions, clip: float = CLIP) -> Mean:
    """Return what `inverse_propensity` does, of outcomes that need not be shares."""
    return _ratio(_inverse(decisions, clip), decisions.outcome)


def doubly_robust(decisions: Decisions, predicted: float | None = None, overlap: float = OVERLAP) -> Estimate:
    """Return the augmented inverse-propensity estimate: the mean prediction plus the weighted mean residual.

    Consistent where either the propensities or the predictions are right (Robins, Rotnitzky & Zhao 1994), with the
    interval of its influence function. Where the action is chosen less often than `overlap`, the prediction alone
    answers, and is trusted there (SWITCH of Wang, Agarwal & Dudik 2017); `weighted_share` says for how many.
    `predicted` is the mean prediction for the population that is asked about, where that is another one than the
    decisions'.
    """
    return _bounded(doubly_robust_mean(decisions, predicted, overlap), decisions.group)


def doubly_robust_mean(decisions: Decisions, predicted: float | None = None, overlap: float = OVERLAP) -> Mean:
    """Return what `doubly_robust` does, of outcomes that need not be shares."""
    share = decisions.weight / decisions.weight.sum()
    inverse = _inverse(decisions, overlap) * (decisions.propensity >= overlap)
    own = float(share @ decisions.predicted)
    value = own if predicted is None else predicted
    influence = share * (decisions.predicted - own) if predicted is None else np.zeros(len(share))
    if not inverse.any():
        return Mean(value, influence, decisions.taken * decisions.weight)
    residual, covered = decisions.outcome - decisions.predicted, weighted_share(decisions, overlap)
    mean_residual = float(inverse @ residual / inverse.sum())
    influence = influence + covered * inverse / inverse.sum() * (residual - mean_residual)
    return Mean(value + covered * mean_residual, influence, inverse)


def weighted_share(decisions: Decisions, overlap: float = OVERLAP) -> float:
    """Return the share of the decisions at which the action is chosen at least as often as `overlap`."""
    return float(decisions.weight @ (decisions.propensity >= overlap) / decisions.weight.sum())


def cross_fitted(predicted: Floats, outcome: Floats, taken: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return predictions (n,) recalibrated by the other folds' outcomes, so that no outcome corrects itself.

    One number is fitted per fold: the shift on the log-odds scale that makes predictions agree with what followed the
    action elsewhere; it is shrunk towards 0 by one outcome each way.
    """
    corrected = predicted.copy()
    for number in np.unique(fold):
        mine, others = fold == number, (fold != number) & (taken > 0)
        expected, seen = float(predicted[others].sum()) + 1.0, float(outcome[others].sum()) + 1.0
        n = float(others.sum()) + 2.0
        shift = logit(seen / n) - logit(expected / n)
        corrected[mine] = expit(logit(predicted[mine]) + shift)
    return corrected


def logit(share: Floats | float) -> Floats:
    """Return log odds, of shares kept 1e-6 away from 0 and 1."""
    kept = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


def expit(odds: Floats | float) -> Floats:
    """Return the shares of log odds."""
    return 1 / (1 + np.exp(-np.asarray(odds, dtype=np.float64)))


def _inverse(decisions: Decisions, clip: float) -> Floats:
    return decisions.taken * decisions.weight / np.maximum(decisions.propensity, clip)


def _ratio(weight: Floats, outcome: Floats) -> Mean:
    value = float(weight @ outcome / weight.sum())
    return Mean(value, weight / weight.sum() * (outcome - value), weight)


def standard_error(influence: Floats, weight: Floats, group: NDArray[np.int64]) -> float:
    """Return the standard error of a mean with this influence function and these weights (n,), summed over groups."""
    return math.sqrt(_variance(influence, weight, group)[0])


def _variance(influence: Floats, weight: Floats, group: NDArray[np.int64]) -> tuple[float, float]:
    """Return the variance, and how many groups the weights are worth (Kish), by which it is corrected."""
    _, place = np.unique(group, return_inverse=True)
    by_group, per_group = np.bincount(place, influence), np.bincount(place, weight)
    kish = float(weight.sum() ** 2 / (per_group**2).sum())
    return float((by_group**2).sum()) * kish / max(kish - 1.0, 1.0), kish


def _bounded(mean: Mean, group: NDArray[np.int64]) -> Estimate:
    """Return the estimate, kept in [0, 1], with the Wilson interval of as many observations as its variance is worth.

    Never more observations are claimed than the weights are worth, so that outcomes that are all alike do not look
    certain.
    """
    value = min(max(mean.value, 0.0), 1.0)
    variance, kish = _variance(mean.influence, mean.weight, group)
    effective = kish if variance <= 0 else min(kish, value * (1 - value) / variance) if 0 < value < 1 else kish
    return Estimate(value, wilson(value, effective), effective)
