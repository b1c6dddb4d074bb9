"""What-ifs against the exact truth, refusals, and anomalies."""

from __future__ import annotations

import json

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.courses import merge
from wmagent.agent.doubles import REVIEW_START, ScriptedWorldModel, review_model
from wmagent.domain.types import Action, Facts, Observation, Transition
from wmagent.errors import InputError
from wmagent.worlds import load


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent(review_model())


def labels(actions: tuple[Action, ...]) -> list[str]:
    return [action.label() for action in actions]


def test_skipping_a_step(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, skip="legal review", until="approved without a hold")
    assert labels(answer.baseline_actions)[:2] == ["submit", "legal_review"]
    assert "legal_review" not in labels(answer.actions)
    assert answer.probability == 0.0
    assert answer.baseline_probability == pytest.approx(0.8 + 0.2 * (1 - 0.25**2))
    assert answer.warnings == ("as a fixed course the plan reaches 0.99, replanned at every step 1.00",)
    assert labels(answer.replanned_actions) == ["submit", "rush"]
    assert answer.replanned_probability == pytest.approx(0.5)
    assert answer.question == "what if we skip legal_review?"
    assert answer.wording == "predicted association"


def test_skipping_what_is_not_planned_says_so(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, skip="rush", until="approved without a hold")
    assert answer.probability == answer.baseline_probability
    assert any("skipping it changes nothing" in warning for warning in answer.warnings)


def test_other_actions_and_insertions(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, actions=["submit", "rush"], until="approved")
    assert answer.probability == pytest.approx(0.5)
    assert answer.replanned_actions == ()
    first = agent.what_if(REVIEW_START, insert=(1, "rush"), until="approved without a hold")
    assert labels(first.actions)[1] == "rush"
    assert first.probability == pytest.approx(0.5)
    free = agent.what_if(REVIEW_START, insert="rush", until="approved without a hold")
    assert free.probability is not None
    assert first.baseline_probability is not None
    assert free.probability >= first.baseline_probability


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "needs actions, skip or insert"),
        ({"actions": ["submit"], "skip": "rush"}, "either actions or skip"),
        ({"skip": "dance"}, "unknown action 'dance'"),
        ({"insert": (9, "rush")}, "cannot insert at 9"),
    ],
)
def test_questions_that_make_no_sense(agent: Agent, asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        agent.what_if(REVIEW_START, until="approved", **asked)  # type: ignore[arg-type]


def test_outside_experience_no_number_is_given_unless_forced() -> None:
    agent = Agent(review_model(cases={"rush": 0}))
    refused = agent.what_if(REVIEW_START, actions=["submit", "rush"], until="approved")
    assert (refused.probability, refused.interval, refused.duration, refused.cost) == (None, None, None, None)
    assert refused.support == "extrapolated"
    assert any("step 2 (rush)" in warning for warning in refused.warnings)
    assert "P(goal) is" not in agent.explain(refused).text
    forced = agent.what_if(REVIEW_START, actions=["submit", "rush"], until="approved", force=True)
    assert forced.probability == pytest.approx(0.5)
    assert any("outside recorded experience" in warning for warning in forced.warnings)


def test_actions_that_are_not_allowed_are_skipped_and_need_no_experience() -> None:
    agent = Agent(review_model(cases={"negotiate": 0}))
    answer = agent.what_if(REVIEW_START, actions=["approve", "submit", "negotiate", "rush"], until="approved")
    assert answer.probability == pytest.approx(0.5)
    assert answer.support == "observed"
    assert len(answer.evidence) == 2


def test_what_ifs_over_exact_dynamics_equal_the_oracle() -> None:
    world = load("contract-approval")
    oracle, start = world.oracle(), world.observe(world.initial(1)).facts
    agent = Agent(ScriptedWorldModel.from_oracle(oracle, world.actions, start))
    answer = agent.what_if(start, skip="legal review", until="get the contract approved within 10 days")
    assert Action("legal review") not in answer.actions
    assert answer.baseline_probability is not None
    assert answer.baseline_probability > 0.3
    for actions, probability in (
        (answer.actions, answer.probability),
        (answer.baseline_actions, answer.baseline_probability),
    ):
        truth = oracle.plan_value(start, actions, answer.until)
        assert probability == pytest.approx(truth.probability, abs=1e-4)
    assert answer.duration == pytest.approx(oracle.plan_value(start, answer.actions, answer.until).duration, rel=0.02)


def test_merging_courses_keeps_both_orders() -> None:
    assert merge([1, 2, 3], [1, 3, 4]) == [1, 2, 3, 4]
    assert merge([], [1]) == [1]
    assert merge([5, 3], [3]) == [5, 3]
    assert merge([2, 2], [2]) == [2, 2]


def step(before: Facts, action: str, after: Facts) -> Transition:
    return Transition(Observation(before), Action(action), Observation(after))


def test_anomalies_name_the_odd_fact(agent: Agent) -> None:
    start = dict(REVIEW_START)
    log = [
        step(start, "submit", {**start, "status": "in review"}),
        step(start, "submit", {**start, "status": "approved"}),
        step(start, "submit", {**start, "status": "in review", "colour": "red"}),
    ]
    unknown, odd = agent.anomalies(log)
    assert (odd.index, odd.flagged, [fact.key for fact in odd.odd]) == (1, True, ["status"])
    assert (odd.odd[0].expected, odd.odd[0].seen) == ("in review", "approved")
    assert (unknown.index, unknown.note) == (2, "outside what the model knows: colour")
    assert json.dumps(unknown.to_dict(), allow_nan=False)
    assert [a.flagged for a in agent.anomalies(log, every=True)] == [False, True, True]
    assert [a.index for a in agent.anomalies(log[:2], alpha=0.01, method="fdr")] == [1]
    assert agent.anomalies(log[:2], alpha=0.0005) == []


@pytest.mark.parametrize(("alpha", "method"), [(0.0, "alpha"), (1.0, "alpha"), (0.01, "beta")])
def test_anomaly_options_are_checked(agent: Agent, alpha: float, method: str) -> None:
    with pytest.raises(InputError):
        agent.anomalies([], alpha, method=method)  # type: ignore[arg-type]


def test_a_course_whose_less_likely_ways_leave_experience_gets_no_number() -> None:
    """Negotiating is needed in 2 of 10 ways only; the likeliest line is supported throughout."""
    agent, course = Agent(review_model(cases={"negotiate": 0})), ["submit", "legal review", "negotiate", "approve"]
    refused = agent.what_if(REVIEW_START, actions=course, until="approved")
    assert {evidence.support for evidence in refused.evidence} == {"observed"}
    assert (refused.support, refused.probability) == ("extrapolated", None)
    assert "ways of 20 % take a step that is outside recorded experience" in refused.warnings
    known = Agent(review_model()).what_if(REVIEW_START, actions=course, until="approved")
    assert (known.support, known.probability) == ("observed", pytest.approx(0.8 + 0.2 * 0.75))
