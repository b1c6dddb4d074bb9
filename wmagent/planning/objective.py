"""Turns goals into objectives, and prices futures. Knows conditions and weights; knows no model and no search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wmagent.domain.types import Condition, Goal, same_value
from wmagent.errors import InputError, unknown
from wmagent.latent.protocols import Objective

WEIGHTS = ("cost_weight", "hour_weight", "step_weight", "risk_weight", "outside_weight", "min_legal")


def objective_for(goal: Goal, **weights: float) -> Objective:
    """Return the objective of a goal; `weights` are the prices of `Objective` (`cost_weight`, `hour_weight`, …).

    Raises InputError for goals that no state can satisfy, for limits that are not numbers and unknown weights.

    >>> objective_for(Goal((Condition("status", "approved"),), deadline=240.0), hour_weight=1e-4).deadline
    240.0
    """
    for name, weight in weights.items():
        if name not in WEIGHTS:
            raise unknown("objective weight", name, WEIGHTS)
        _require_finite(name, weight)
    for name, limit in (("deadline", goal.deadline), ("max_cost", goal.max_cost)):
        if limit is not None:
            _require_finite(f"{name} of the goal", limit)
    require_consistent(goal.conditions, goal.forbidden)
    settings: dict[str, Any] = dict(weights)
    return Objective(goal.conditions, goal.forbidden, goal.deadline, goal.max_cost, **settings)


def priced(objective: Objective, costs: np.ndarray, hours: np.ndarray) -> Objective:
    """Return the objective with prices for money and hours where it has none: what the given steps cost or take on
    average is worth as much as a step."""
    return replace(
        objective,
        cost_weight=_price(objective.cost_weight, objective.step_weight, costs),
        hour_weight=_price(objective.hour_weight, objective.step_weight, hours),
    )


def _price(given: float | None, step: float, amounts: np.ndarray) -> float:
    mean = float(amounts.mean()) if len(amounts) else 0.0
    return given if given is not None else step / mean if mean > 0 else 0.0


def require_consistent(conditions: Sequence[Condition], forbidden: Sequence[Condition] = ()) -> None:
    """Raise InputError if no state can satisfy the conditions without a forbidden fact; names the culprits."""
    wanted: dict[str, Condition] = {}
    for condition in conditions:
        if condition.op != "==":
            continue
        other = wanted.setdefault(condition.key, condition)
        if not same_value(other.value, condition.value):
            raise InputError(f"the goal contradicts itself: {other.words()} and {condition.words()}; keep one of them")
    for condition in conditions:
        equal = wanted.get(condition.key)
        if equal is not None and not condition.accepts(equal.value):
            raise InputError(f"the goal contradicts itself: {equal.words()} and {condition.words()}; drop one of them")
        if condition in forbidden:
            raise InputError(f"{condition.words()} is both wanted and forbidden; drop one of them")
    for condition in forbidden:
        equal = wanted.get(condition.key)
        if equal is not None and condition.accepts(equal.value):
            raise InputError(f"the goal {equal.words()} is forbidden by {condition.words()}; drop one of them")
    _require_interval(conditions)


def utility(
    objective: Objective,
    probability: float,
    *,
    hours: float,
    cost: float,
    steps: float,
    risk: float = 0.0,
    outside: float = 0.0,
) -> float:
    """Return what a course is worth: P(goal) less the prices of money, hours, steps and doubt.

    `risk` is the expected sum over executed steps of the ensemble's disagreement about the outcome; `outside` the
    expected number of executed steps that no recorded experience supports (surprise above 1).
    """
    return (
        probability
        - (objective.cost_weight or 0.0) * cost
        - (objective.hour_weight or 0.0) * hours
        - objective.step_weight * steps
        - objective.risk_weight * risk
        - objective.outside_weight * outside
    )


def _require_interval(conditions: Sequence[Condition]) -> None:
    """Raise InputError where bounds on one fact leave no number."""
    for low in conditions:
        if low.op not in (">", ">="):
            continue
        for high in conditions:
            if high.key != low.key or high.op not in ("<", "<="):
                continue
            try:
                floor, ceiling = float(low.value), float(high.value)
            except (TypeError, ValueError):
                continue
            if floor > ceiling or (floor == ceiling and (low.op, high.op) != (">=", "<=")):
                raise InputError(f"the goal contradicts itself: {low.words()} and {high.words()}; drop one of them")


def _require_finite(name: str, number: float) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number) or number < 0:
        raise InputError(f"{name} must be a number >= 0, not {number!r}")
