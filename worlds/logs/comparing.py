"""Whether a measure differs between two groups of cases: rank and contingency tests with an effect that is comparable
across measures. Knows numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EXPECTED = 5.0  # values beside the usual one, per group, below which only an exact test is right


def compared(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return p-values and effects (measures,) of measures of two groups (cases, measures), none of them empty.

    Yes-or-no measures: chi-square with Yates' correction; others: Mann-Whitney, two-sided, corrected for ties. Where
    all but a few cases have one and the same value: Fisher's exact test of having another. The effect is Cliff's delta,
    P(after > before) - P(after < before), -1 to 1; of yes-or-no measures that is the difference of the shares.
    """
    from scipy.stats import fisher_exact, mannwhitneyu

    both = np.concatenate([before, after])
    n, m = len(before), len(after)
    found = mannwhitneyu(after, before, axis=0, method="asymptotic")
    effect = 2 * found.statistic / (n * m) - 1
    p = np.asarray(found.pvalue, float)
    yes_or_no = ((both == 0) | (both == 1)).all(0)
    p[yes_or_no] = _chi_square(before[:, yes_or_no].sum(0), n, after[:, yes_or_no].sum(0), m)
    usual = np.median(both, 0)
    others = (both != usual).sum(0)
    for place in np.flatnonzero(others * min(n, m) / (n + m) < EXPECTED).tolist():
        here, there = (before[:, place] != usual[place]).sum(), (after[:, place] != usual[place]).sum()
        p[place] = fisher_exact([[here, n - here], [there, m - there]])[1]
    return np.nan_to_num(p, nan=1.0), effect


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values (n,) corrected for n comparisons by Holm's method: the chance of any false alarm is at most the
    threshold they are held against."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def _chi_square(x: NDArray[np.float64], n: int, y: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    """Return p-values of x of n against y of m."""
    from scipy.stats import chi2_contingency

    tables = [[[a, n - a], [b, m - b]] for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return np.array([chi2_contingency(t)[1] if 0 < t[0][0] + t[1][0] < n + m else 1.0 for t in tables], float)
