"""Refuses goals that make no sense to a model: unknown facts, values never seen, contradictions, empty limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from wmagent.domain.types import Condition, Goal, Value, canonical, same_value
from wmagent.errors import InputError, unknown


class Known(Protocol):
    """What is needed of a model: its facts and their values."""

    @property
    def slots(self) -> tuple[str, ...]: ...

    def values(self, key: str) -> tuple[Value | None, ...]: ...


def check_goal(goal: Goal, model: Known) -> None:
    """Raise InputError for a goal that cannot be, saying which condition and what is known."""
    if not goal.conditions:
        raise InputError("the goal has no condition to reach; give at least one, such as Condition('status', 'done')")
    for condition in goal.conditions:
        check_condition(condition, model)
    for condition in goal.forbidden:
        if not _never_seen(condition, model):
            check_condition(condition, model)
    for name, limit in (("deadline", goal.deadline), ("max_cost", goal.max_cost)):
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            raise InputError(f"the goal's {name} is {limit}; it must be above 0")
    for key in dict.fromkeys(condition.key for condition in goal.conditions):
        _check_together(key, goal, model)


def unseen(goal: Goal, model: Known) -> list[str]:
    """Return warnings for forbidden values that the model has never seen: it cannot tell when they come true."""
    return [
        f"{condition.words()} is forbidden but was never seen: the model cannot tell whether it happens"
        for condition in goal.forbidden
        if _never_seen(condition, model)
    ]


def _never_seen(condition: Condition, model: Known) -> bool:
    if condition.op != "==" or condition.key not in model.slots:
        return False
    return not any(value is not None and same_value(value, condition.value) for value in model.values(condition.key))


def numeric(values: Sequence[Value]) -> bool:
    """Return whether every value reads as a number (yes/no values do not)."""
    return bool(values) and all(_is_number(value) for value in values)


def _is_number(value: Value) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def check_condition(condition: Condition, model: Known) -> None:
    """Raise InputError for a condition on a fact or a value that the model does not know."""
    if condition.key not in model.slots:
        raise unknown("fact", condition.key, model.slots, "A goal or a rule names it.")
    values = [value for value in model.values(condition.key) if value is not None]
    if condition.op in ("==", "!="):
        if not any(same_value(value, condition.value) for value in values):
            known = [canonical(value) for value in values]
            hint = "A value that was never seen cannot be reached as far as the model knows."
            raise unknown(f"value of {condition.key}", canonical(condition.value), known, hint)
    elif not numeric(values):
        listed = ", ".join(canonical(value) for value in values[:8])
        raise InputError(f"{condition.words()}: {condition.key} is no number here; its values are {listed}")


def _check_together(key: str, goal: Goal, model: Known) -> None:
    """Raise when no known value satisfies all conditions on a fact and none of the forbidden ones."""
    wanted = [condition for condition in goal.conditions if condition.key == key]
    never = [condition for condition in goal.forbidden if condition.key == key]
    values = model.values(key)
    fitting = [value for value in values if all(_holds(condition, value) for condition in wanted)]
    said = " and ".join(condition.words() for condition in wanted)
    if not fitting:
        listed = ", ".join(canonical(value) for value in values[:12] if value is not None)
        what = "contradicts itself" if len(wanted) > 1 else "asks for what was never seen"
        raise InputError(f"the goal {what}: {said}; known values of {key}: {listed}")
    if all(any(_holds(condition, value) for condition in never) for value in fitting):
        words = " and ".join(condition.words() for condition in never)
        raise InputError(f"the goal contradicts itself: it wants {said} and forbids {words}")


def _holds(condition: Condition, value: Value | None) -> bool:
    return condition.holds({} if value is None else {condition.key: value})
