"""What can be asked to be otherwise: interventions on a course of actions or on its start, as plain data.
Knows actions, facts and conditions; must not know models, plans or how the words were understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wmagent.domain.types import Action, Condition, Value, canonical
from wmagent.errors import InputError

ELAPSED, WAITING = "elapsed hours", "waiting hours"  # keys of conditions on time: since now, since the last change


@dataclass(frozen=True)
class Do:
    """Do these first, then go on with the plan, or with one made anew for what they most likely lead to."""

    actions: tuple[Action, ...]
    kind: Literal["do"] = "do"

    def words(self) -> str:
        return f"do {_listed(self.actions)} now"


@dataclass(frozen=True)
class Exactly:
    """Do exactly these, nothing else."""

    actions: tuple[Action, ...]
    kind: Literal["actions"] = "actions"

    def words(self) -> str:
        return f"do {_listed(self.actions)}"


@dataclass(frozen=True)
class Skip:
    """Leave these out of the plan."""

    actions: tuple[Action, ...]
    kind: Literal["skip"] = "skip"

    def words(self) -> str:
        return f"skip {_listed(self.actions)}"


@dataclass(frozen=True)
class Insert:
    """Do this too, as step `place` (from 0) or, with None, where it is best."""

    action: Action
    place: int | None = None
    kind: Literal["insert"] = "insert"

    def words(self) -> str:
        place = "" if self.place is None else f" as step {self.place + 1}"
        return f"insert {self.action.label()}{place}"


@dataclass(frozen=True)
class Swap:
    """Exchange the places of two steps of the plan."""

    first: Action
    second: Action
    kind: Literal["swap"] = "swap"

    def words(self) -> str:
        return f"swap {self.first.label()} and {self.second.label()}"


@dataclass(frozen=True)
class Replace:
    """Do another action wherever the plan does `old`."""

    old: Action
    new: Action
    kind: Literal["replace"] = "replace"

    def words(self) -> str:
        return f"replace {self.old.label()} by {self.new.label()}"


@dataclass(frozen=True)
class Delay:
    """Do a step later: `hours` after its turn has come, or behind another step of the plan."""

    action: Action
    hours: float | None = None
    after: Action | None = None
    kind: Literal["delay"] = "delay"

    def words(self) -> str:
        when = f"{self.hours:g} h" if self.after is None else f"until after {self.after.label()}"
        return f"delay {self.action.label()} {'by ' if self.after is None else ''}{when}"


@dataclass(frozen=True)
class Wait:
    """Decide nothing for some hours; what others do goes on."""

    hours: float
    kind: Literal["wait"] = "wait"

    def words(self) -> str:
        return f"wait {self.hours:g} h"


@dataclass(frozen=True)
class ChangeFacts:
    """Start from other values of these facts; None takes a fact away."""

    facts: Mapping[str, Value | None]
    kind: Literal["facts"] = "facts"

    def words(self) -> str:
        return " and ".join(f"{key} were {_said(value)}" for key, value in self.facts.items())


@dataclass(frozen=True)
class ChangeRules:
    """Let these rules read otherwise: the rule's fact and the sentence that shall be in force."""

    rules: Mapping[str, str]
    kind: Literal["rules"] = "rules"

    def words(self) -> str:
        return " and ".join(f"the rule {key!r} read {sentence!r}" for key, sentence in self.rules.items())


@dataclass(frozen=True)
class PolicyRule:
    """Do `do` wherever all conditions of `when` hold and it is allowed.

    Conditions are on facts, and on time by the keys ELAPSED (hours since the case was at its start, or since it began
    where the observation says when that was) and WAITING (hours in which nothing has changed). They are looked at
    between steps; an action that changed nothing is not done again before something does.
    """

    do: Action
    when: tuple[Condition, ...] = ()

    def words(self) -> str:
        return f"{self.do.label()} if {' and '.join(c.words() for c in self.when)}" if self.when else self.do.label()


@dataclass(frozen=True)
class Policy:
    """Do what the first fitting rule says; `otherwise` go on with the plan, or as recorded behaviour does."""

    rules: tuple[PolicyRule, ...]
    otherwise: Literal["plan", "recorded"] = "plan"
    kind: Literal["policy"] = "policy"

    def words(self) -> str:
        rest = "go on as planned" if self.otherwise == "plan" else "act as recorded"
        return ", ".join([*(rule.words() for rule in self.rules), f"otherwise {rest}"])


Intervention = Do | Exactly | Skip | Insert | Swap | Replace | Delay | ChangeFacts | ChangeRules | Policy
ALONE = (Exactly, Policy)  # decide the whole course: nothing else can change it as well


def checked(interventions: tuple[Intervention, ...]) -> tuple[Intervention, ...]:
    """Return the interventions of one question; InputError where there are none or they exclude each other."""
    if not interventions:
        raise InputError(
            "a what-if needs actions, skip or insert, or do, swap, replace, delay, facts, rules or policy: "
            "say what should be otherwise"
        )
    course = [one for one in interventions if not isinstance(one, (ChangeFacts, ChangeRules))]
    if len(course) > 1 and any(isinstance(one, ALONE) for one in course):
        raise InputError(
            "give either actions or skip/insert and other changes of the plan, and a policy by itself: "
            f"asked at once: {'; '.join(one.words() for one in course)}"
        )
    return interventions


def question(interventions: tuple[Intervention, ...]) -> str:
    """Return what is asked, as a sentence."""
    starts = [one.words() for one in interventions if isinstance(one, (ChangeFacts, ChangeRules))]
    deeds = [one.words() for one in interventions if not isinstance(one, (ChangeFacts, ChangeRules))]
    said = [" and ".join(starts)] if starts else []
    said += [f"we {' and '.join(deeds)}"] if deeds else []
    return f"what if {' and '.join(said)}?"


def _listed(actions: tuple[Action, ...]) -> str:
    return ", ".join(action.label() for action in actions) or "nothing"


def _said(value: Value | None) -> str:
    return "absent" if value is None else canonical(value)
