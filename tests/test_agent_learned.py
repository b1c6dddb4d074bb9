"""The agent over a learned world model: its answers against the exact numbers of the world it learned from."""

from __future__ import annotations

import random

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, review_model
from wmagent.agent.protocols import AgentModel
from wmagent.domain.types import Observation, Transition
from wmagent.errors import OutOfDomain
from wmagent.model.config import ModelConfig
from wmagent.model.world_model import WorldModel

TINY = ModelConfig(width=32, steps=500, batch=96, warmup=20, ensemble=4)


def log(cases: int, seed: int = 0) -> list[Transition]:
    """Cases of the small known world under random behaviour, a few refused attempts among them."""
    world, draw, rows = review_model(), random.Random(seed), []
    for case in range(cases):
        facts = dict(REVIEW_START)
        for _ in range(6):
            action = draw.choice(world.actions)
            outcomes = world.rules[action](facts)
            if not outcomes:
                if draw.random() < 0.3:
                    seen = Observation(facts)
                    rows.append(Transition(seen, action, seen, error="not allowed", case=f"case {case}"))
                continue
            outcome = draw.choices(outcomes, [o.probability for o in outcomes])[0]
            after = Observation(outcome.facts)
            rows.append(
                Transition(Observation(facts), action, after, outcome.duration, outcome.cost, case=f"case {case}")
            )
            facts = dict(outcome.facts)
    return rows


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel.learn(log(700), config=TINY, text="learned", seed=0)


def test_a_learned_model_is_what_the_agent_asks_for(model: WorldModel) -> None:
    assert isinstance(model, AgentModel)


def test_the_plan_and_its_probability(model: WorldModel) -> None:
    truth = Agent(review_model()).plan("approved within 20 days without a hold", REVIEW_START)
    plan = Agent(model).plan("approved within 20 days without a hold", REVIEW_START)
    assert plan.actions == truth.actions
    assert plan.probability == pytest.approx(truth.probability, abs=0.1)
    review = plan.steps[1]
    assert review.changes[0].probability == pytest.approx(0.8, abs=0.1)
    assert review.duration == pytest.approx(24.0, abs=3.0)
    assert review.cost == pytest.approx(100.0, abs=10.0)
    assert review.evidence.n > 20
    assert review.evidence.cases[0].action == "legal_review"
    assert plan.support == "observed"
    assert Agent(model).explain(plan).dropped == 0


def test_a_what_if_and_its_interval(model: WorldModel) -> None:
    answer = Agent(model).what_if(REVIEW_START, actions=["submit", "rush"], until="approved")
    assert answer.probability == pytest.approx(0.5, abs=0.12)
    assert answer.interval is not None
    assert answer.interval[0] < 0.5 < answer.interval[1]


def test_unknown_facts_are_refused(model: WorldModel) -> None:
    with pytest.raises(OutOfDomain, match="colour"):
        Agent(model).plan("approved", {**REVIEW_START, "colour": "red"})


def test_an_impossible_jump_is_the_anomaly(model: WorldModel) -> None:
    rows = log(20, seed=9)
    at = next(i for i, row in enumerate(rows) if row.action.name == "submit" and row.error is None)
    rows[at] = Transition(
        rows[at].before, rows[at].action, Observation({**rows[at].after.facts, "status": "approved"}), 4.0, 10.0
    )
    first = Agent(model).anomalies(rows)[0]
    assert first.index == at
    assert "status" in [fact.key for fact in first.odd]


def test_acting_on_a_learned_model(model: WorldModel) -> None:
    environment = ScriptedEnvironment(review_model(), choices=[0, 1, 0])
    episode = Agent(model).act("approved without a hold", REVIEW_START, environment)
    assert episode.status == "reached"
    assert environment.executed == ["submit", "legal_review", "negotiate", "approve"]
