"""Every kind of intervention on a small world whose exact answers are worked out by hand, and every bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedWorldModel, review_model
from wmagent.agent.plain import from_plain, to_plain
from wmagent.agent.scripted import Rule
from wmagent.domain import interventions as kinds
from wmagent.domain.answers import WhatIf
from wmagent.domain.types import Action, Condition, Facts, Observation
from wmagent.domain.world import Outcome
from wmagent.errors import InputError, OutOfDomain

CLEAN = "approved without a hold"
PLANNED = 0.8 + 0.2 * (1 - 0.25**2)  # the plan as a fixed course tries to negotiate twice


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent(review_model())


def labels(answer: WhatIf) -> list[str]:
    return [action.label() for action in answer.actions]


def test_do_now_then_the_plan_goes_on(agent: Agent) -> None:
    answer = agent.what_if({**REVIEW_START, "status": "in review"}, do="rush", until=CLEAN)
    assert labels(answer)[0] == "rush"
    assert answer.probability == pytest.approx(0.5)  # else it is on hold, where nothing is allowed
    assert answer.baseline_probability == pytest.approx(PLANNED)
    assert answer.question == "what if we do rush now?"
    assert answer.interventions == (kinds.Do((Action("rush"),)),)
    assert (answer.n, answer.propensity) == (50, pytest.approx(0.5))  # of legal_review and rush


def test_what_is_done_now_is_not_done_again(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, do=["submit", "legal review"], until=CLEAN)
    assert labels(answer).count("legal_review") == 1
    assert answer.probability == pytest.approx(PLANNED)


def test_after_what_is_done_now_the_plan_is_made_anew() -> None:
    def moves(place: str, chance: float, to: str, else_to: str = "lost") -> Rule:
        def outcomes(facts: Facts) -> list[Outcome]:
            ways = ((chance, to), (1 - chance, else_to))
            return [Outcome(p, {"place": there}, 1.0, 0.0) for p, there in ways if p] if facts["place"] == place else []

        return outcomes

    rules = {
        Action("board the train"): moves("home", 1.0, "train"),
        Action("leave the train"): moves("train", 1.0, "office"),
        Action("board the bus"): moves("home", 1.0, "bus"),
        Action("leave the bus"): moves("bus", 0.9, "office"),
    }
    model = ScriptedWorldModel({"place": ("home", "train", "bus", "office", "lost")}, rules)
    for until in ("place = office", "place = office within 2 hours"):
        answer = Agent(model).what_if({"place": "home"}, do="board the bus", until=until)
        assert [action.label() for action in answer.baseline_actions] == ["board the train", "leave the train"]
        assert labels(answer) == ["board the bus", "leave the bus"]
        assert answer.probability == pytest.approx(0.9)


def test_what_is_not_allowed_now_is_refused_with_the_reason(agent: Agent) -> None:
    start = {**REVIEW_START, "status": "in review"}
    with pytest.raises(InputError) as caught:
        agent.what_if(start, do="approve", until=CLEAN)
    said = str(caught.value)
    assert "approve is not allowed in this state" in said
    assert "legal review is not started (allowed with passed)" in said
    assert "allowed are: legal_review, rush" in said
    with pytest.raises(InputError, match=r"approve cannot be done then.*submit leads to"):
        agent.what_if(REVIEW_START, do=["submit", "approve"], until=CLEAN)


def test_swap(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, swap=("submit", "legal review"), until=CLEAN)
    assert labels(answer)[:2] == ["legal_review", "submit"]
    assert answer.probability == 0.0  # nobody reviews what is not submitted, and then it is too late for it
    assert any("legal_review is not allowed when its turn comes" in warning for warning in answer.warnings)


def test_replace(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, replace=("legal review", "rush"), until=CLEAN)
    assert labels(answer)[:2] == ["submit", "rush"]
    assert answer.probability == pytest.approx(0.5)


def test_a_delay_eats_up_the_deadline(agent: Agent) -> None:
    goal = f"{CLEAN} within 80 hours"
    # submit 4, review 24, approve 2: 30 h with .8; with one negotiation of 48 h: 78 h with .2 * .75
    answer = agent.what_if(REVIEW_START, delay=("legal review", 10), until=goal)
    assert answer.baseline_probability == pytest.approx(0.8 + 0.2 * 0.75)
    assert answer.probability == pytest.approx(0.8)
    assert agent.what_if(REVIEW_START, delay=("legal review", "2 hours"), until=goal).probability == pytest.approx(0.95)
    gone = agent.what_if(REVIEW_START, delay=("legal review", 51), until=goal)
    assert gone.probability == 0.0
    assert answer.duration is not None
    base = agent.what_if(REVIEW_START, delay=("legal review", 0), until=goal)
    assert base.duration is not None
    assert answer.duration == pytest.approx(base.duration + 10 - 0.15 * 2)  # too late to be approved, too


def test_a_step_is_moved_behind_another(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, delay=("legal review", "after", "approve"), until=CLEAN)
    assert labels(answer).index("legal_review") > labels(answer).index("approve")
    assert answer.probability == 0.0
    late = agent.what_if(REVIEW_START, delay=("approve", "after", "submit"), until=CLEAN)
    assert late.probability == late.baseline_probability
    assert any("comes after submit already" in warning for warning in late.warnings)


def test_a_fact_is_changed(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, facts={"legal_review": "changes requested"}, until=CLEAN)
    assert answer.question == "what if legal review were changes requested?"
    assert labels(answer)[0] == "submit"
    assert "legal_review" not in labels(answer)
    assert answer.probability is not None
    assert answer.probability == pytest.approx(1 - 0.25 ** labels(answer).count("negotiate"))
    assert answer.replanned_probability == pytest.approx(1.0, abs=1e-3)
    assert any("the plan made without this change reaches 0.94 from there" in w for w in answer.warnings)
    same = agent.what_if(REVIEW_START, facts={"hold": "none"}, until=CLEAN)
    assert same.probability == same.baseline_probability
    assert any("hold is none already" in warning for warning in same.warnings)


def test_changes_of_start_and_plan_go_together(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, facts={"status": "in review"}, skip="legal review", until=CLEAN)
    assert answer.probability == 0.0
    assert answer.replanned_probability == pytest.approx(0.5)
    assert answer.question == "what if status were in review and we skip legal_review?"


def test_a_policy_by_the_plan(agent: Agent) -> None:
    # rush as soon as a review asks for changes: .8 passes and is approved, .2 is rushed with .5
    answer = agent.what_if(REVIEW_START, policy="rush if changes are requested", until=CLEAN)
    assert answer.probability == pytest.approx(0.8 + 0.2 * 0.5)
    assert answer.question == "what if we rush if legal review == changes requested, otherwise go on as planned?"


def test_a_policy_on_time(agent: Agent) -> None:
    # reviewed at 28 h; after one failed negotiation it is 76 h: older than 3 days, so it is rushed
    answer = agent.what_if(REVIEW_START, policy="rush whenever older than 3 days", until=CLEAN)
    # ... and where the first negotiation passed (76 h too) it is rushed instead of approved
    assert answer.probability == pytest.approx(0.8 + 0.2 * 0.5)
    begun = Observation(REVIEW_START, time=60.0)  # the case is older than it looks: reviewed at 88 h, then rushed
    assert agent.what_if(begun, policy="rush whenever older than 3 days", until=CLEAN).probability == pytest.approx(0.5)
    waiting = agent.what_if(REVIEW_START, policy="rush when nothing has changed for more than 40 hours", until=CLEAN)
    # only a negotiation that changes nothing leaves the case waiting (48 h): .2 * .25 is rushed with .5
    assert waiting.probability == pytest.approx(0.8 + 0.2 * (0.75 + 0.25 * 0.5))


def test_a_policy_over_recorded_behaviour(agent: Agent) -> None:
    start = {**REVIEW_START, "status": "in review"}
    answer = agent.what_if(start, policy="rush if review is not started; otherwise as recorded", until=CLEAN)
    assert answer.probability == pytest.approx(0.5)
    # behaviour is even over what is legal: review or rush (.5); passed: approve or rush; asked for changes: negotiate
    # or rush, where a negotiation passes with .75 and changes nothing with .25
    passed = 0.5 + 0.5 * 0.5
    asked = (0.5 * 0.5 + 0.5 * 0.75 * passed) / (1 - 0.5 * 0.25)
    usual = agent.what_if(start, policy="submit if status is draft; otherwise as recorded", until=CLEAN)
    assert usual.probability == pytest.approx(0.5 * 0.5 + 0.5 * (0.8 * passed + 0.2 * asked), abs=1e-4)


def test_a_rule_whose_action_changes_nothing_does_not_block(agent: Agent) -> None:
    start = {**REVIEW_START, "status": "in review", "legal review": "changes requested"}
    rules = [("legal review == changes requested", "negotiate")]
    answer = agent.what_if(start, policy=rules, until=CLEAN)
    # the rule is not applied again to the state that it left as it was, but the plan goes on negotiating there
    assert answer.probability is not None
    assert answer.probability > 0.75


def test_when_and_at_what_cost(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, skip="rush", until=CLEAN, by=[29, "30 hours", 78, 200])
    assert answer.outlook is not None
    assert [p for _, p in answer.outlook.by] == pytest.approx([0.0, 0.8, 0.95, PLANNED])
    assert [hours for hours, _ in answer.outlook.by] == [29, 30, 78, 200]
    assert answer.outlook.hours == ((0.5, 30.0), (0.8, 30.0), (0.9, 78.0))  # of the .9875 that succeed
    assert answer.outlook.cost == ((0.5, 115.0), (0.8, 115.0), (0.9, 315.0))
    assert answer.baseline_outlook == answer.outlook
    plain = agent.what_if(REVIEW_START, skip="rush", until=f"{CLEAN} within 80 hours").outlook
    assert plain is not None
    assert [hours for hours, _ in plain.by] == [20.0, 40.0, 60.0, 80.0]
    assert [p for _, p in plain.by] == pytest.approx([0.0, 0.8, 0.8, 0.95])


def test_compared_at_once(agent: Agent) -> None:
    found = agent.compare(
        REVIEW_START,
        {
            "skip it": {"skip": "legal review"},
            "rush": kinds.Replace(Action("legal_review"), Action("rush")),
            "late": [kinds.Delay(Action("legal_review"), 1.0)],
        },
        until=CLEAN,
    )
    assert [one.name for one in found.ranked] == ["late", "rush", "skip it"]
    late, rush, skipped = found.ranked
    assert found.baseline_probability == pytest.approx(PLANNED)
    assert late.to_best is None
    assert rush.to_plan is not None
    assert rush.to_plan.value == pytest.approx(0.5 - PLANNED)
    assert rush.to_plan.interval[0] < rush.to_plan.value < rush.to_plan.interval[1] < 0.0
    assert skipped.to_best is not None
    assert skipped.to_best.value == pytest.approx(-PLANNED)
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_refused_answers_come_last_and_have_no_difference() -> None:
    agent = Agent(review_model(cases={"rush": 0}))
    found = agent.compare(
        REVIEW_START, {"rush": {"actions": ["submit", "rush"]}, "nothing": {"actions": []}}, until=CLEAN
    )
    assert [one.name for one in found.ranked] == ["nothing", "rush"]
    assert found.ranked[1].answer.probability is None
    assert found.ranked[1].to_plan is None
    assert found.ranked[1].answer.outlook is None


def test_the_argument_for_a_cause_is_named(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, skip="rush", until=CLEAN, identified="all causes of both are logged")
    assert answer.wording == "causal effect, identified by: all causes of both are logged"


def test_a_model_without_a_record_gives_no_warrant(agent: Agent) -> None:
    answer = agent.what_if(REVIEW_START, do="submit", until=CLEAN, warrant=True)
    assert answer.warrant is None
    assert "no warrant: this model keeps no record" in answer.warnings
    nothing = agent.what_if(REVIEW_START, actions=[], until=CLEAN, warrant=True)
    assert "no warrant: nothing is done otherwise" in nothing.warnings


EVERY_KIND: list[kinds.Intervention] = [
    kinds.Do((Action("submit"),)),
    kinds.Exactly((Action("submit"), Action("rush"))),
    kinds.Skip((Action("submit"),)),
    kinds.Insert(Action("rush"), 1),
    kinds.Swap(Action("submit"), Action("legal_review")),
    kinds.Replace(Action("submit"), Action("rush")),
    kinds.Delay(Action("submit"), hours=3.0),
    kinds.Delay(Action("submit"), after=Action("rush")),
    kinds.ChangeFacts({"hold": "placed"}),
    kinds.ChangeRules({"limit": "orders above 500 need the director"}),
    kinds.Policy((kinds.PolicyRule(Action("rush"), (Condition(kinds.ELAPSED, 72, ">"),)),), "recorded"),
]


@pytest.mark.parametrize("one", EVERY_KIND, ids=lambda one: one.words())
def test_interventions_are_plain_data(one: kinds.Intervention) -> None:
    data = json.loads(json.dumps(to_plain(one)))
    assert data["kind"] == one.kind
    assert from_plain(type(one), data) == one


@pytest.mark.parametrize("one", [k for k in EVERY_KIND if k.kind != "rules"], ids=lambda one: one.words())
def test_interventions_made_by_hand_are_asked_like_those_in_words(agent: Agent, one: kinds.Intervention) -> None:
    if one == EVERY_KIND[7]:
        with pytest.raises(InputError, match="x: cannot delay something behind rush: the plan has no such step"):
            agent.compare(REVIEW_START, {"x": one}, until=CLEAN)
        return
    found = agent.compare(REVIEW_START, {"x": one}, until=CLEAN).ranked[0].answer
    assert found.interventions == (one,)


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "needs actions, skip or insert, or do"),
    ({"do": []}, "do is empty"),
    ({"do": "dance"}, "unknown action 'dance'"),
    ({"dance": "submit"}, "unknown intervention 'dance'"),
    ({"swap": "submit"}, "swap takes two actions"),
    ({"swap": ("submit", "submit")}, "submit is given twice"),
    ({"swap": ("submit", "rush")}, "cannot swap rush: the plan has no such step; its steps: submit, legal_review"),
    ({"replace": ("rush", "submit")}, "cannot replace rush"),
    ({"replace": ("rush",)}, "replace takes two actions"),
    ({"delay": "rush"}, "delay is"),
    ({"delay": ("rush", 5)}, "cannot delay rush"),
    ({"delay": ("submit", -1)}, "no time span"),
    ({"delay": ("submit", float("nan"))}, "no time span"),
    ({"delay": ("submit", "some day")}, "no time span"),
    ({"delay": ("submit", "after", "submit")}, "cannot come after itself"),
    ({"facts": {}}, "facts is empty"),
    ({"facts": {"colour": "red"}}, "unknown fact 'colour'"),
    ({"facts": {"hold": "purple"}}, "unknown value of hold 'purple'"),
    ({"facts": {"hold": None}}, "hold was never absent"),
    ({"facts": {"hold": [1]}}, "facts are text, numbers or true/false"),
    ({"rules": "orders above 5 need the director"}, "knows no rules as text"),
    ({"policy": ""}, "the policy has no rule"),
    ({"policy": []}, "the policy has no rule"),
    ({"policy": ["rush"]}, r"a rule of a policy is \(when, do\)"),
    ({"policy": "dance if older than 2 days"}, "unknown action 'dance'"),
    ({"policy": "rush if it is purple"}, "cannot express 'it is purple'"),
    ({"policy": "rush; otherwise pray"}, "otherwise 'pray' is not understood"),
    ({"policy": [(Condition("colour", "red"), "rush")]}, "unknown fact 'colour'"),
    ({"policy": [(Condition(kinds.ELAPSED, "long", ">"), "rush")]}, "no time span"),
    ({"policy": "rush", "skip": "submit"}, "a policy by itself"),
    ({"actions": ["submit"], "do": "rush"}, "either actions or skip/insert"),
]


@pytest.mark.parametrize(("asked", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_questions_are_refused(agent: Agent, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        agent.what_if(REVIEW_START, until=CLEAN, **asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], "takes {name: intervention}"),
        ({}, "compare 1 to 40"),
        ({"a": 5}, "a: 5 is no intervention"),
        ({"a": {"skip": "dance"}}, "a: unknown action 'dance'"),
        ({"a": {"do": "approve"}}, "a: approve is not allowed in this state"),
        ({"a": kinds.Skip((Action("dance"),))}, "a: unknown action 'dance'"),
    ],
)
def test_bad_comparisons_are_refused(agent: Agent, asked: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        agent.compare(REVIEW_START, asked, until=CLEAN)


def test_a_start_that_the_model_does_not_know(agent: Agent) -> None:
    with pytest.raises(OutOfDomain):
        agent.what_if({**REVIEW_START, "hold": "purple"}, skip="submit", until=CLEAN)
