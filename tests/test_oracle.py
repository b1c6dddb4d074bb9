"""The oracle against numbers computed by hand, and against brute force on random worlds."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from wmagent.domain.types import Action, Condition, Goal
from wmagent.domain.world import Truth
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
