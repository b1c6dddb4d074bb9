"""From what callers say to interventions: actions in words, pairs, spans of time, policies.
Knows words and actions; must not know imagination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from wmagent.agent.inputs import insertion_of
from wmagent.agent.matching import match_action, match_actions
from wmagent.agent.policies import Rule, hours_of, read_policy
from wmagent.agent.protocols import AgentModel
from wmagent.agent.starts import changed_facts, changed_rules
from wmagent.domain.interventions import (
    ChangeFacts,
    ChangeRules,
    Delay,
    Do,
    Exactly,
    Insert,
    Intervention,
    Policy,
    Replace,
    Skip,
    Swap,
    checked,
)
from wmagent.domain.types import Action, Value
from wmagent.errors import InputError, shortened, unknown

Said = Action | str


class Changes(TypedDict, total=False):
    """What may be otherwise, by the keyword arguments of `Agent.what_if`."""

    actions: Sequence[Said] | None
    skip: Said | Sequence[Said] | None
    insert: Said | tuple[int, Said] | None
    do: Said | Sequence[Said] | None
    swap: tuple[Said, Said] | None
    replace: tuple[Said, Said] | None
    delay: tuple[Said, float | str] | tuple[Said, str, Said] | None
    facts: Mapping[str, Value | None] | None
    rules: str | Mapping[str, str] | None
    policy: str | Policy | Sequence[Rule] | None


def read_changes(changes: Changes, model: AgentModel) -> tuple[Intervention, ...]:
    """Return the interventions that are asked for; InputError naming what cannot be used."""
    for name in changes:
        if name not in _READERS:
            raise unknown("intervention", str(name), _READERS)
    found = tuple(_READERS[name](given, model) for name in _READERS if (given := changes.get(name)) is not None)
    return checked(found)


def named_interventions(
    given: Mapping[str, Intervention | Sequence[Intervention] | Changes], model: AgentModel
) -> dict[str, tuple[Intervention, ...]]:
    """Return what each name stands for, given as one or several interventions or as `Changes`; errors say the name."""
    found = {}
    for name, one in given.items():
        try:
            found[name] = _interventions(one, model)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return found


def _interventions(
    given: Intervention | Sequence[Intervention] | Changes, model: AgentModel
) -> tuple[Intervention, ...]:
    if isinstance(given, Mapping):
        return read_changes(given, model)  # type: ignore[arg-type]
    several: Sequence[object] = given if isinstance(given, (tuple, list)) else (given,)
    return checked(tuple(_reread(one, model) for one in several))


def _reread(given: object, model: AgentModel) -> Intervention:
    """Return an intervention that was made by hand, checked as one in words is."""
    if not isinstance(given, Intervention):
        raise InputError(
            f"{shortened(repr(given))} is no intervention; give one of wmagent.domain.interventions, or what_if's "
            f"keyword arguments as a mapping: {', '.join(_READERS)}"
        )
    name, said = _SAID[type(given)](given)
    return _READERS[name](said, model)


def _actions(given: Any, model: AgentModel) -> Exactly:
    return Exactly(tuple(match_action(action, model) for action in _several(given)))


def _do(given: Any, model: AgentModel) -> Do:
    actions = tuple(match_action(action, model) for action in _several(given))
    if not actions:
        raise InputError("do is empty; name the action or actions to do now")
    return Do(actions)


def _skip(given: Any, model: AgentModel) -> Skip:
    return Skip(tuple(dict.fromkeys(match for action in _several(given) for match in match_actions(action, model))))


def _insert(given: Any, model: AgentModel) -> Insert:
    place, action = insertion_of(tuple(given) if isinstance(given, list) else given, model)
    return Insert(action, place)


def _swap(given: Any, model: AgentModel) -> Swap:
    first, second = _pair(given, "swap", model)
    return Swap(first, second)


def _replace(given: Any, model: AgentModel) -> Replace:
    old, new = _pair(given, "replace", model)
    return Replace(old, new)


def _delay(given: Any, model: AgentModel) -> Delay:
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return Delay(match_action(given[0], model), hours_of(given[1], "delay"))
    if isinstance(given, (tuple, list)) and len(given) == 3 and given[1] == "after":
        action, other = match_action(given[0], model), match_action(given[2], model)
        if action == other:
            raise InputError(f"delay: {action.label()} cannot come after itself")
        return Delay(action, after=other)
    raise InputError(f"delay is (action, hours) or (action, 'after', other action), not {shortened(repr(given))}")


def _pair(given: Any, what: str, model: AgentModel) -> tuple[Action, Action]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise InputError(f"{what} takes two actions, not {shortened(repr(given))}")
    first, second = (match_action(action, model) for action in given)
    if first == second:
        raise InputError(f"{what}: {first.label()} is given twice; name two different actions")
    return first, second


def _several(given: Any) -> Sequence[Said]:
    return (given,) if isinstance(given, (Action, str)) else tuple(given)


_SAID: dict[type, Callable[[Any], tuple[str, Any]]] = {
    Do: lambda one: ("do", one.actions),
    Exactly: lambda one: ("actions", one.actions),
    Skip: lambda one: ("skip", one.actions),
    Insert: lambda one: ("insert", one.action if one.place is None else (one.place, one.action)),
    Swap: lambda one: ("swap", (one.first, one.second)),
    Replace: lambda one: ("replace", (one.old, one.new)),
    Delay: lambda one: ("delay", (one.action, one.hours) if one.after is None else (one.action, "after", one.after)),
    ChangeFacts: lambda one: ("facts", one.facts),
    ChangeRules: lambda one: ("rules", one.rules),
    Policy: lambda one: ("policy", one),
}
_READERS: dict[str, Callable[[Any, AgentModel], Intervention]] = {
    "facts": changed_facts, "rules": changed_rules, "actions": _actions, "policy": read_policy, "do": _do,
    "skip": _skip, "insert": _insert, "swap": _swap, "replace": _replace, "delay": _delay,
}  # fmt: skip
