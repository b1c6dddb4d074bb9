"""Test doubles for people who build on the agent: scripted model, proposer, environment, and a small known world.

Knows the agent's protocols; must not know the learned world model. Nothing here is random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wmagent.agent.scripted import Rule, ScriptedScore, ScriptedWorldModel
from wmagent.domain.types import Action, Facts, Goal, Observation, Value
from wmagent.domain.world import Outcome, Step
from wmagent.errors import ProposalError

REVIEW_START: Facts = {"status": "draft", "legal review": "not started", "hold": "none"}


@dataclass
class ScriptedProposer:
    """Answers from a queue of `label -> weight` mappings, as a language model would be scripted in a test."""

    answers: list[Mapping[str, float]]
    asked: list[Goal] = field(default_factory=list)

    def propose(self, observation: Observation, goal: Goal, actions: Sequence[Action]) -> list[float]:
        """Return the next queued answer; labels not named weigh 0."""
        self.asked.append(goal)
        if not self.answers:
            raise ProposalError("the scripted proposer has no answer left")
        answer = self.answers.pop(0)
        return [float(answer.get(action.label(), 0.0)) for action in actions]


@dataclass
class ScriptedEnvironment:
    """Plays the rules of a `ScriptedWorldModel`, taking the outcome that `choices` names next (default: the first)."""

    model: ScriptedWorldModel
    choices: list[int] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    def execute(self, action: Action, facts: Facts) -> Step[Facts]:
        """Do the action by its rule; what the rule refuses comes back with `error`."""
        self.executed.append(action.label())
        outcomes = self.model.rules[action](facts)
        if not outcomes:
            return Step(facts, error=f"{action.label()} is not allowed now")
        outcome = outcomes[self.choices.pop(0) if self.choices else 0]
        return Step(outcome.facts, outcome.duration, outcome.cost)


def review_model(
    heads: tuple[float, ...] = (0.0, 0.05, -0.05), cases: Mapping[str, int] | None = None
) -> ScriptedWorldModel:
    """Return a small known world: a draft is submitted, reviewed, perhaps negotiated, and approved; or rushed.

    From `REVIEW_START` without a hold: submit 4 h, legal_review 24 h (.8 passes), negotiate 48 h (.75 passes, else
    nothing changes), approve 2 h; `rush` approves with .5 and puts the case on hold with .5.
    """
    rules = {
        Action("submit"): _rule(lambda f: f["status"] == "draft", (1.0, {"status": "in review"}, 4.0, 10.0)),
        Action("legal_review"): _rule(
            lambda f: f["status"] == "in review" and f["legal review"] == "not started" and f["hold"] == "none",
            (0.8, {"legal review": "passed"}, 24.0, 100.0),
            (0.2, {"legal review": "changes requested"}, 24.0, 100.0),
        ),
        Action("negotiate"): _rule(
            lambda f: f["legal review"] == "changes requested",
            (0.75, {"legal review": "passed"}, 48.0, 200.0),
            (0.25, {}, 48.0, 200.0),
        ),
        Action("approve"): _rule(
            lambda f: f["status"] == "in review" and f["legal review"] == "passed" and f["hold"] == "none",
            (1.0, {"status": "approved"}, 2.0, 5.0),
        ),
        Action("rush"): _rule(
            lambda f: f["status"] == "in review" and f["hold"] == "none",
            (0.5, {"status": "approved"}, 1.0, 5.0),
            (0.5, {"hold": "placed"}, 1.0, 5.0),
        ),
    }
    domains: dict[str, tuple[Value | None, ...]] = {
        "status": ("draft", "in review", "approved"),
        "legal review": ("not started", "passed", "changes requested"),
        "hold": ("none", "placed"),
    }
    return ScriptedWorldModel(domains, rules, heads=heads, cases=cases or {})


def _rule(guard: Callable[[Facts], bool], *outcomes: tuple[float, Mapping[str, Value], float, float]) -> Rule:
    """Return a rule that applies where the guard holds: (probability, changes, hours, cost) per outcome."""

    def outcomes_in(facts: Facts) -> tuple[Outcome, ...]:
        if not guard(facts):
            return ()
        return tuple(Outcome(p, {**facts, **changes}, hours, cost) for p, changes, hours, cost in outcomes)

    return outcomes_in


__all__ = [
    "REVIEW_START",
    "ScriptedEnvironment",
    "ScriptedProposer",
    "ScriptedScore",
    "ScriptedWorldModel",
    "review_model",
]
