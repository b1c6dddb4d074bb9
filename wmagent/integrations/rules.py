"""Rules for what an agent may do: what must never become true, a goal to keep in reach, how to treat the unknown.
Knows the agent's reading of words; must not know any framework and nothing of imagination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from wmagent.domain.types import Condition, Goal
from wmagent.errors import InputError, unknown

if TYPE_CHECKING:
    from wmagent.agent.agent import Agent

Outside = Literal["ask", "block", "allow"]


@dataclass(frozen=True)
class Rules:
    """What a proposed step must not do.

    `never`: facts that must not become true, in words ("never status == cancelled") or as Conditions; a step is
    blocked where the probability that one does, right after it or within `ahead` further steps whatever these are, is
    at least `most`. `goal`, in words or as a Goal: blocked where P(goal) falls below `floor`, or by more than `margin`;
    what the goal forbids is a rule, too. Steps are blocked where the model accepts them with less than `min_legal`.
    `outside` is what becomes of steps that the record does not support: "ask" a person, "block" or "allow".
    """

    never: Sequence[str | Condition] = ()
    goal: str | Goal | None = None
    floor: float | None = None
    margin: float | None = None
    most: float = 0.25
    ahead: int = 2
    min_legal: float = 0.5
    outside: Outside = "ask"
    simulations: int = 2_000  # of each plan that is asked for: for P(goal), and for what to do instead

    def __post_init__(self) -> None:
        if isinstance(self.never, str):
            raise InputError(f"never takes several rules; write never=[{self.never!r}]")
        for name in ("floor", "margin", "most", "min_legal"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise InputError(f"{name} is a probability above 0, at most 1, not {share!r}")
        if self.ahead < 0 or self.simulations < 1:
            raise InputError("ahead is at least 0 and simulations at least 1")
        if self.outside not in get_args(Outside):
            raise unknown("treatment of steps outside the record", str(self.outside), get_args(Outside))
        if self.goal is None and (self.floor is not None or self.margin is not None):
            raise InputError("floor and margin are about P(goal); give the goal")


@dataclass(frozen=True)
class Understood:
    """Rules as the model's facts: every forbidden condition with how it was said, and the goal."""

    never: tuple[tuple[Condition, str], ...]
    goal: Goal | None
    asked: Rules = field(repr=False)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The forbidden conditions."""
        return tuple(condition for condition, _ in self.never)


def understood(rules: Rules, agent: Agent) -> Understood:
    """Return the rules in a model's facts; InputError for what it does not know, and for contradictions."""
    from wmagent.agent.goal_check import check_condition, check_goal
    from wmagent.agent.goals import forbidden

    never: dict[Condition, str] = {}
    for rule in rules.never:
        if isinstance(rule, Condition):
            check_condition(rule, agent.model)
            never.setdefault(rule, f"never {rule.words()}")
        else:
            never |= {one: _said(rule) for one in forbidden(rule, agent.model) if one not in never}
    goal = None
    if rules.goal is not None:
        goal = agent.understand(rules.goal) if isinstance(rules.goal, str) else rules.goal
        for condition in goal.forbidden:
            check_condition(condition, agent.model)
            never.setdefault(condition, f"never {condition.words()}")
        goal = Goal(goal.conditions, tuple(never), goal.deadline, goal.max_cost, goal.words)
        check_goal(goal, agent.model)
    return Understood(tuple(never.items()), goal, rules)


def _said(rule: str) -> str:
    rule = rule.strip()
    return rule if rule.lower().startswith(("never", "no ", "without", "must", "do not", "don't")) else f"never {rule}"
