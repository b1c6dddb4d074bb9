"""Judges a proposed step before it is done: imagines it, and holds what would follow to the rules.
Knows imagination, plans and rules; must not know any framework or how tool calls are worded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.domain.world import Outcome
from wmagent.errors import InputError, OutOfDomain
from wmagent.integrations.rules import Rules, Understood, understood
from wmagent.report.wording import percent
from wmagent.service.tools import Stopped, Toolbox, Watch

if TYPE_CHECKING:
    from wmagent.agent.agent import Agent

FAINT = 0.01  # a risk below this is none; outcomes below it are not planned from
OFFERED = 3  # other steps that are named where there is no goal to plan for
SECONDS = 60.0  # that a judgement may take


class Imagining(Protocol):
    """What is asked of imagination: an `ImaginedWorld`, or anything that predicts in its place."""

    @property
    def actions(self) -> tuple[Action, ...]: ...

    def legal(self, state: Facts) -> tuple[Action, ...]: ...

    def legality(self, state: Facts, action: Action) -> float: ...

    def outcomes(self, facts: Facts, action: Action) -> tuple[Outcome, ...]: ...

    def evidence(self, facts: Facts, action: Action, k: int = 3) -> Evidence: ...


@dataclass(frozen=True)
class Verdict:
    """What is to become of a proposed step. `rule` is what it breaks ("never …", "allowed", "goal", "record");
    `probability` belongs to `because`; `instead` is what the plan, or the rules, leave to do."""

    decision: Literal["allow", "block", "ask"]
    action: str
    rule: str = ""
    because: str = ""
    probability: float | None = None
    instead: tuple[str, ...] = ()

    def words(self) -> str:
        """Return one or two sentences for whoever proposed the step."""
        if self.decision == "allow":
            return f"{self.action} may be done."
        if not self.instead:
            return f"{self.action} was not done: {self.because}. Ask a person what to do."
        return f"{self.action} was not done: {self.because}. Do instead: {' or '.join(self.instead)}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {**asdict(self), "instead": list(self.instead)}


class Judge:
    """Holds proposed steps to rules by what a toolbox's world model imagines; never executes anything."""

    def __init__(self, box: Toolbox, rules: Rules | None = None, imagined: Imagining | None = None) -> None:
        """`imagined` predicts in the place of the toolbox's own model, such as a control."""
        from wmagent.service.world import WorldTools

        if not isinstance(box.source, WorldTools):
            raise InputError(
                f"{box.title} answers about an event log's cases; a guard needs a world model of transitions, "
                "as wmagent learn makes from JSONL, Parquet or a frame"
            )
        self.box = box
        self.agent: Agent = box.source.agent
        self.imagined: Imagining = imagined or box.source.imagined
        self.rules: Understood = understood(rules or Rules(), self.agent)

    def judge(self, facts: Facts, action: Action) -> Verdict:
        """Return whether a step may be done in these facts. What cannot be imagined in time is blocked."""
        watch = Watch(until=time.monotonic() + SECONDS)
        try:
            return self.box.think(lambda: self._judged(facts, action), watch)
        except Stopped as error:
            return Verdict("block", action.label(), "record", f"it could not be imagined: {error}")

    def _judged(self, given: Facts, action: Action) -> Verdict:
        known = {one.label() for one in self.imagined.actions}
        if action.label() not in known:
            same = [one.label() for one in self.imagined.actions if one.name == action.name]
            because = f"the record knows no {action.name} with such arguments"
            return self._outside(action.name, because, tuple(same[:OFFERED]))
        try:
            facts = self.agent.grounded(given)
        except OutOfDomain as error:
            return self._outside(action.label(), str(error), ())
        found = self._refused(facts, action) or self._broken(facts, action) or self._worse(facts, action)
        if found is None and self.imagined.evidence(facts, action, 1).support == "extrapolated":
            found = self._outside(action.label(), f"the record holds nothing like {action.label()} in these facts", ())
        if found is None:
            return Verdict("allow", action.label())
        return found if found.decision == "allow" else replace(found, instead=self._instead(facts, action))

    def _outside(self, label: str, because: str, instead: tuple[str, ...]) -> Verdict:
        decisions: dict[str, Any] = {"ask": "ask", "block": "block", "allow": "allow"}
        return Verdict(decisions[self.rules.asked.outside], label, "record", because, None, instead)

    def _refused(self, facts: Facts, action: Action) -> Verdict | None:
        from wmagent.agent.legality import in_the_way

        least, p = self.rules.asked.min_legal, self.imagined.legality(facts, action)
        if p >= least:
            return None
        obstacles = "; ".join(in_the_way(self.agent.model, facts, action, least)[:2])
        because = f"it is accepted here with {percent(p)} only{f'; in the way: {obstacles}' if obstacles else ''}"
        return Verdict("block", action.label(), "allowed", because, round(p, 4))

    def _broken(self, facts: Facts, action: Action) -> Verdict | None:
        """Return the rule that a step breaks most likely, right after it or unavoidably later."""
        open_rules = [(one, said) for one, said in self.rules.never if not one.holds(facts)]
        if not open_rules:
            return None
        outcomes = self.imagined.outcomes(facts, action)
        now = [(_becomes(outcomes, (one,)), one, said) for one, said in open_rules]
        p, condition, said = max(now, key=lambda found: found[0])
        together = _becomes(outcomes, tuple(one for one, _ in open_rules))
        if together >= self.rules.asked.most:
            because = f"rule {said!r}: {percent(p)} that {condition.words()} right after it"
            return Verdict("block", action.label(), said, because, round(p, 4))
        for condition, said in open_rules:
            p = self._risk(outcomes, condition, self.rules.asked.ahead)
            if p >= self.rules.asked.most:
                because = (
                    f"rule {said!r}: {percent(p)} that {condition.words()} within {self.rules.asked.ahead} steps after "
                    "it, whatever is done then"
                )
                return Verdict("block", action.label(), said, because, round(p, 4))
        return None

    def _risk(self, outcomes: Sequence[Outcome], never: Condition, ahead: int) -> float:
        """Return the probability that a fact comes true even if the following steps avoid it as they can."""
        return sum(one.probability * self._unavoidable(one.facts, never, ahead) for one in outcomes)

    def _unavoidable(self, facts: Facts, never: Condition, ahead: int) -> float:
        if never.holds(facts):
            return 1.0
        if ahead == 0:
            return 0.0
        least = 1.0
        following = self.imagined.legal(facts)
        for action in following:
            least = min(least, self._risk(self.imagined.outcomes(facts, action), never, ahead - 1))
            if least < FAINT:  # a way round is enough
                break
        return least if following else 0.0

    def _worse(self, facts: Facts, action: Action) -> Verdict | None:
        rules, goal = self.rules.asked, self._goal(facts)
        if goal is None or (rules.floor is None and rules.margin is None) or goal.reached(facts):
            return None
        before = self._plan(goal, facts)
        if before.actions[:1] == (action,):
            return None
        likely = [one for one in self.imagined.outcomes(facts, action) if one.probability >= FAINT]
        total = sum(one.probability for one in likely) or 1.0
        after = sum(one.probability * self._worth(goal, one) for one in likely) / total
        drop = f"P({goal.words or ' and '.join(one.words() for one in goal.conditions)}) would fall from "
        drop += f"{percent(before.probability)} to {percent(after)}"
        if rules.floor is not None and after < rules.floor <= before.probability:
            return Verdict("block", action.label(), "goal", f"{drop}, below {percent(rules.floor)}", round(after, 4))
        if rules.margin is not None and before.probability - after > rules.margin:
            because = f"{drop}, by more than {percent(rules.margin)}"
            return Verdict("block", action.label(), "goal", because, round(after, 4))
        return None

    def _worth(self, goal: Goal, outcome: Outcome) -> float:
        """Return P(goal) after an outcome, with what is left of its limits."""
        from wmagent.agent.stages import remaining
        from wmagent.service.world import ends

        left = remaining(goal, outcome.duration, outcome.cost)
        if goal.violated(outcome.facts) or 0.0 in (left.deadline, left.max_cost):
            return 0.0
        if goal.reached(outcome.facts):
            return 1.0
        return 0.0 if ends(outcome.facts) else self._plan(left, outcome.facts).probability

    def _goal(self, facts: Facts) -> Goal | None:
        """Return the goal without what it forbids but holds already: that is nothing a step could still break."""
        if (goal := self.rules.goal) is None:
            return None
        return replace(goal, forbidden=tuple(one for one in goal.forbidden if not one.holds(facts)))

    def _plan(self, goal: Goal, facts: Facts) -> Any:
        from wmagent.latent.protocols import Budget

        return self.agent.plan(goal, facts, budget=Budget(self.rules.asked.simulations))

    def _instead(self, facts: Facts, action: Action) -> tuple[str, ...]:
        """Return the plan's next step, or what is usual here and breaks no rule."""
        if (goal := self._goal(facts)) is not None and not goal.reached(facts):
            best = self._plan(goal, facts)
            return tuple(one.label() for one in best.actions[:1] if one != action and best.probability > FAINT)
        return tuple(one.label() for one in self._usual(facts) if one != action and self._fine(facts, one))[:OFFERED]

    def _usual(self, facts: Facts) -> list[Action]:
        model = self.agent.model
        usual = model.behaviour(model.observe(facts))[0].tolist()
        return sorted(self.imagined.legal(facts), key=lambda one: -usual[model.action_index(one)])

    def _fine(self, facts: Facts, action: Action) -> bool:
        return self._broken(facts, action) is None


def _becomes(outcomes: Sequence[Outcome], never: Sequence[Condition]) -> float:
    return sum(one.probability for one in outcomes if any(condition.holds(one.facts) for condition in never))
