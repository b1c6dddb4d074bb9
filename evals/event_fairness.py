"""Is a planted rule on a case attribute found by a what-if, with its direction and size, and nothing else?
Knows scans of attributes by their public names, and logs whose outcomes follow one attribute alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.differences import LEVEL, difference, holm, two_sided
from wmagent.causal.estimates import Estimate, expit
from wmagent.domain.event_log import Categories, EventLog
from wmagent.errors import InputError, unknown
from wmagent.evals.measure import versions
from wmagent.events.attributes import LEAST, AttributeEffect, AttributeScan, scan_attributes
from wmagent.events.starts import Starts

log_ = logging.getLogger(__name__)

SURE = 0.05  # Holm-corrected
NOTES = (
    "half of the cases, drawn by seed, are learned from and asked about; the truth is the difference of shares among "
    "the other half, which no model saw. That is the rule's size where no other attribute has a say once the "
    "attribute is known; `other_causes` counts the activities of which a likelihood-ratio test says otherwise.",
    "predicted: g-computation by cross-fitted heads on the model's latents; doubly robust and naive beside it. An "
    "estimate agrees with the truth if they differ by no more than 1.96 standard errors of their difference.",
    "found: sure (Holm over all attributes and activities, 5 %) and in the direction of a truth that is sure itself.",
    "other attributes are floors: they go with the planted one, so their naive differences are large, but do nothing; "
    "so is a permuted copy of it, which was learned from with the rest.",
)


def run(
    logs: Mapping[str, EventLog],
    seeds: Sequence[int] = (0, 1, 2),
    attribute: str = "protected",
    preset: str = "tiny",
    unknown_at_start: Mapping[str, Sequence[str]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return, JSON-ready, what a scan of all attributes of each log finds, beside the truth and floors."""
    say, later = progress or log_.info, unknown_at_start or {}
    began, per_seed = time.perf_counter(), []
    for seed in seeds:
        found: dict[str, Any] = {"seed": seed}
        for name, log in logs.items():
            found[name] = _judged(log, seed, attribute, preset, later.get(name, ()))
            say(f"{name}, seed {seed}: {found[name]['planted']}")
        per_seed.append(found)
    return {
        "eval": "event-fairness",
        "attribute": attribute,
        "preset": preset,
        "seeds": list(seeds),
        "summary": {name: _means([found[name] for found in per_seed]) for name in logs},
        "per_seed": per_seed,
        "seconds": round(time.perf_counter() - began, 1),
        "notes": list(NOTES),
        "versions": versions(),
    }


