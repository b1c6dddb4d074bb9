"""The oracle against hand-computed numbers, brute force on random worlds, and simulation of the shipped world."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from wmagent import worlds
from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.domain.world import Policy, Truth
from wmagent.errors import InputError
from wmagent.worlds.loading import world_from
from wmagent.worlds.workflow import WorkflowWorld

TINY = {
    "format": 1,
    "name": "tiny",
    "facts": {"place": {"values": ["start", "goal", "lost"], "start": "start"}},
    "actions": {
        "safe": {
            "guard": "place == start",
            "cost": 10,
            "duration": 8,
            "effects": [{"outcomes": [{"chance": 0.6, "set": {"place": "goal"}}, {"chance": 0.4}]}],
        },
        "risky": {
            "guard": "place == start",
            "cost": 1,
            "duration": {4: 0.5, 12: 0.5},
            "effects": [
                {"outcomes": [{"chance": 0.7, "set": {"place": "goal"}}, {"chance": 0.3, "set": {"place": "lost"}}]}
            ],
        },
    },
    "goals": [{"reach": "place == goal", "words": ["get there"]}],
    "done": "place == lost",
}
START = {"place": "start"}
SAFE, RISKY = Action("safe"), Action("risky")


@pytest.fixture(scope="module")
def tiny() -> WorkflowWorld:
    return world_from(TINY)


@pytest.fixture(scope="module")
def contracts() -> WorkflowWorld:
    return worlds.load("contract-approval")


def goal(deadline: float | None = None, max_cost: float | None = None) -> Goal:
    return Goal((Condition("place", "goal"),), deadline=deadline, max_cost=max_cost)


def close(truth: Truth, probability: float, duration: float, cost: float) -> bool:
    return (truth.probability, truth.duration, truth.cost) == pytest.approx((probability, duration, cost), abs=1e-9)


def test_plans_by_hand(tiny: WorkflowWorld) -> None:
    oracle = tiny.oracle()
    # safe: .6 after 8 h; else risky: half of it in time
    assert close(oracle.plan_value(START, [SAFE, RISKY], goal(12)), 0.6 + 0.4 * 0.5 * 0.7, 8 + 0.4 * 8, 10 + 0.4)
    # after risky nobody is at the start any more: safe is skipped and costs nothing
    assert close(oracle.plan_value(START, [RISKY, SAFE], goal(12)), 0.7, 8, 1)
    assert close(oracle.plan_value(START, [RISKY], goal(11)), 0.35, 8, 1)
    assert close(oracle.plan_value(START, [SAFE], goal(8)), 0.6, 8, 10)
    assert close(oracle.plan_value(START, [SAFE], goal(7.9)), 0.0, 8, 10)
    assert close(oracle.plan_value(START, [SAFE, SAFE], goal()), 0.84, 8 * 1.4, 10 * 1.4)
    assert close(oracle.plan_value(START, [SAFE, SAFE], goal(max_cost=19)), 0.6, 8 * 1.4, 10 * 1.4)
    assert close(oracle.plan_value({"place": "goal"}, [SAFE], goal()), 1, 0, 0)
    assert close(oracle.plan_value(START, [], goal()), 0, 0, 0)


def test_optimum_by_hand(tiny: WorkflowWorld) -> None:
    oracle = tiny.oracle()
    assert close(oracle.optimal(START, goal()), 1, 8 / 0.6, 10 / 0.6)  # safe, again and again
    assert close(oracle.optimal(START, goal(8)), 0.6, 8, 10)
    assert close(oracle.optimal(START, goal(12)), 0.74, 11.2, 10.4)
    assert close(oracle.optimal(START, goal(3)), 0, 0, 0)  # out of reach: nothing is done
    assert close(oracle.optimal(START, goal(max_cost=10)), 0.7, 8, 1)  # risky: safe leaves nothing for a second try
    assert close(oracle.optimal(START, goal(max_cost=11)), 0.88, 8 + 0.4 * 8, 10.4)
    assert close(oracle.optimal({"place": "lost"}, goal()), 0, 0, 0)
    assert close(oracle.optimal(START, goal(12), without=[SAFE]), 0.7, 8, 1)
    assert oracle.optimal_policy(START, goal(12), without=[SAFE])(START, 0) == RISKY
    policy = oracle.optimal_policy(START, goal(12))
    assert [policy(START, hours) for hours in (0, 8, 12)] == [SAFE, RISKY, None]
    with pytest.raises(InputError, match="max_cost"):
        oracle.optimal_policy(START, goal(max_cost=5))
    with pytest.raises(InputError, match="past"):
        oracle.optimal(START, goal(-1))


def test_policies_that_circle_or_stop(tiny: WorkflowWorld) -> None:
    oracle = tiny.oracle()
    assert close(oracle.policy_value(START, lambda facts, hours: SAFE, goal()), 1, 8 / 0.6, 10 / 0.6)
    assert close(oracle.policy_value(START, lambda facts, hours: None, goal()), 0, 0, 0)
    assert close(oracle.policy_value({"place": "lost"}, lambda facts, hours: SAFE, goal()), 0, 0, 0)
    stubborn = oracle.policy_value(START, lambda facts, hours: SAFE if hours == 0 else RISKY, goal(20))
    assert close(stubborn, 0.6 + 0.4 * 0.7, 11.2, 10.4)
    data = TINY | {"actions": {"wait": {"duration": 1, "cost": 2}}}
    forever = world_from(data).oracle().policy_value(START, lambda facts, hours: Action("wait"), goal())
    assert forever.probability == 0
    assert math.isinf(forever.duration)
    assert close(world_from(data).oracle().optimal(START, goal()), 0, 0, 0)


def test_forbidden_states_do_not_count(tiny: WorkflowWorld) -> None:
    oracle = tiny.oracle()
    never = Goal((Condition("place", "start", "!="),), forbidden=(Condition("place", "lost"),))
    assert oracle.plan_value(START, [RISKY], never).probability == pytest.approx(0.7)
    assert oracle.optimal(START, replace(never, deadline=12)).probability == pytest.approx(0.74)


def test_effects_rules_events_and_durations_multiply() -> None:
    world = world_from(
        {
            "format": 1,
            "name": "cascade",
            "facts": {key: {"values": [False, True], "start": False} for key in ("a", "b", "c", "d")},
            "actions": {
                "go": {
                    "duration": {1: 0.5, 3: 0.5},
                    "effects": [
                        {"outcomes": [{"chance": 0.6, "set": {"a": True}}, {"chance": 0.4, "event": "nothing"}]}
                    ],
                }
            },
            "rules": {
                "c follows b": {"when": "b", "set": {"c": True}, "event": "told"},
                "b follows a": {"when": "a and not d", "set": {"b": True}},
            },
            "events": {
                "storm": {"when": "c", "chance": 0.25, "set": {"d": True}},
                "rain": {"when": "c", "chance": 0.5, "set": {"a": False}},
            },
        }
    )
    start = {"a": False, "b": False, "c": False, "d": False}
    found = {
        (o.facts["a"], o.facts["d"], o.events, o.duration): o.probability
        for o in world.oracle().outcomes(start, Action("go"))
    }
    expected = {}
    for hours in (1.0, 3.0):
        expected[False, False, ("nothing",), hours] = 0.5 * 0.4
        expected[True, True, ("told", "storm"), hours] = 0.5 * 0.6 * 0.25
        expected[False, False, ("told", "rain"), hours] = 0.5 * 0.6 * 0.75 * 0.5
        expected[True, False, ("told",), hours] = 0.5 * 0.6 * 0.75 * 0.5
    assert found == pytest.approx(expected)
    assert len(world.oracle().reachable(start)) == 5


def test_nothing_happens_from_outside_once_a_case_has_ended() -> None:
    storm = {"storm": {"chance": 0.5, "set": {"place": "start"}}}
    outcomes = world_from(TINY | {"events": storm}).oracle().outcomes(START, RISKY)
    found = {(o.facts["place"], o.events): o.probability for o in outcomes if o.duration == 4}
    assert found == pytest.approx({("lost", ()): 0.15, ("goal", ()): 0.175, ("start", ("storm",)): 0.175})


def test_numbers_stop_at_the_ends_of_their_range() -> None:
    moves = {"up": "+2", "down": "-2"}
    world = world_from(
        {
            "format": 1,
            "name": "stairs",
            "facts": {"floor": {"range": [-1, 2], "start": 1}},
            "actions": {name: {"effects": [{"outcomes": [{"set": {"floor": by}}]}]} for name, by in moves.items()},
        }
    )
    floors = {name: [world.step({"floor": f}, Action(name), 0).state["floor"] for f in (-1, 0, 1, 2)] for name in moves}
    assert floors == {"up": [1, 2, 2, 2], "down": [-1, -1, -1, 0]}


def random_world(seed: int) -> WorkflowWorld:
    """A small world of random circles: one fact with five values, three actions with up to three outcomes."""
    random = Random(seed)
    places = [f"p{i}" for i in range(5)]
    actions: dict[str, Any] = {}
    for name in ("left", "right", "up"):
        effects = []
        for place in places[:4]:
            cuts = sorted(random.sample(range(1, 10), random.choice([0, 1, 2])))
            chances = [(b - a) / 10 for a, b in zip([0, *cuts], [*cuts, 10], strict=True)]
            outcomes = [{"chance": c, "set": {"place": random.choice(places)}} for c in chances]
            effects.append({"when": f"place == {place}", "outcomes": outcomes})
        hours = random.choice([{2: 0.5, 6: 0.5}, 4, {0: 0.3, 2: 0.7}])
        guard = "place in (" + ", ".join(random.sample(places[:4], 3)) + ")"
        actions[name] = {"guard": guard, "cost": random.randint(1, 9), "duration": hours, "effects": effects}
    return world_from(
        {
            "format": 1,
            "name": f"random {seed}",
            "facts": {"place": {"values": places, "start": "p0"}},
            "actions": actions,
        }
    )


@pytest.mark.parametrize("seed", range(25))
def test_optimum_is_what_brute_force_finds(seed: int) -> None:
    world = random_world(seed)
    oracle = world.oracle()
    wanted = Goal((Condition("place", "p4"),), deadline=10)

    @cache
    def best(place: str, left: int, tries: int) -> float:
        if place == "p4":
            return 1.0
        values = [0.0]
        for action in world.legal({"place": place}) if tries else ():
            value = 0.0
            for outcome in oracle.outcomes({"place": place}, action):
                if outcome.duration <= left:
                    after = str(outcome.facts["place"])
                    value += outcome.probability * best(after, left - int(outcome.duration), tries - 1)
            values.append(value)
        return max(values)

    start = {"place": "p0"}
    assert oracle.optimal(start, wanted).probability == pytest.approx(best("p0", 10, 45), abs=1e-7)
    for asked in (wanted, replace(wanted, deadline=None)):
        truth = oracle.optimal(start, asked)
        followed = oracle.policy_value(start, oracle.optimal_policy(start, asked), asked)
        assert close(followed, truth.probability, truth.duration, truth.cost)
        random = Random(seed)
        for _ in range(10):
            habit = {f"p{i}": random.choice(world.actions) for i in range(5)}
            other = oracle.policy_value(start, lambda facts, hours, h=habit: h[str(facts["place"])], asked)
            assert other.probability <= truth.probability + 1e-9


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
