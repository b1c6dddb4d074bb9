"""Scores of predicted next states and of probabilities, with bootstrap intervals. Plain numpy.
Knows facts and numbers; knows no model, no world and no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.shares import Z95, wilson
from wmagent.domain.types import Facts, Transition, Value, canonical

BINS = 15
FactProbabilities = Mapping[str, Mapping["Value | None", float]]
Interval = list[float]  # low, high


@dataclass(frozen=True)
class NextState:
    """One predicted next state: the whole fact dict, and the distribution of the facts that may change."""

    facts: Facts
    probabilities: FactProbabilities


def score(
    rows: Sequence[Transition],
    predictions: Sequence[NextState],
    slots: Sequence[str],
    groups: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, object]:
    """Score predictions against what happened; `slots` are the keys pooled by the calibration error.

    Returns exact, exact_changed (rows whose facts change), exact_unchanged, changed_f1 (micro F1 over the pairs
    (key, new value) that differ from the state before), ece, ece_on_changes, their counts, and `intervals`:
    bootstrap 95 % over `groups` (one label per row; rows where left out). A score without rows is None.

    ece pools one number pair per row and slot: the probability of the slot's top value, and whether that value is
    what followed; 15 equal-width bins, mean absolute gap weighted by count. A slot that a prediction does not
    mention counts as certain to stay. ece_on_changes pools only the pairs where the predicted top value or the
    real one differs from the value before, since the many certain copies flatter the first.
    """
    if len(rows) != len(predictions):
        raise ValueError(f"{len(rows)} rows but {len(predictions)} predictions")
    table = _Table(len(rows))
    for index, (row, predicted) in enumerate(zip(rows, predictions, strict=True)):
        table.add(index, row, predicted, slots)
    sums = table.sums()
    everything = np.ones((1, len(rows)))
    point = {name: _none(values[0]) for name, values in _ratios(everything @ sums).items()}
    weights = bootstrap_weights(groups if groups is not None else [str(i) for i in range(len(rows))], resamples, seed)
    spread = _ratios(weights @ sums)
    intervals = {name: _percentiles(values) for name, values in spread.items()}
    counts = {"n": len(rows), "n_changed": int(table.changed.sum()), "slots": len(slots)}
    return {**point, **counts, "intervals": intervals}


class _Table:
    """Per row: exact, changed, F1 counts, and per calibration bin the count, confidence and hits (two poolings)."""

    def __init__(self, n: int) -> None:
        self.exact = np.zeros(n)
        self.changed = np.zeros(n)
        self.pairs = np.zeros((n, 3))  # hits, predicted, real
        self.bins = np.zeros((n, 2, BINS, 3))

    def add(self, index: int, row: Transition, predicted: NextState, slots: Sequence[str]) -> None:
        before, after, guess = _texts(row.before.facts), _texts(row.after.facts), _texts(predicted.facts)
        real, said = _changes(before, after), _changes(before, guess)
        self.exact[index] = after == guess
        self.changed[index] = bool(real)
        self.pairs[index] = len(real & said), len(said), len(real)
        for key in slots:
            shares = predicted.probabilities.get(key)
            top, share = (before.get(key), 1.0) if not shares else top_value(shares)
            place = bin_of(share)
            hit = float(top == after.get(key))
            self.bins[index, 0, place] += 1.0, share, hit
            if top != before.get(key) or after.get(key) != before.get(key):
                self.bins[index, 1, place] += 1.0, share, hit

    def sums(self) -> NDArray[np.float64]:
        """Return (n, columns): what adds up over rows, in the order that `_ratios` reads."""
        still = 1.0 - self.changed
        columns = [np.ones_like(self.exact), self.exact, self.changed, self.exact * self.changed]
        columns += [still, self.exact * still]
        return np.concatenate([np.stack(columns, 1), self.pairs, self.bins.reshape(len(self.exact), -1)], 1)


def _ratios(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Turn (r, columns) sums into the scores, one number per row r; NaN where nothing was counted."""
    bins = sums[:, 9:].reshape(len(sums), 2, BINS, 3)
    hits, said, real = sums[:, 6], sums[:, 7], sums[:, 8]
    return {
        "exact": _divide(sums[:, 1], sums[:, 0]),
        "exact_changed": _divide(sums[:, 3], sums[:, 2]),
        "exact_unchanged": _divide(sums[:, 5], sums[:, 4]),
        "changed_f1": _divide(2 * hits, said + real),
        "ece": _gap(bins[:, 0]),
        "ece_on_changes": _gap(bins[:, 1]),
    }


