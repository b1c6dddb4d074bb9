"""Scores of predictions on event logs, with intervals by bootstrap over cases. Knows arrays only."""

from __future__ import annotations

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


def similarities(said: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for pairs of sequences (n, s) and (n, t), -1 from their ends on, 1 - Damerau-Levenshtein distance (optimal
    string alignment) over the longer length (n,); 1 where both are empty."""
    lengths, wanted = (said >= 0).sum(1), (true >= 0).sum(1)
    place = np.arange(true.shape[1] + 1, dtype=np.int16)
    last = np.tile(place, (len(said), 1))
    before, distance = last, wanted.copy()
    for i in range(int(lengths.max(initial=0))):
        equal = said[:, i, None] == true
        row = np.concatenate([last[:, :1] + 1, np.minimum(last[:, 1:] + 1, last[:, :-1] + ~equal)], 1)
        if i:
            swapped = equal[:, :-1] & (said[:, i - 1, None] == true[:, 1:])
            row[:, 2:] = np.where(swapped, np.minimum(row[:, 2:], before[:, :-2] + 1), row[:, 2:])
        row = np.minimum.accumulate(row - place, axis=1) + place  # insertions, one after another
        before, last = last, row
        distance = np.where(lengths == i + 1, row[np.arange(len(row)), wanted], distance)
    return 1 - distance / np.maximum(np.maximum(lengths, wanted), 1)


def medoids(courses: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of n sets of courses (n, draws, s), -1 from their ends on, the number of the course that is most
    like all others (n,)."""
    n, draws, _ = courses.shape
    one, other = np.triu_indices(draws, 1)
    likeness = np.zeros((n, draws))
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        like = similarities(courses[:, a], courses[:, b])
        likeness[:, a] += like
        likeness[:, b] += like
    return likeness.argmax(1)


def medoid_similarities(courses: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how like the true sequences (n, t) the medoids of n sets of courses (n, draws, s) are (n,)."""
    return similarities(courses[np.arange(len(courses)), medoids(courses)], true)
