"""Outcome probabilities of single steps against a world's exact oracle: every legal pair of every reachable state.
Knows worlds and forecasts by their public names; knows no plan and no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmagent.domain.types import Action, FactKey, Facts, Transition, canonical, key_of
from wmagent.domain.world import Oracle, Outcome
from wmagent.evals.metrics import BINS, bin_of, bootstrap, top_value

PairKey = tuple[FactKey, str]
BATCH = 512


@dataclass(frozen=True)
class Pair:
    """A legal (state, action) pair with its exact outcomes, and how often held-out and training behaviour took it."""

    facts: Facts
    action: Action
    outcomes: tuple[Outcome, ...]
    visits: int  # in held-out experience
    seen: int  # in training experience

    @property
    def truth(self) -> dict[FactKey, float]:
        """Exact probability of each possible next state (durations and events summed out)."""
        merged: dict[FactKey, float] = {}
        for outcome in self.outcomes:
            merged[key_of(outcome.facts)] = merged.get(key_of(outcome.facts), 0.0) + outcome.probability
        return merged


def legal_pairs(
    oracle: Oracle,
    actions: Sequence[Action],
    starts: Iterable[Facts],
    training: Sequence[Transition] = (),
    held_out: Sequence[Transition] = (),
) -> list[Pair]:
    """Return every legal pair of every state reachable from the starts, in a fixed order."""
    states: dict[FactKey, Facts] = {}
    for start in starts:
        for facts in oracle.reachable(start):
            states.setdefault(key_of(facts), facts)
    seen, visits = recorded_pairs(training), recorded_pairs(held_out)
    pairs = []
    for key in sorted(states):
        for action in actions:
            outcomes = oracle.outcomes(states[key], action)
            if outcomes:
                pair: PairKey = (key, action.label())
                pairs.append(Pair(states[key], action, tuple(outcomes), visits[pair], seen[pair]))
    return pairs


def recorded_pairs(rows: Sequence[Transition]) -> Counter[PairKey]:
    """Return how often every (state, action) pair was recorded and accepted."""
    return Counter((key_of(row.before.facts), row.action.label()) for row in rows if row.error is None)


def outcome_errors(model: Any, pairs: Sequence[Pair], seed: int = 0) -> dict[str, object]:
    """Compare `model.forecast` with the oracle on every pair.

    Per pair: `mae` is the mean over the truly possible next states of |p - q| (a tail of spurious outcomes cannot
    dilute it, because its mass is missing there); `tv` is half the sum of |p - q| over the union of true and
    imagined next states; `union_mae` the mean over that union. Averages are given over all pairs (uniform), over
    the pairs weighted by held-out visits (visited), over pairs with two or more outcomes (uncertain), and over
    those that training behaviour never took (unseen). Intervals: bootstrap 95 % over pairs. `hours_mae` compares
    expected durations. ECE: see `_fact_calibration`.
    """
    measured = [_errors(pair, forecast) for pair, forecast in _forecasts(model, pairs)]
    table = {name: np.array([row[name] for row in measured]) for name in ("mae", "tv", "union_mae", "hours")}
    weights = {
        "uniform": np.ones(len(pairs)),
        "visited": np.array([float(pair.visits) for pair in pairs]),
        "uncertain": np.array([float(len(pair.truth) > 1) for pair in pairs]),
        "unseen": np.array([float(pair.seen == 0) for pair in pairs]),
    }
    result: dict[str, object] = {"n_pairs": len(pairs), "n_visited": int((weights["visited"] > 0).sum())}
    for scope, weight in weights.items():
        result[scope] = _weighted(table, weight, seed)
    result["calibration"] = {scope: _fact_calibration(measured, weights[scope]) for scope in ("uniform", "visited")}
    return result


def _forecasts(model: Any, pairs: Sequence[Pair]) -> Iterable[tuple[Pair, Any]]:
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        forecasts = model.forecast([pair.facts for pair in some], [pair.action for pair in some])
        yield from zip(some, forecasts, strict=True)


def _errors(pair: Pair, forecast: Any) -> dict[str, Any]:
    truth, said = pair.truth, {}
    hours = 0.0
    for outcome in forecast.outcomes:
        key = key_of(outcome.facts)
        said[key] = said.get(key, 0.0) + outcome.probability
        hours += outcome.probability * outcome.duration
    union = {key: abs(truth.get(key, 0.0) - said.get(key, 0.0)) for key in {*truth, *said}}
    expected = sum(outcome.probability * outcome.duration for outcome in pair.outcomes)
    return {
        "mae": sum(union[key] for key in truth) / len(truth),
        "tv": sum(union.values()) / 2,
        "union_mae": sum(union.values()) / len(union),
        "hours": abs(hours - expected),
        "facts": _fact_pairs(pair, forecast.fact_probabilities),
    }


def _fact_pairs(pair: Pair, said: Mapping[str, Mapping[Any, float]]) -> list[tuple[float, float]]:
    """Return (probability of the top value, exact probability of that value) for each slot that may change."""
    exact: dict[str, dict[str | None, float]] = {key: {} for key in said}
    for outcome in pair.outcomes:
        for key, shares in exact.items():
            value = outcome.facts.get(key)
            name = None if value is None else canonical(value)
            shares[name] = shares.get(name, 0.0) + outcome.probability
    tops = {key: top_value(shares) for key, shares in said.items()}
    return [(share, exact[key].get(value, 0.0)) for key, (value, share) in tops.items()]


def _fact_calibration(measured: Sequence[Mapping[str, Any]], weights: np.ndarray) -> dict[str, object]:
    """Return the ECE of top-1 fact probabilities over all (pair, slot), with exact probabilities instead of draws.

    15 equal-width bins of the said probability; per bin |mean said - mean exact|, weighted by the bin's mass.
    """
    bins = np.zeros((BINS, 3))
    for row, weight in zip(measured, weights, strict=True):
        for said, exact in row["facts"]:
            bins[bin_of(said)] += weight, weight * said, weight * exact
    mass = bins[:, 0].sum()
    curve = [[float(b[1] / b[0]), float(b[2] / b[0]), float(b[0] / mass)] for b in bins if b[0] > 0]
    return {"ece": float(np.abs(bins[:, 1] - bins[:, 2]).sum() / mass) if mass else None, "curve": curve}


def _weighted(table: Mapping[str, np.ndarray], weight: np.ndarray, seed: int) -> dict[str, object]:
    if not weight.any():
        return {"n": 0}
    kept = weight > 0
    found: dict[str, object] = {"n": int(kept.sum())}
    for name, values in table.items():
        found["hours_mae" if name == "hours" else name] = float(np.average(values, weights=weight))

    def mean(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
        shares = counts * weight[kept]
        return shares @ values / np.maximum(shares.sum(1), 1e-12)

    found["mae_interval"] = bootstrap(table["mae"][kept].tolist(), statistic=mean, resamples=300, seed=seed)
    return found