def _gap(bins: NDArray[np.float64]) -> NDArray[np.float64]:
    return _divide(np.abs(bins[..., 1] - bins[..., 2]).sum(-1), bins[..., 0].sum(-1))


def _divide(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _texts(facts: Facts) -> dict[str, str]:
    return {key: canonical(value) for key, value in facts.items()}


def _changes(before: dict[str, str], after: dict[str, str]) -> set[tuple[str, str | None]]:
    return {(key, after.get(key)) for key in {*before, *after} if before.get(key) != after.get(key)}


def top_value(shares: Mapping[Value | None, float]) -> tuple[str | None, float]:
    """Return the likeliest value in its text form (None: absent) and its probability, at most one."""
    merged: dict[str | None, float] = {}
    for value, share in shares.items():
        name = None if value is None else canonical(value)
        merged[name] = merged.get(name, 0.0) + float(share)
    best = max(merged, key=lambda name: merged[name])
    return best, min(1.0, merged[best])


def bin_of(probability: float) -> int:
    """Return the equal-width bin (0 … 14) of a probability; one belongs to the last bin."""
    return min(BINS - 1, int(probability * BINS))


def ece(confidence: Sequence[float], correct: Sequence[bool]) -> float:
    """Return the expected calibration error: 15 equal-width bins, |mean confidence - share correct| by count."""
    bins = np.zeros((BINS, 3))
    for share, hit in zip(confidence, correct, strict=True):
        bins[bin_of(share)] += 1.0, share, float(hit)
    return float(_gap(bins[None])[0])


def auroc(negatives: Sequence[float], positives: Sequence[float]) -> float:
    """Return the chance that a positive scores higher than a negative, ties counting half."""
    low, high = np.sort(np.asarray(negatives)), np.asarray(positives)
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.mean() / (2 * len(low))) if len(low) and len(high) else float("nan")


def share_interval(share: float, n: int) -> Interval:
    """Return the 95 % Wilson interval of a share of n, rounded for results; of nothing, that of one."""
    return [round(edge, 4) for edge in wilson(share, max(n, 1), Z95)]


def brier(probabilities: Sequence[float], truths: Sequence[float]) -> float:
    """Return the mean squared difference; truths may be outcomes (0 or 1) or exact probabilities."""
    return float(np.mean((np.asarray(probabilities, float) - np.asarray(truths, float)) ** 2))


def coverage(intervals: Sequence[tuple[float, float]], truths: Sequence[float], slack: float = 1e-9) -> float:
    """Return the share of truths inside their interval, ends included (`slack` for rounding)."""
    inside = [low - slack <= truth <= high + slack for (low, high), truth in zip(intervals, truths, strict=True)]
    return float(np.mean(inside))


def bootstrap_weights(groups: Sequence[str], resamples: int, seed: int) -> NDArray[np.float64]:
    """Return (resamples, n) row weights: groups drawn with replacement, all rows of a group together."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    count = int(index.max()) + 1 if len(groups) else 0
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / max(count, 1)), size=resamples)
    return draws[:, index].astype(float)


def bootstrap(
    values: Sequence[float],
    groups: Sequence[str] | None = None,
    statistic: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return the bootstrap 95 % interval of the mean (or of `statistic(values (n,), weights (r, n)) -> (r,)`)."""
    array = np.asarray(values, float)
    if not len(array):
        return [math.nan, math.nan]
    weights = bootstrap_weights(groups if groups is not None else [str(i) for i in range(len(array))], resamples, seed)
    spread = statistic(array, weights) if statistic else weights @ array / weights.sum(1)
    return _percentiles(spread) or [math.nan, math.nan]


def _percentiles(values: NDArray[np.float64]) -> Interval | None:
    finite = values[np.isfinite(values)]
    return [float(x) for x in np.percentile(finite, [2.5, 97.5])] if len(finite) else None


def _none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
