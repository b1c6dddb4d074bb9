"""Scores of predictions on event logs, with intervals by bootstrap over cases. Knows arrays only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6


def likelihood(probs: NDArray[np.float64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return -log p (n,) of what happened; probabilities (n, c) are floored at FLOOR."""
    return -np.log(np.maximum(probs[np.arange(len(wanted)), wanted], FLOOR))


def accuracy(probs: NDArray[np.float64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 where the likeliest is what happened (n,)."""
    return (probs.argmax(1) == wanted).astype(float)


def macro_f1(probs: NDArray[np.float64], wanted: NDArray[np.int64]) -> float:
    """Return the mean F1 of the classes that happened."""
    said, scores = probs.argmax(1), []
    for code in np.unique(wanted):
        hit = int(((said == code) & (wanted == code)).sum())
        scores.append(2 * hit / (int((said == code).sum()) + int((wanted == code).sum())))
    return float(np.mean(scores))


def average_precision(scores: NDArray[np.float64], hit: NDArray[np.bool_]) -> float:
    """Return the average precision of a ranking."""
    ranked = hit[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean()) if hit.any() else float("nan")


def over_cases(
    values: NDArray[np.float64], cases: NDArray[np.int64], seed: int = 0, draws: int = 1_000
) -> tuple[float, float]:
    """Return the 95 % interval of a mean over prefixes, by bootstrap over cases."""
    _, place = np.unique(cases, return_inverse=True)
    total, n = np.bincount(place, values), np.bincount(place)
    drawn = np.random.default_rng(seed).multinomial(len(n), np.full(len(n), 1 / len(n)), draws)
    low, high = np.quantile((drawn @ total) / (drawn @ n), [0.025, 0.975])
    return float(low), float(high)


def similarity(said: Sequence[int], true: Sequence[int]) -> float:
    """Return 1 - Damerau-Levenshtein distance (optimal string alignment) over the longer length."""
    longest = max(len(said), len(true))
    if not longest:
        return 1.0
    before, last = list[int](), list(range(len(true) + 1))
    for i, a in enumerate(said, 1):
        row = [i]
        for j, b in enumerate(true, 1):
            cost = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == true[j - 2] and said[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return 1 - last[-1] / longest


def medoid(courses: Sequence[Sequence[int]], near: Callable[[Sequence[int], Sequence[int]], float] = similarity) -> int:
    """Return the number of the course that is most like all others."""
    likeness = [sum(near(a, b) for b in courses) for a in courses]
    return int(np.argmax(likeness))
