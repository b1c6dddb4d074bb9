"""The what-if evaluation over several seeds: every seed's object, and the means of its headline measures.
Knows the evaluation of one seed and plain dicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.evals import what_if
from wmagent.evals.what_if import Settings

HEADLINES: dict[str, tuple[str, ...]] = {
    "interventions: MAE where answered": ("interventions", "mae"),
    "interventions: large errors that were refused": ("interventions", "caught"),
    "interventions: intervals that hold the truth": ("interventions", "coverage"),
    "plans: success relative to optimal": ("plans", "world model", "relative"),
    "plans: tabular MDP relative to optimal": ("plans", "tabular_mdp", "relative"),
    "controls: points over shuffled": ("controls", "points_over_shuffled"),
    "rollouts: accuracy after 1 step": ("rollouts", "world model", "1", "accuracy"),
    "rollouts: accuracy after 20 steps": ("rollouts", "world model", "20", "accuracy"),
    "flips: AUROC": ("flips", "auroc"),
    "flips: named": ("flips", "localised"),
}


def run(
    world: str | Path,
    seeds: Sequence[int],
    settings: Settings | None = None,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return the plain object of `what_if.run` for one seed; of several a list `per_seed` and a `summary` of means.

    `summary` is {measure: {mean, per_seed}} over the seeds that have the measure.
    """
    found = [what_if.run(world, seed, settings, models, progress) for seed in seeds]
    if len(found) == 1:
        return found[0]
    shared = {"eval": "what-if", "world": found[0]["world"], "seeds": list(seeds)}
    return {**shared, "summary": summary(found), "per_seed": found}


def summary(per_seed: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return each headline measure with its mean and its value per seed (None where a seed has none)."""
    rows = {}
    for name, path in HEADLINES.items():
        values = [_at(seed, path) for seed in per_seed]
        given = [value for value in values if value is not None]
        if given:
            rows[name] = {"mean": float(np.mean(given)), "per_seed": values}
    return rows


def _at(found: Any, path: Sequence[str]) -> float | None:
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found
