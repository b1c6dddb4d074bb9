"""Worlds too large to enumerate: sampled answers hold the exact ones, and what cannot be told is refused."""

from __future__ import annotations

from typing import Any

import pytest

from wmagent import worlds
from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.errors import InputError
from wmagent.worlds.loading import world_from
from wmagent.worlds.oracle import WorkflowOracle
from wmagent.worlds.sampled import SampledOracle, count_states, truth


def counters(n: int, most: int) -> dict[str, Any]:
    facts = {f"f{i}": {"range": [0, most], "start": 0} for i in range(n)}
    actions = {
        f"raise {key}": {
            "guard": f"{key} < {most}",
            "duration": {1: 0.5, 3: 0.5},
            "cost": 2,
            "effects": [{"outcomes": [{"chance": 0.4}, {"chance": 0.6, "set": {key: "+1"}}]}],
        }
        for key in facts
    }
    return {"format": 1, "name": "counters", "facts": facts, "actions": actions}


def test_the_door_counts_all_states_and_says_why() -> None:
    small, large = world_from(counters(2, 3)), world_from(counters(8, 9))
    exact, sampled = truth(small), truth(large, max_nodes=1_000)
    assert isinstance(exact, WorkflowOracle)
    assert isinstance(sampled, SampledOracle)
    assert (exact.exact, exact.grounds) == (True, "exact: 16 reachable states")
    assert not sampled.exact
    assert sampled.grounds == "sampled: more than 1,000 reachable states"
    assert (count_states(small, 16), count_states(small, 15)) == (16, None)
    many = counters(8, 9)
    for fact in many["facts"].values():
        fact["start"] = dict.fromkeys(range(10), 0.1)
    assert count_states(world_from(many), 100_000) is None  # 10^8 starts are not listed


def test_sampled_values_hold_the_exact_ones() -> None:
    world = worlds.load("contract-approval")
    exact, sampled = world.oracle(), SampledOracle(world, samples=400, seed=3)
    held = asked = 0
    for seed in range(2):
        start = world.initial(seed)
        for goal in world.goals()[4:]:
            best = exact.optimal_policy(start, goal)
            for left, right in (
                (exact.policy_value(start, best, goal), sampled.policy_value(start, best, goal)),
                (exact.plan_value(start, world.actions, goal), sampled.plan_value(start, world.actions, goal)),
            ):
                assert left.interval is None
                assert right.interval is not None
                assert right.interval[0] <= right.probability <= right.interval[1]
                assert right.probability == pytest.approx(left.probability, abs=0.07)
                assert right.duration == pytest.approx(left.duration, rel=0.15, abs=3)
                assert right.cost == pytest.approx(left.cost, rel=0.15, abs=30)
                held += right.interval[0] <= left.probability <= right.interval[1]
                asked += 1
    assert held / asked >= 0.8


def test_limits_and_forbidden_facts_count() -> None:
    world = world_from(counters(1, 5))
    exact, sampled = world.oracle(), SampledOracle(world, samples=3_000)
    start, plan = {"f0": 0}, [Action("raise f0")] * 3
    for goal in (
        Goal((Condition("f0", 2, ">="),), deadline=4),
        Goal((Condition("f0", 2, ">="),), max_cost=4),
        Goal((Condition("f0", 2, ">="),), forbidden=(Condition("f0", 1),)),
        Goal((Condition("f0", 0),)),
    ):
        told = sampled.plan_value(start, plan, goal)
        assert told.interval is not None
        assert told.probability == pytest.approx(exact.plan_value(start, plan, goal).probability, abs=0.03)
    assert sampled.plan_value(start, plan, goal).interval == pytest.approx((0.999, 1), abs=2e-3)


def test_the_same_question_has_the_same_answer() -> None:
    world = world_from(counters(2, 3))
    goal = Goal((Condition("f0", 3),))

    def policy(facts: Facts, hours: float) -> Action:
        return Action("raise f0")

    asked = [SampledOracle(world, 200, seed).policy_value(world.initial(0), policy, goal) for seed in (1, 1, 2)]
    assert asked[0] == asked[1] != asked[2]


def test_cut_cases_widen_the_interval() -> None:
    world = world_from(counters(1, 5) | {"actions": {"wait": {"duration": 1}}})
    goal = Goal((Condition("f0", 5),))
    told = SampledOracle(world, 50, max_steps=20).policy_value({"f0": 0}, lambda f, h: Action("wait"), goal)
    assert (told.probability, told.duration, told.interval) == (0, 20, (0, 1))
    stopped = SampledOracle(world, 50).policy_value({"f0": 0}, lambda f, h: None, goal)
    assert stopped.interval == pytest.approx((0, 0.051), abs=0.001)


def test_one_step_is_exact_and_the_rest_is_refused() -> None:
    world = world_from(counters(8, 9))
    oracle = truth(world, max_nodes=500)
    start, goal = world.initial(0), Goal((Condition("f0", 1),))
    assert [o.probability for o in oracle.outcomes(start, Action("raise f0"))] == pytest.approx([0.3, 0.3, 0.2, 0.2])
    assert oracle.outcomes({**start, "f0": 9}, Action("raise f0")) == ()
    assert len(oracle.legal(start)) == 8
    for ask, message in (
        (lambda: oracle.optimal(start, goal), "the optimum of world 'counters' cannot be told.*more than 500 reach"),
        (lambda: oracle.optimal_policy(start, goal), "the best policy of world"),
        (lambda: oracle.reachable(start), "all reachable states"),
        (lambda: WorkflowOracle(world, 500).optimal(start, goal), r"wmagent.worlds.truth\(world\)"),
        (lambda: WorkflowOracle(world, 500).reachable(start), r"wmagent.worlds.truth\(world\)"),
        (lambda: SampledOracle(world, 0), "samples and max_steps must be at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            ask()
