"""Explanations: every claim is entailed by the trajectory, and one about another trajectory is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.claims import check_claims, entailed
from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.agent.explainer import Sentence, TemplateExplainer, say
from wmagent.agent.reading import read_claims
from wmagent.domain.answers import Claim, Plan, WhatIf


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Agent(review_model()).plan("approved within 10 days without a hold", REVIEW_START)


@pytest.fixture(scope="module")
def what_if() -> WhatIf:
    return Agent(review_model()).what_if(REVIEW_START, skip="legal review", until="approved without a hold")


def shuffled(plan: Plan) -> Plan:
    """The same steps with each other's consequences: what a model that knows nothing might say."""
    turned = (*plan.steps[1:], plan.steps[0])
    steps = tuple(
        replace(step, changes=other.changes, duration=other.duration, cost=other.cost)
        for step, other in zip(plan.steps, turned, strict=True)
    )
    return replace(plan, steps=steps)


def test_the_text_says_what_was_imagined(plan: Plan) -> None:
    explanation = TemplateExplainer().explain(plan)
    assert explanation.dropped == 0
    assert (
        "Step 2: legal_review; legal review becomes passed (was not started, 80 %); about 24.0 h; cost 100; "
        "50 similar recorded cases (observed)." in explanation.text
    )
    assert "If step 2 turns out otherwise: legal review becomes changes requested (was not started, 20 %); then " in (
        explanation.text
    )
    kinds = {claim.kind for claim in explanation.claims}
    assert kinds == {"step", "change", "probability", "duration", "cost", "evidence"}


def test_a_shuffled_trajectory_changes_the_text_and_fails_the_old_claims(plan: Plan) -> None:
    explanation, other = TemplateExplainer().explain(plan), shuffled(plan)
    assert TemplateExplainer().explain(other).text != explanation.text
    _, failed = check_claims([c for c in explanation.claims if c.kind == "change"], other)
    assert {claim.step for claim in failed} == {0, 1, 2}


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0.9},
        {"after": "changes requested"},
        {"before": "passed"},
        {"key": "status"},
        {"step": 0},
        {"step": 17},
    ],
)
def test_every_part_of_a_change_claim_is_checked(plan: Plan, change: dict[str, object]) -> None:
    claim = next(c for c in TemplateExplainer().explain(plan).claims if c.key == "legal review" and c.after == "passed")
    assert entailed(claim, plan)
    assert not entailed(replace(claim, **change), plan)


@pytest.mark.parametrize("kind", ["step", "probability", "duration", "cost", "evidence"])
def test_wrong_numbers_and_names_are_not_entailed(plan: Plan, kind: str) -> None:
    claims = [c for c in TemplateExplainer().explain(plan).claims if c.kind == kind]
    assert claims
    for claim in claims:
        wrong = replace(claim, number=claim.number + 0.5) if claim.number is not None else replace(claim, after="else")
        assert not entailed(wrong, plan), claim


def test_what_is_done_otherwise_belongs_to_its_step(plan: Plan) -> None:
    claim = next(c for c in TemplateExplainer().explain(plan).claims if c.key == "otherwise")
    assert entailed(claim, plan)
    assert not entailed(replace(claim, step=0), plan)
    assert not entailed(replace(claim, after="rush"), plan)
    assert not entailed(replace(claim, before="hold becomes placed"), plan)


def test_an_outcome_that_changes_nothing_is_said() -> None:
    start = {**REVIEW_START, "status": "in review", "legal review": "changes requested"}
    plan = Agent(review_model()).plan("approved without a hold", start)
    explanation = TemplateExplainer().explain(plan)
    assert (
        "If step 1 turns out otherwise: legal review stays changes requested (25 %); then negotiate" in explanation.text
    )
    assert check_claims(read_claims(explanation.text)[0], plan)[1] == ()


def test_unsupported_claims_are_dropped_and_counted(plan: Plan) -> None:
    good = Claim("step", "submit", 0, after="submit")
    bad = Claim("change", "hold becomes placed (was none, 100 %)", 0, "hold", "none", "placed", 1.0)
    explanation = say([Sentence("Step 1: ", (good, bad)), Sentence("", (bad, good))], plan)
    assert explanation.text == "Step 1: submit."
    assert (explanation.claims, explanation.dropped) == ((good,), 3)


@pytest.mark.parametrize("which", ["plan", "what_if"])
def test_the_text_reads_back_into_entailed_claims(which: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(which)
    explanation = TemplateExplainer().explain(answer)
    claims, unread = read_claims(explanation.text)
    assert unread == ()
    assert len(claims) == len(explanation.claims)
    assert check_claims(claims, answer)[1] == ()


def test_a_rephrased_text_with_an_invented_claim_is_caught(plan: Plan) -> None:
    text = TemplateExplainer().explain(plan).text
    claims, unread = read_claims(text.replace("(was not started, 80 %)", "(was not started, 95 %)") + "\nIt is safe.")
    _, failed = check_claims(claims, plan)
    assert [claim.number for claim in failed] == [0.95]
    assert unread == ("It is safe",)


def test_a_what_if_is_explained_beside_its_baseline(what_if: WhatIf) -> None:
    text = TemplateExplainer().explain(what_if).text
    assert "Done: submit → " in text
    assert "Without the change: P(goal) 0.99 with submit → legal_review → negotiate → negotiate" in text
    assert "Best under the change: P(goal) 0.50 with submit → rush" in text
