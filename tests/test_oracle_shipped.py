"""The oracle against simulation of the shipped world, and what makes that world worth planning in."""

from __future__ import annotations

import math
from random import Random

import pytest

from wmagent import worlds
from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.domain.world import Policy, Truth
from wmagent.errors import InputError
from wmagent.worlds.workflow import WorkflowWorld


@pytest.fixture(scope="module")
def contracts() -> WorkflowWorld:
    return worlds.load("contract-approval")


def rollout(world: WorkflowWorld, start: Facts, actions: list[Action] | Policy, wanted: Goal, random: Random) -> Truth:
    """Simulate one run of an open plan or a policy through the world's own step function."""
    facts, hours, cost = start, 0.0, 0.0
    plan = None if callable(actions) else iter(actions)
    while not wanted.reached(facts) and not wanted.violated(facts):
        action = actions(facts, hours) if callable(actions) else next(plan, None)  # type: ignore[arg-type]
        if action is None or (wanted.deadline is not None and hours > wanted.deadline):
            return Truth(0.0, hours, cost)
        step = world.step(facts, action, random.getrandbits(32))
        if step.error is None:
            facts, hours, cost = step.state, hours + step.duration, cost + step.cost
    in_time = wanted.deadline is None or hours <= wanted.deadline
    return Truth(float(in_time and not wanted.violated(facts)), hours, cost)


@pytest.mark.parametrize("number", range(6))
def test_shipped_world_against_simulation(contracts: WorkflowWorld, number: int) -> None:
    random = Random(number)
    oracle = contracts.oracle()
    wanted = contracts.goals()[number]
    start = contracts.initial(100 + number)
    names = (
        "collect documents, risk assessment, submit for review, legal review, negotiate changes, finance check, "
        "manager approval, escalate to director, approve contract, send to counterparty, sign contract, sign contract"
    )
    plan = [Action(name) for name in names.split(", ")]
    policy = oracle.optimal_policy(start, wanted)
    for actions, truth in (
        (plan, oracle.plan_value(start, plan, wanted)),
        (policy, oracle.policy_value(start, policy, wanted)),
    ):
        runs = [rollout(contracts, start, actions, wanted, random) for _ in range(800)]
        for name in ("probability", "duration", "cost"):
            values = [getattr(run, name) for run in runs]
            mean = sum(values) / len(values)
            deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
            assert getattr(truth, name) == pytest.approx(mean, abs=4 * deviation / math.sqrt(len(values)) + 1e-6), name


def test_shipped_world_is_worth_planning(contracts: WorkflowWorld) -> None:
    oracle = contracts.oracle()
    reached = {tuple(facts.items()) for _, start in oracle.starts() for facts in oracle.reachable(start)}
    assert 500 <= len(reached) <= 5_000
    assert math.fsum(chance for chance, _ in oracle.starts()) == pytest.approx(1)
    within_ten_days = contracts.goals()[0]
    values = [oracle.optimal(start, within_ten_days).probability for _, start in oracle.starts()]
    assert min(values) > 0.5
    assert max(values) < 0.98


def test_skipping_the_legal_review_matters_only_where_it_should(contracts: WorkflowWorld) -> None:
    oracle = contracts.oracle()
    base = {
        "counterparty": "known",
        "contract type": "purchase",
        "template": "standard",
        "status": "in review",
        "documents": "complete",
        "risk rating": "low",
        "legal review": "not started",
        "finance check": "passed",
        "manager approval": "granted",
        "compliance hold": "none",
        "revision round": 0,
    }
    approve, wanted = [Action("approve contract")], contracts.goals()[0]

    def chance(**changes: str) -> float:
        return oracle.plan_value(base | changes, approve, wanted).probability

    assert chance(amount="medium") == pytest.approx(0.95)
    assert chance(amount="medium", **{"contract type": "service"}) == pytest.approx(0.95 * 0.7)  # the audit
    assert chance(amount="large") == 0  # the hidden rule puts it on hold
    assert chance(amount="large", **{"legal review": "passed"}) == pytest.approx(0.95)


def test_questions_the_oracle_refuses(contracts: WorkflowWorld) -> None:
    oracle = contracts.oracle()
    start = contracts.initial(0)
    assert oracle.outcomes(start, Action("sign contract")) == ()
    with pytest.raises(InputError, match="did you mean 'legal review'"):
        oracle.outcomes(start, Action("legal reviw"))
    with pytest.raises(InputError, match="did you mean 'approved'"):
        oracle.optimal(start, Goal((Condition("status", "aproved"),)))
    with pytest.raises(InputError, match="did you mean 'status'"):
        oracle.plan_value(start, [], Goal((Condition("stauts", "approved"),)))
    with pytest.raises(InputError, match="compares numbers"):
        oracle.plan_value(start, [], Goal((Condition("status", "approved", "<"),)))
    with pytest.raises(InputError, match="lack 'amount'"):
        oracle.reachable({key: value for key, value in start.items() if key != "amount"})
