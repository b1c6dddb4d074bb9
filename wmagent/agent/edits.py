"""Interventions on a course: steps taken out, put in, exchanged, replaced, delayed. Knows action indices, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wmagent.domain.interventions import Delay, Do, Insert, Intervention, Replace, Skip, Swap
from wmagent.domain.types import Action
from wmagent.errors import InputError


@dataclass(frozen=True)
class Step:
    """One step of a course: an action, and the hours to wait before it begins."""

    action: Action
    wait: float = 0.0


Course = tuple[Step, ...]


def edited(plan: Sequence[Action], interventions: Sequence[Intervention], notes: list[str]) -> list[Course]:
    """Return the courses that a plan becomes, one change after the other; several where a place is left open.

    Notes say what changes nothing; InputError for steps that the plan does not have.
    """
    courses: list[Course] = [tuple(Step(action) for action in plan)]
    for one in interventions:
        for kind, edit in _EDITS:
            if isinstance(one, kind):
                courses = [new for course in courses for new in edit(course, one, notes)]
    return list(dict.fromkeys(courses))


def _do(course: Course, do: Do, notes: list[str]) -> list[Course]:
    """Put the actions first; what the plan would have done later of them is done with that."""
    rest = list(course)
    for action in do.actions:
        later = next((step for step in rest if step.action == action), None)
        if later is not None:
            rest.remove(later)
    return [(*(Step(action) for action in do.actions), *rest)]


def _skip(course: Course, skip: Skip, notes: list[str]) -> list[Course]:
    left = tuple(step for step in course if step.action not in skip.actions)
    if left == course:
        labels = sorted(action.label() for action in skip.actions)
        notes.append(f"the plan does not contain {' or '.join(labels)}: skipping it changes nothing")
    return [left]


def _insert(course: Course, insert: Insert, notes: list[str]) -> list[Course]:
    place, new = insert.place, Step(insert.action)
    if place is not None and not 0 <= place <= len(course):
        raise InputError(
            f"cannot insert at {place}: the course has {len(course)} steps, so 0 to {len(course)} are places"
        )
    places = [place] if place is not None else range(len(course) + 1)
    return [(*course[:at], new, *course[at:]) for at in places]


def _swap(course: Course, swap: Swap, notes: list[str]) -> list[Course]:
    first, second = _place(course, swap.first, "swap"), _place(course, swap.second, "swap")
    changed = list(course)
    changed[first], changed[second] = changed[second], changed[first]
    return [tuple(changed)]


def _replace(course: Course, change: Replace, notes: list[str]) -> list[Course]:
    _place(course, change.old, "replace")
    return [tuple(replace(step, action=change.new) if step.action == change.old else step for step in course)]


def _delay(course: Course, delay: Delay, notes: list[str]) -> list[Course]:
    at = _place(course, delay.action, "delay")
    if delay.hours is not None:
        late = replace(course[at], wait=course[at].wait + delay.hours)
        return [(*course[:at], late, *course[at + 1 :])]
    assert delay.after is not None
    _place(course, delay.after, "delay something behind")
    behind = max(i for i, step in enumerate(course) if step.action == delay.after)
    if behind < at:
        notes.append(f"{delay.action.label()} comes after {delay.after.label()} already: delaying it changes nothing")
        return [course]
    moved = tuple(step for step in course[:behind] if step.action == delay.action)
    kept = tuple(step for step in course[:behind] if step.action != delay.action)
    return [(*kept, course[behind], *moved, *course[behind + 1 :])]


def _place(course: Course, action: Action, what: str) -> int:
    """Return where the course does an action first."""
    for i, step in enumerate(course):
        if step.action == action:
            return i
    steps = ", ".join(dict.fromkeys(step.action.label() for step in course)) or "none"
    raise InputError(f"cannot {what} {action.label()}: the plan has no such step; its steps: {steps}")


_Edit = Callable[..., list[Course]]
_EDITS: tuple[tuple[type, _Edit], ...] = (
    (Do, _do), (Skip, _skip), (Insert, _insert), (Swap, _swap), (Replace, _replace), (Delay, _delay),
)  # fmt: skip
