"""Acting: the loop of planning, doing, observing and planning again, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, ScriptedWorldModel, review_model
from wmagent.agent.environment import WorldEnvironment
from wmagent.agent.episode import Episode
from wmagent.domain.answers import Explanation, Plan
from wmagent.domain.types import Action, Facts, Observation
from wmagent.domain.world import Step
from wmagent.errors import InputError
from wmagent.worlds import load

WANTED = "approved without a hold"


def done(episode: Episode) -> list[str]:
    return [deed.action.label() for deed in episode.deeds]


def test_the_loop_replans_after_what_really_happened() -> None:
    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1, 1, 0])
    episode = Agent(model).act(WANTED, REVIEW_START, environment)
    assert episode.status == "reached"
    assert done(episode) == ["submit", "legal_review", "negotiate", "negotiate", "approve"] == environment.executed
    assert (episode.duration, episode.cost) == (126.0, 515.0)
    assert episode.facts["status"] == "approved"
    assert json.loads(json.dumps(episode.to_dict()))["status"] == "reached"


def test_time_that_passed_counts_against_the_deadline() -> None:
    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1, 1, 1])
    episode = Agent(model).act("approved within 3 days without a hold", REVIEW_START, environment)
    # 28 h are gone when the review asks for changes; a negotiation of 48 h cannot end within 72 h, so it is rushed
    assert done(episode) == ["submit", "legal_review", "rush"]
    assert episode.status == "hopeless"
    assert episode.goal.deadline == 72


def test_money_that_was_spent_counts_against_the_budget() -> None:
    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1, 1])
    episode = Agent(model).act("approved without a hold for under 330", REVIEW_START, environment)
    # 310 of 330 are spent when the first negotiation brings nothing: another 200 is too much, so it is rushed
    assert done(episode) == ["submit", "legal_review", "negotiate", "rush"]


def test_a_refused_action_is_not_tried_again_in_the_same_facts() -> None:
    model = review_model()

    @dataclass
    class Stubborn(ScriptedEnvironment):
        def execute(self, action: Action, facts: Facts) -> Step[Facts]:
            if action.name == "legal_review":
                self.executed.append("legal_review")
                return Step(facts, error="the lawyers are away")
            return super().execute(action, facts)

    environment = Stubborn(model)
    episode = Agent(model).act(WANTED, REVIEW_START, environment)
    assert environment.executed == ["submit", "legal_review", "rush"]
    assert [deed.error for deed in episode.deeds] == [None, "the lawyers are away", None]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda facts: Observation({**facts, "status": "burnt"}), "outside"),
        (lambda facts: Step(facts, done=True), "ended"),
        (lambda facts: Observation(facts), "exhausted"),
    ],
)
def test_how_a_run_can_end(answer: Callable[[Facts], Any], status: str) -> None:
    class Odd:
        def execute(self, action: Action, facts: Facts) -> Any:
            return answer(dict(facts))

    episode = Agent(review_model()).act(WANTED, REVIEW_START, Odd(), max_steps=4)
    assert (episode.status, len(episode.deeds)) == (status, 4 if status == "exhausted" else 1)
    assert episode.note


def test_an_environment_must_answer_with_a_step() -> None:
    class Wrong:
        def execute(self, action: Action, facts: Facts) -> Any:
            return "ok"

    with pytest.raises(InputError, match="Step or an Observation, not str"):
        Agent(review_model()).act(WANTED, REVIEW_START, Wrong())


def test_a_function_approves_or_declines_what_is_new() -> None:
    asked: list[list[str]] = []

    def approve(plan: Plan, explanation: Explanation) -> bool:
        asked.append([action.label() for action in plan.actions])
        assert "P(goal)" in explanation.text
        return len(asked) < 2

    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1])
    episode = Agent(model).act(WANTED, REVIEW_START, environment, approve=approve)
    assert episode.status == "reached"
    assert asked == [["submit", "legal_review", "approve"]]  # its contingency was agreed to as well
    again = Agent(model).act(WANTED, REVIEW_START, ScriptedEnvironment(model), approve=lambda plan, said: False)
    assert (again.status, again.deeds) == ("declined", ())


def test_acting_in_a_simulated_world() -> None:
    world = load("contract-approval")
    state = world.initial(3)
    start = world.observe(state).facts
    model = ScriptedWorldModel.from_oracle(world.oracle(), world.actions, start)
    episode = Agent(model).act("get the contract approved", start, WorldEnvironment(world, state, seed=5))
    again = Agent(model).act("get the contract approved", start, WorldEnvironment(world, state, seed=5))
    assert episode.status in ("reached", "ended", "hopeless")
    assert [deed.error for deed in episode.deeds] == [None] * len(episode.deeds)
    assert episode.deeds == again.deeds


def test_every_step_in_a_simulated_world_draws_anew() -> None:
    class Seeds:
        def step(self, state: list[int], action: Action, seed: int) -> Step[list[int]]:
            return Step([*state, seed])

        def observe(self, state: list[int]) -> Observation:
            return Observation({"last": state[-1]})

    environment, other = WorldEnvironment(Seeds(), [], seed=1), WorldEnvironment(Seeds(), [], seed=2)
    drawn = [env.execute(Action("go"), {}).state["last"] for env in (environment, environment, other, other)]
    assert len(set(drawn)) == 4
