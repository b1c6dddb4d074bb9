"""Checks claims against the imagined trajectory: what an answer does not entail is not said. Knows no text layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from wmagent.domain.answers import Change, Claim, Plan, PlanStep, WhatIf
from wmagent.domain.types import Action, Goal, Value, canonical

Answer = Plan | WhatIf
ABSENT = "(absent)"
ARROW = " → "
# Half a unit of the last place that is said: probabilities in hundredths, hours in tenths, costs in hundredths.
_SLACK = {"probability": 0.00501, "duration": 0.0501, "cost": 0.00501}


def check_claims(claims: Iterable[Claim], answer: Answer) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Return (entailed, unsupported): every claim is held against the answer's own numbers, facts and actions."""
    kept, dropped = [], []
    for claim in claims:
        (kept if entailed(claim, answer) else dropped).append(claim)
    return tuple(kept), tuple(dropped)


def entailed(claim: Claim, answer: Answer) -> bool:
    """Return whether the answer says what the claim says, up to the rounding of what is shown."""
    check: Callable[[Claim, Answer], bool] = {
        "step": _step,
        "change": _change,
        "probability": _probability,
        "duration": _amount,
        "cost": _amount,
        "evidence": _evidence,
    }[claim.kind]
    return check(claim, answer)


def goal_words(goal: Goal) -> str:
    """Return what is wanted, as conditions and limits."""
    parts = [condition.words() for condition in goal.conditions]
    parts += [f"never {condition.words()}" for condition in goal.forbidden]
    if goal.deadline is not None:
        parts.append(f"within {goal.deadline:g} h")
    if goal.max_cost is not None:
        parts.append(f"for at most {goal.max_cost:g}")
    return " and ".join(parts)


def shown(value: Value | None) -> str:
    """Return a fact value as it is said."""
    return ABSENT if value is None else canonical(value)


def route(actions: Sequence[Action]) -> str:
    """Return a course of actions as it is said."""
    return ARROW.join(action.label() for action in actions) or "nothing"


def changes_said(changes: Sequence[Change]) -> str:
    """Return what a deviation changes, as the key by which its follow-up is recognised."""
    return ", ".join(f"{change.key} becomes {shown(change.after)}" for change in changes)


def _actions(answer: Answer) -> tuple[Action, ...]:
    return answer.actions


def _plan_step(claim: Claim, answer: Answer) -> PlanStep | None:
    if isinstance(answer, Plan) and claim.step is not None and 0 <= claim.step < len(answer.steps):
        return answer.steps[claim.step]
    return None


def _step(claim: Claim, answer: Answer) -> bool:
    if claim.key == "otherwise":
        return isinstance(answer, Plan) and any(
            c.after_step == claim.step and changes_said(c.changes) == claim.before and route(c.actions) == claim.after
            for c in answer.contingencies
        )
    if claim.step is None:
        return claim.after == route(_actions(answer))
    actions = _actions(answer)
    return 0 <= claim.step < len(actions) and actions[claim.step].label() == claim.after


def _change(claim: Claim, answer: Answer) -> bool:
    step = _plan_step(claim, answer)
    if step is None or not isinstance(answer, Plan):
        return False
    known = [*step.changes, *(ch for c in answer.contingencies if c.after_step == claim.step for ch in c.changes)]
    return any(
        change.key == claim.key
        and shown(change.before) == shown(claim.before)
        and shown(change.after) == shown(claim.after)
        and _close(claim, change.probability)
        for change in known
    )


def _probability(claim: Claim, answer: Answer) -> bool:
    if claim.key == "goal":
        return claim.after == goal_words(answer.goal if isinstance(answer, Plan) else answer.until)
    if claim.key == "rejected":
        return isinstance(answer, Plan) and any(
            route(a.actions) == claim.before and a.reason == claim.after and _close(claim, a.probability)
            for a in answer.alternatives
        )
    if claim.key in ("baseline", "replanned"):
        if not isinstance(answer, WhatIf):
            return False
        actions = answer.baseline_actions if claim.key == "baseline" else answer.replanned_actions
        number = answer.baseline_probability if claim.key == "baseline" else answer.replanned_probability
        return claim.after == route(actions) and _close(claim, number)
    if claim.key == "by":
        spans = answer.outlook.by if isinstance(answer, WhatIf) and answer.outlook is not None else ()
        said = claim.after if isinstance(claim.after, float) else -1.0
        return any(abs(hours - said) <= _SLACK["duration"] and _close(claim, chance) for hours, chance in spans)
    if not _close(claim, answer.probability):
        return False
    if claim.before is None and claim.after is None:
        return True
    bounds = answer.interval
    return bounds is not None and _near(claim.before, bounds[0]) and _near(claim.after, bounds[1])


def _amount(claim: Claim, answer: Answer) -> bool:
    if claim.step is None:
        return _close(claim, answer.duration if claim.kind == "duration" else answer.cost)
    step = _plan_step(claim, answer)
    return step is not None and _close(claim, step.duration if claim.kind == "duration" else step.cost)


def _evidence(claim: Claim, answer: Answer) -> bool:
    if claim.key == "warning":
        return claim.after in answer.warnings
    if claim.key == "warrant":
        found = answer.warrant if isinstance(answer, WhatIf) else None
        return found is not None and claim.after == found.statement.rstrip(".")
    if claim.step is None:
        return claim.after == answer.support
    step = _plan_step(claim, answer)
    if step is None or claim.number != step.evidence.n or claim.after != step.evidence.support:
        return False
    cited = str(claim.before).split(", ") if claim.before is not None else []
    return set(cited) <= {case.case for case in step.evidence.cases}


def _close(claim: Claim, true: float | None) -> bool:
    if claim.number is None or true is None:
        return False
    kind = "probability" if claim.kind == "change" else claim.kind
    return abs(claim.number - true) <= _SLACK[kind] + 1e-9 * abs(true)


def _near(said: Value | None, true: float) -> bool:
    return isinstance(said, float) and abs(said - true) <= _SLACK["probability"]
