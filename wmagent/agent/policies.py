"""Conditional policies in words: "escalate whenever older than 3 days; otherwise as recorded".
Knows clauses and units; must not know how a policy is followed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from wmagent.agent.goal_check import check_goal
from wmagent.agent.goals import understand
from wmagent.agent.limits import NUMBER, take_limits
from wmagent.agent.matching import match_action
from wmagent.agent.protocols import AgentModel
from wmagent.domain.interventions import ELAPSED, WAITING, Policy, PolicyRule
from wmagent.domain.types import Action, Condition, Goal, Op, Value
from wmagent.errors import InputError, shortened

Rule = tuple["str | Condition | Sequence[str | Condition]", "Action | str"]
HOW = "such as 'escalate whenever older than 3 days; otherwise as recorded'"
_WHEN = r"(?:whenever|when|if|once|where|as soon as|as long as|while)"
_SPAN = rf"{NUMBER}\s*-?(?:minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|w|months?)"
_DO_FIRST = re.compile(rf"^(?P<do>.+?)\s+{_WHEN}\s+(?P<when>.+)$", re.I)
_WHEN_FIRST = re.compile(rf"^{_WHEN}\s+(?P<when>.+?)\s*(?:,|\bthen\b)\s*(?:then\s+)?(?P<do>.+)$", re.I)
_AFTER = re.compile(rf"^(?P<do>.+?)\s+(?P<when>after\s+{_SPAN})$", re.I)
_OTHERWISE = re.compile(r"[,;.]?\s*\b(?:otherwise|else)\b\s*,?\s*(?P<rest>[^;]*)$", re.I)
_SUBJECT = r"^(?:(?:it|the case|this|that|which)\s+)?(?:is\s+|has\s+|have\s+|was\s+)?(?:been\s+)?"
_MORE = r"(?P<more>more than|longer than|over|above|at least|at most|less than|for)?\s*(?:for\s+)?"
_IDLE = (
    r"(?:waiting|waited|waits|idle|stuck|unchanged|no change|no progress"
    r"|nothing (?:has |was )?(?:changed|happened|done))"
)
_TIMES: tuple[tuple[str, str, Op | None], ...] = (
    (rf"older than\s+(?P<span>{_SPAN})", ELAPSED, ">"),
    (rf"younger than\s+(?P<span>{_SPAN})", ELAPSED, "<"),
    (rf"(?:after|past)\s+(?P<span>{_SPAN})", ELAPSED, ">="),
    (rf"(?:open|running|under way|going on|elapsed|passed)\s*(?:for\s+)?{_MORE}(?P<span>{_SPAN})", ELAPSED, None),
    (rf"{_MORE}(?P<span>{_SPAN})\s+(?:have |has )?(?:passed|elapsed|gone by)", ELAPSED, None),
    (rf"{_IDLE}\s*(?:for\s+)?{_MORE}(?P<span>{_SPAN})", WAITING, None),
)
_EXPLICIT = re.compile(r"^(?P<key>elapsed|waiting)(?: hours)?\s*(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>.+)$", re.I)
_OPS: dict[str, Op] = {
    "more than": ">", "longer than": ">", "over": ">", "above": ">", "at least": ">=", "at most": "<=",
    "less than": "<", "for": ">=", "": ">=",
}  # fmt: skip
_SIGNS: dict[str, Op] = {"==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_OPPOSITE: dict[Op, Op] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def read_policy(given: str | Policy | Sequence[Rule], model: AgentModel) -> Policy:
    """Return the policy that is meant by text, by (when, do) pairs, or as such; InputError where it cannot be read."""
    if isinstance(given, str):
        return _parsed(given, model)
    if isinstance(given, Policy):
        rules, otherwise = [(rule.when, rule.do) for rule in given.rules], given.otherwise
    else:
        rules, otherwise = list(given), "plan"
    if otherwise not in ("plan", "recorded"):
        raise InputError(f"a policy goes on otherwise as 'plan' or 'recorded', not {otherwise!r}")
    for rule in rules:
        if not isinstance(rule, (tuple, list)) or len(rule) != 2:
            raise InputError(f"a rule of a policy is (when, do), not {shortened(repr(rule))}")
    return _checked([_rule(when, do, model) for when, do in rules], otherwise)


def hours_of(said: Value, what: str) -> float:
    """Return hours given as a number or as words ("3 days"); InputError naming `what` they are for."""
    if isinstance(said, str):
        plain = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", said)
        hours = float(plain[1]) if plain else take_limits(f"within {said}").deadline
    else:
        hours = said if isinstance(said, (int, float)) and not isinstance(said, bool) else None
    if hours is None or not math.isfinite(hours) or hours < 0:
        raise InputError(f"{what}: {shortened(repr(said))} is no time span; give hours, or words such as '3 days'")
    return float(hours)


def _parsed(text: str, model: AgentModel) -> Policy:
    otherwise: Literal["plan", "recorded"] = "plan"
    body = text.strip().rstrip(".")
    if rest := _OTHERWISE.search(body):
        otherwise, body = _otherwise(rest["rest"]), body[: rest.start()]
    clauses = [part.strip() for part in re.split(r"\s*;\s*|\n", body) if part.strip()]
    rules = []
    for clause in clauses:
        match = _WHEN_FIRST.match(clause) or _DO_FIRST.match(clause) or _AFTER.match(clause)
        rules.append(_rule(match["when"] if match else (), match["do"] if match else clause, model))
    return _checked(rules, otherwise)


def _otherwise(rest: str) -> Literal["plan", "recorded"]:
    if re.search(r"\bplan", rest, re.I):
        return "plan"
    if re.search(r"\b(?:record|behaviou?r|usual|always|before)", rest, re.I):
        return "recorded"
    raise InputError(f"otherwise {rest.strip()!r} is not understood; say 'otherwise as planned' or 'as recorded'")


def _checked(rules: Sequence[PolicyRule], otherwise: Literal["plan", "recorded"]) -> Policy:
    if not rules:
        raise InputError(f"the policy has no rule; say what to do when, {HOW}")
    if len(rules) > 60:
        raise InputError(f"the policy has {len(rules)} rules; 60 are followed at most")
    return Policy(tuple(rules), otherwise)


def _rule(when: object, do: Action | str, model: AgentModel) -> PolicyRule:
    parts = [when] if isinstance(when, (str, Condition)) else when
    if not isinstance(parts, (list, tuple)):
        raise InputError(f"a rule's conditions are words or Conditions, not {shortened(repr(when))}")
    found: list[Condition] = []
    for part in parts:
        if isinstance(part, Condition):
            found.append(_known(part, model))
        else:
            found += [c for words in re.split(r"\s+and\s+", str(part), flags=re.I) for c in _conditions(words, model)]
    return PolicyRule(match_action(do, model), tuple(dict.fromkeys(found)))


def _conditions(words: str, model: AgentModel) -> list[Condition]:
    words = words.strip().rstrip(",.")
    if explicit := _EXPLICIT.match(words):
        key = ELAPSED if explicit["key"].lower() == "elapsed" else WAITING
        return [_on_time(key, explicit["value"], _SIGNS[explicit["op"]])]
    for pattern, key, op in _TIMES:
        if match := re.match(f"{_SUBJECT}{pattern}$", words, re.I):
            more = match.groupdict().get("more") or ""
            return [_on_time(key, match["span"], op or _OPS[more.lower()])]
    goal = understand(words, model).goal
    if goal.deadline is not None or goal.max_cost is not None:
        raise InputError(f"{words!r} is a limit, no condition; say 'older than …' or 'waiting for …', or a fact")
    return [*goal.conditions, *(Condition(c.key, c.value, _OPPOSITE[c.op]) for c in goal.forbidden)]


def _known(condition: Condition, model: AgentModel) -> Condition:
    if condition.key in (ELAPSED, WAITING):
        return _on_time(condition.key, condition.value, condition.op)
    check_goal(Goal((condition,)), model)
    return condition


def _on_time(key: str, said: Value, op: Op) -> Condition:
    hours = hours_of(said, f"{key} {op} {said}")
    return Condition(key, int(hours) if hours.is_integer() else hours, op)