def _judged(log: EventLog, seed: int, attribute: str, preset: str, later: Sequence[str]) -> dict[str, Any]:
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.settings import event_preset

    drawn = np.random.default_rng(seed).permutation(len(log.cases))
    log, permuted = _with_permuted(log, attribute, seed)
    mine, others = log.take(np.sort(drawn[: len(drawn) // 2])), log.take(np.sort(drawn[len(drawn) // 2 :]))
    settings = event_preset(preset).model_copy(update={"trees": 0, "refresh": 0})  # heads read latents only
    model = ProcessModel.learn(mine, seed, settings=settings, unknown_at_start=later)
    scans = {one.attribute: one for one in scan_attributes(model, mine, seed=seed)}
    if attribute not in scans:
        raise unknown("attribute", attribute, scans)
    truth, other_causes = _truth(Starts(model, others, seed), scans[attribute], permuted)
    planted, activities = _compared(scans[attribute], truth)
    rest = {name: _floor(one) for name, one in scans.items() if name not in (attribute, permuted)}
    return {
        "cases": len(mine.cases),
        "values": list(scans[attribute].values),
        "changing": scans[attribute].effects[0].changing,
        "planted": {
            "ranked_first": float(next(iter(scans)) == attribute),
            **planted,
            "other_causes": len(other_causes),
        },
        "permuted": _floor(scans[permuted]),
        "other attributes": _together(list(rest.values())),
        "activities": {name: row | {"other_causes": float(name in other_causes)} for name, row in activities.items()},
        "by attribute": rest,
    }


def _with_permuted(log: EventLog, attribute: str, seed: int) -> tuple[EventLog, str]:
    """Return the log with a permuted copy of a text attribute, and the copy's name."""
    of_case = log.case_attributes.get(attribute)
    column = of_case if of_case is not None else log.event_attributes.get(attribute)
    if not isinstance(column, Categories):
        known = {**log.case_attributes, **log.event_attributes}
        if column is None:
            raise unknown("attribute", attribute, known)
        raise InputError(f"{attribute!r} is a number; the planted rule must be on an attribute of texts")
    codes = column.codes if of_case is not None else column.codes[log.starts[:-1]]
    copy = Categories(np.random.default_rng(seed).permutation(codes), column.values)
    name = f"permuted {attribute}"
    return replace(log, case_attributes={**log.case_attributes, name: copy}), name


def _truth(
    starts: Starts, one: AttributeScan, permuted: str
) -> tuple[dict[str, tuple[Estimate, Estimate]], tuple[str, ...]]:
    """Return the shares of cases with each value that have an activity, and the activities in which other attributes
    have a say once the value is known."""
    column = starts.column(one.attribute)
    assert isinstance(column, Categories)
    having = [column.codes == column.values.index(str(value)) for value in one.values]
    names = [name for name in starts.attributes() if name not in (one.attribute, permuted)]
    causes = np.concatenate([_told(starts, name) for name in names], 1)
    shares: dict[str, tuple[Estimate, Estimate]] = {}
    p_values = []
    for effect in one.effects:
        hit = starts.happened[:, starts.log.activity.values.index(effect.outcome)]
        before, after = (Estimate(float(hit[has].mean()), (0.0, 1.0), float(has.sum())) for has in having)
        shares[effect.outcome] = before, after
        p_values += [_likelihood_ratio(causes[has], hit[has]) for has in having]
    least = np.array(holm(p_values)).reshape(-1, 2).min(1).tolist()
    return shares, tuple(name for name, p in zip(shares, least, strict=True) if p < SURE)


def _told(starts: Starts, name: str) -> NDArray[np.float64]:
    column = starts.column(name)
    if isinstance(column, Categories):
        return (column.codes[:, None] == np.arange(1, len(column.values))).astype(np.float64)
    known = np.where(np.isnan(column), np.nanmean(column), column)
    return ((known - known.mean()) / max(float(known.std()), 1e-9))[:, None]


def _likelihood_ratio(causes: NDArray[np.float64], hit: NDArray[np.bool_]) -> float:
    """Return the p-value of a logistic regression on causes (n, p) against a constant; 1 where a class is rare."""
    from scipy.stats import chi2

    from wmagent.causal.logistic import Logistic

    if min(hit.sum(), (~hit).sum()) < LEAST:
        return 1.0
    varying = causes[:, np.ptp(causes, 0) > 0]
    odds = Logistic.fit(varying, hit, ridge=1e-3).predict(varying)
    share = expit(np.log(hit.mean() / (1 - hit.mean())))
    gained = np.log(np.where(hit, odds, 1 - odds)).sum() - np.log(np.where(hit, share, 1 - share)).sum()
    return float(chi2.sf(2 * gained, varying.shape[1]))


def _compared(
    one: AttributeScan, truth: Mapping[str, tuple[Estimate, Estimate]]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return scores over activities, and the numbers of each."""
    sizes = {name: difference(*shares) for name, shares in truth.items()}
    p_values = holm([two_sided(size, _error(ends)) for size, ends in sizes.values()])
    real = {name: p < SURE for name, p in zip(sizes, p_values, strict=True)}
    rows = {effect.outcome: _row(effect, *sizes[effect.outcome], real[effect.outcome]) for effect in one.effects}
    sure = [effect for effect in one.effects if effect.adjusted_p_value < SURE]
    found = [effect for effect in sure if real[effect.outcome] and rows[effect.outcome]["same_direction"]]
    scores: dict[str, Any] = {
        "activities": len(rows),
        "with_a_rule": sum(real.values()),
        "found": len(found),
        "false": sum(not real[effect.outcome] for effect in sure),
        "wrong_direction": sum(real[effect.outcome] for effect in sure) - len(found),
    }
    for name in ("predicted", "doubly_robust", "naive"):
        scores[f"error_{name}"] = float(np.mean([abs(row[name] - row["truth"]) for row in rows.values()]))
    for name in ("predicted", "doubly_robust"):
        scores[f"agrees_{name}"] = float(np.mean([row[f"{name}_agrees"] for row in rows.values()]))
    return scores, rows


def _row(effect: AttributeEffect, truth: float, ends: tuple[float, float], real: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"truth": truth, "truth_interval": list(ends), "rule": float(real)}
    for name, said in (("predicted", effect.difference), ("doubly_robust", effect.doubly_robust)):
        assert said is not None  # the attribute is one of texts
        error = float(np.hypot(_error(said.interval), _error(ends)))
        row |= {name: said.value, f"{name}_interval": list(said.interval)}
        row[f"{name}_agrees"] = float(abs(said.value - truth) <= LEVEL * error)
    row |= {"naive": effect.naive.value, "adjusted_p_value": effect.adjusted_p_value, "e_value": effect.e_value}
    return row | {"same_direction": float(np.sign(effect.difference.value) == np.sign(truth))}


def _floor(one: AttributeScan) -> dict[str, Any]:
    """Return how much is found of an attribute that does nothing."""
    held = [effect.difference.interval[0] <= 0 <= effect.difference.interval[1] for effect in one.effects]
    naive = holm([two_sided(effect.naive.value, _error(effect.naive.interval)) for effect in one.effects])
    return {
        "effects": len(one.effects),
        "sure": sum(effect.adjusted_p_value < SURE for effect in one.effects),
        "naive_sure": sum(p < SURE for p in naive),
        "largest": max(abs(effect.difference.value) for effect in one.effects),
        "naive_largest": max(abs(effect.naive.value) for effect in one.effects),
        "interval_holds_0": float(np.mean(held)),
    }


def _together(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return floors of several attributes as one row: counts added, the largest, means weighted by effects."""
    total = sum(row["effects"] for row in rows)
    found = {name: sum(row[name] for row in rows) for name in ("effects", "sure", "naive_sure")}
    found |= {name: max((row[name] for row in rows), default=0.0) for name in ("largest", "naive_largest")}
    held = sum(row["interval_holds_0"] * row["effects"] for row in rows)
    return found | {"interval_holds_0": held / total if total else None}


def _means(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means over seeds of all numbers of the planted attribute and of the floors."""
    return {
        part: {
            name: float(np.mean([one[part][name] for one in found]))
            for name, value in found[0][part].items()
            if value is not None
        }
        for part in ("planted", "permuted", "other attributes")
    }


def _error(interval: Sequence[float]) -> float:
    return (interval[1] - interval[0]) / (2 * LEVEL)
