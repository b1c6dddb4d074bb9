"""Says in words what a warrant is about and what it says. Knows warrants; knows no estimator and no model."""

from __future__ import annotations

import math
from collections.abc import Collection

from wmagent.domain.types import Action, Facts, Goal
from wmagent.domain.warrant import Measured, Sensitivity, Warrant


def estimand(facts: Facts, action: Action, goal: Goal, average_over: Collection[str] = ()) -> str:
    """Return the question as one sentence."""
    wanted = " and ".join(condition.words() for condition in goal.conditions)
    never = "".join(f", never {condition.words()}" for condition in goal.forbidden)
    limit = "" if goal.deadline is None else f" within {goal.deadline:g} hours"
    averaged = f", averaged over {', '.join(sorted(average_over))} as recorded" if average_over else ""
    state = "this state" if facts else "any recorded state"
    return (
        f"In {state}{averaged}: do {action.label()} now, then go on as recorded behaviour does; "
        f"reach {wanted}{never}{limit}."
    )


def statement(warrant: Warrant) -> str:
    """Return one paragraph in plain words."""
    parts = [warrant.estimand, f"{warrant.wording[0].upper()}{warrant.wording[1:]}."]
    if warrant.identification:
        parts.append(f"The argument given: {warrant.identification.rstrip('.')}.")
    if warrant.imagined is None:
        parts.append("No number is given: this lies outside what was recorded.")
        return " ".join(parts)
    if warrant.doubly_robust is None or warrant.naive is None or warrant.interval is None:
        parts.append(f"The world model imagines {_percent(warrant.imagined)}.")
        parts.append("No similar recorded decision was for this action, so nothing stands beside it.")
        return " ".join(parts)
    parts.append(f"The world model imagines {_measured(Measured(warrant.imagined, warrant.interval))}.")
    parts.append(
        f"Of {warrant.n} similar recorded decisions {warrant.taken} were for it; after them the goal was reached in "
        f"{_measured(warrant.naive)}, adjusted for {len(warrant.adjusted_for)} logged facts in "
        f"{_measured(warrant.doubly_robust)}."
    )
    parts += [_sensitivity(bound) for bound in warrant.bounds]
    if warrant.e_value is not None:
        parts.append(_difference(warrant.e_value.point, warrant.e_value.limit, warrant.tipping_gamma))
    return " ".join(parts)


def _sensitivity(bound: Sensitivity) -> str:
    low, high = bound.interval
    if math.isinf(bound.gamma):
        return f"Assuming nothing about unlogged causes, it is {_percent(low)} to {_percent(high)}."
    return (
        f"If something unlogged changes the odds of this decision up to {bound.gamma:.3g}-fold ({bound.why}), "
        f"it is {_percent(low)} to {_percent(high)}."
    )


def _difference(point: float, limit: float, gamma: float | None) -> str:
    if limit <= 1:
        return "The difference to acting otherwise is within sampling error."
    tipping = (
        "" if gamma is None or math.isinf(gamma) else f"; a change of the odds {gamma:.3g}-fold could make both alike"
    )
    return (
        f"To explain the difference to acting otherwise away, something unlogged would have to go with both the "
        f"decision and the outcome by a risk ratio of {point:.2f} ({limit:.2f} for the interval's end){tipping}."
    )


def _measured(measured: Measured) -> str:
    low, high = measured.interval
    return f"{_percent(measured.value)} (90 % interval {_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
