"""How far an unlogged cause of the decision could move an estimate: E-value, bounds at a strength Gamma, Manski.
Knows probabilities; must not know data or models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.errors import InputError

Floats = NDArray[np.float64]


def e_value(ratio: float) -> float:
    """Return how strongly (as a risk ratio) an unlogged cause would have to go with both the decision and the outcome
    to explain a risk ratio away: RR + sqrt(RR (RR - 1)), of 1 / RR where RR < 1 (VanderWeele & Ding 2017).

    >>> round(e_value(3.9), 2)
    7.26
    """
    if not ratio > 0:
        raise InputError(f"a risk ratio is above 0, not {ratio}")
    if math.isinf(ratio):
        return math.inf
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_value_limit(low: float, high: float) -> float:
    """Return the E-value of that end of a risk ratio's interval which is nearer to 1; 1 where the interval holds 1."""
    if not 0 <= low <= high:
        raise InputError(f"a risk ratio's interval is 0 <= low <= high, not {low} to {high}")
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


@dataclass(frozen=True)
class Strata:
    """Groups of like cases (x,): `share` of the population asked about, `propensity` e = P(A = a | x) and `outcome`
    p = P(Y = 1 | A = a, x), each with the ends of its sampling interval."""

    share: Floats
    propensity: Floats
    outcome: Floats
    propensity_low: Floats
    outcome_low: Floats
    outcome_high: Floats


def bounds(strata: Strata, gamma: float) -> tuple[float, float]:
    """Return the least and the largest P(Y(a) = 1) if an unlogged cause multiplies the odds of the decision by at most
    `gamma` between two cases of a stratum (Rosenbaum 2002; Tan's 2006 marginal model with Lambda allows at most
    Lambda squared).

    In a stratum P(Y(a) = 1) = e p + (1 - e) q, where q, the share among those who did otherwise, has odds within a
    factor gamma of p's. Sampling error of e and p is added at the end that makes the bounds wider.
    """
    if not gamma >= 1:
        raise InputError(f"gamma is a ratio of odds from 1 (no unlogged cause) up, not {gamma}")
    e = strata.propensity_low
    low = _mixed(e, strata.outcome_low, 1 / gamma)
    high = _mixed(e, strata.outcome_high, gamma)
    return float(strata.share @ low), float(strata.share @ high)


def manski(strata: Strata) -> tuple[float, float]:
    """Return the bounds that assume nothing about those who did otherwise (Manski 1990)."""
    return bounds(strata, math.inf)


def tipping_gamma(strata: Strata, threshold: float, most: float = 1e4) -> float:
    """Return the least gamma at which the bounds hold `threshold`; 1 where they do without any, inf beyond `most`."""

    def holds(gamma: float) -> bool:
        low, high = bounds(strata, gamma)
        return low <= threshold <= high

    if holds(1.0):
        return 1.0
    if not holds(most):
        return math.inf
    below, above = 0.0, math.log(most)
    for _ in range(40):
        middle = (below + above) / 2
        below, above = (below, middle) if holds(math.exp(middle)) else (middle, above)
    return math.exp(above)


def _mixed(e: Floats, p: Floats, factor: float) -> Floats:
    """Return e p + (1 - e) q with odds(q) = factor * odds(p)."""
    if factor == 0 or math.isinf(factor):
        q = np.full_like(p, 0.0 if factor == 0 else 1.0)
    else:
        q = factor * p / (1 - p + factor * p)
    return e * p + (1 - e) * q
