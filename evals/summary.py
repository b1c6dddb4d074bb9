"""The few numbers of a contract evaluation that are compared with what must be reached. Plain dicts in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wmagent.evals.metrics import bootstrap_weights


def summarise(per_seed: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return each headline measure with its mean over seeds, its value per seed, and what it must reach."""
    rows: dict[str, object] = {}
    paths = {
        "outcome MAE, all legal pairs": (("outcomes", "uniform", "mae"), "<= 0.02"),
        "outcome MAE, weighted by visits": (("outcomes", "visited", "mae"), "<= 0.02"),
        "outcome MAE, pairs with several outcomes": (("outcomes", "uncertain", "mae"), ""),
        "outcome MAE, pairs never taken in training": (("outcomes", "unseen", "mae"), ""),
        "outcome total variation, all legal pairs": (("outcomes", "uniform", "tv"), ""),
        "expected hours MAE, all legal pairs": (("outcomes", "uniform", "hours_mae"), ""),
        "goal probability MAE, all plans": (("goals", "all", "mae"), "<= 0.03"),
        "goal probability MAE, planner's plans": (("goals", "planner", "mae"), "<= 0.03"),
        "goal probability MAE, recorded plans": (("goals", "behaviour", "mae"), "<= 0.03"),
        "fact ECE, all legal pairs": (("outcomes", "calibration", "uniform", "ece"), "<= 0.02"),
        "fact ECE, weighted by visits": (("outcomes", "calibration", "visited", "ece"), "<= 0.02"),
        "coverage of 90 % intervals": (("intervals", "coverage"), "0.85-0.95"),
        "mean width of 90 % intervals": (("intervals", "mean_width"), ""),
        "coverage where 0.02 < truth < 0.98": (("intervals", "coverage_uncertain"), ""),
        "agent.plan p50, ms": (("latency", "p50_ms"), "<= 100"),
        "agent.plan p95, ms": (("latency", "p95_ms"), ""),
    }
    for name, (path, target) in paths.items():
        values = [value for seed in per_seed if (value := _at(seed, path)) is not None]
        if values:
            rows[name] = {"mean": float(np.mean(values)), "per_seed": values, "target": target}
    for family in dict.fromkeys(name for seed in per_seed for name in seed.get("success", {})):
        parts = [seed["success"][family] for seed in per_seed]
        rows.update(_success(parts, family, "worth"))
        if all("firm" in row for part in parts for row in part["real"]["rows"]):
            rows.update(_success(parts, f"{family}, a refusal ends it", "firm"))
    return rows


def _success(per_seed: Sequence[Mapping[str, Any]], family: str, measure: str) -> dict[str, object]:
    """Return success (`measure` of the rows), also relative to the optimum, with bootstrap 95 % intervals."""
    rows: dict[str, object] = {}
    for name in per_seed[0]:
        cases = [row for seed in per_seed for row in seed[name]["rows"]]
        if any(measure not in row for row in cases):
            continue
        worth, best = (np.array([case[key] for case in cases]) for key in (measure, "optimal"))
        draws = bootstrap_weights([str(i) for i in range(len(cases))], 1000, 0)
        ratios = (draws @ worth) / np.maximum(draws @ best, 1e-12)
        seeds = [seed[name]["rows"] for seed in per_seed]
        target = ">= 0.98" if name == "real" and family.startswith("replanned") else ""
        rows[f"success / optimal, {family}, {name}"] = {
            "mean": float(worth.sum() / max(best.sum(), 1e-12)),
            "per_seed": [sum(r[measure] for r in s) / max(sum(r["optimal"] for r in s), 1e-12) for s in seeds],
            "interval": [float(x) for x in np.percentile(ratios, [2.5, 97.5])],
            "success": float(worth.mean()),
            "n": len(cases),
            "target": target,
        }
    rows[f"points real - shuffled, {family}"] = _gap(per_seed, measure)
    return rows


def _gap(per_seed: Sequence[Mapping[str, Any]], measure: str) -> dict[str, object]:
    """Return 100 x the difference of success on the cases that both were asked."""
    seeds = []
    for seed in per_seed:
        shuffled = seed["shuffled"]["rows"]
        real = seed["real"]["rows"][: len(shuffled)]
        seeds.append(100 * float(np.mean([a[measure] - b[measure] for a, b in zip(real, shuffled, strict=True)])))
    return {"mean": float(np.mean(seeds)), "per_seed": seeds, "target": ">= 30"}


def _at(found: Mapping[str, Any], path: Sequence[str]) -> float | None:
    value: Any = found
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return None if value is None else float(value)
