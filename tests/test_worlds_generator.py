"""Made-up workflows: always valid, the same for the same seed, with what the knobs promise; bad knobs are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wmagent import worlds
from wmagent.cli.app import app
from wmagent.domain.checks import check_world
from wmagent.domain.types import Condition, Facts
from wmagent.errors import InputError
from wmagent.worlds.generator import most_rules, random_workflow
from wmagent.worlds.machine import Machine
from wmagent.worlds.making import words
from wmagent.worlds.restricting import restricted
from wmagent.worlds.workflow import WorkflowWorld
from wmagent.worlds.writing import write_world

KNOBS: list[dict[str, Any]] = [
    {},
    {"size": "tiny", "branching": 1, "stochasticity": 0, "rule_depth": 0},
    {"size": "tiny", "branching": 4, "stochasticity": 1},
    {"size": "small", "rule_depth": 3, "policies": 3},
    {"size": "small", "stochasticity": 0, "policies": 2, "rule_depth": 1},
    {"size": "medium", "branching": 3, "rule_depth": 5, "policies": 1},
    {"size": "large", "rule_depth": 6},
    {"size": "huge", "branching": 3, "rule_depth": 7, "policies": 3, "stochasticity": 0.8},
]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_made_up_world_keeps_what_worlds_promise(knobs: dict[str, Any], seed: int) -> None:
    world = random_workflow(seed, **knobs)
    looked = check_world(world, walks=3, max_steps=40, samples=60)
    assert looked.steps > 10
    rows = worlds.experience(world, 2_000, seed)
    never = set(world.actions) - rarely_open(world) - {row.action for row in rows if row.error is None}
    assert len(never) <= 2  # of up to 58 actions
    for goal in world.goals():
        reached = [row for row in rows if goal.reached(row.after.facts)]
        assert reached, goal.words


def rarely_open(world: WorkflowWorld) -> set[Any]:
    """Actions that a log may lack: upkeep, and whatever needs a failure before."""
    needs = ("== 0", "== out of order", "== placed", "rework round")
    return {a for a in world.actions if any(need in world.definition.actions[a.name].guard for need in needs)}


@pytest.mark.parametrize(
    ("size", "least", "most"), [("tiny", 100, 500), ("small", 500, 1_500), ("medium", 4_000, 40_000)]
)
def test_sizes_hold_about_as_many_states_as_they_say(size: Any, least: int, most: int) -> None:
    for seed in range(2):
        assert least <= len(states(random_workflow(seed, size=size))) <= most


def states(world: WorkflowWorld) -> set[Any]:
    """Return every reachable coded state."""
    machine = world.machine
    seen = {state for _, state in machine.starts()}
    queue = list(seen)
    for state in queue:
        for move in machine.legal(state):
            for branch in machine.branches(state, move):
                if branch[1] not in seen:
                    seen.add(branch[1])
                    queue.append(branch[1])
    return seen


@pytest.mark.parametrize("knobs", [{"size": "tiny", "policies": 3}, {"size": "small", "rule_depth": 3}], ids=str)
@pytest.mark.parametrize("luck", [0.0, 0.5, 1.0])
def test_goals_can_be_reached_from_every_start_and_cases_need_not_get_stuck(knobs: dict[str, Any], luck: float) -> None:
    for seed in range(2):
        world = random_workflow(seed, **knobs, stochasticity=luck)
        oracle = world.oracle()
        for goal in world.goals()[:2]:
            worths = [oracle.optimal(start, goal).probability for _, start in oracle.starts()]
            assert min(worths) > 0.02
            assert luck or min(worths) == 1
        for state in states(world):
            assert world.machine.done(state) or world.machine.legal(state)


def test_goals_stay_reachable_under_every_variant_of_the_policies() -> None:
    world = random_workflow(5, size="tiny", policies=3)
    policies = {key: fact for key, fact in world.definition.facts.items() if fact.policy}
    assert len(policies) == 3
    every = restricted(world, {key: fact.domain() for key, fact in policies.items()})
    oracle = every.oracle()
    goal = every.goals()[0]
    worths = [oracle.optimal(start, goal).probability for _, start in oracle.starts()]
    assert len(worths) == 2 * 3 * (4 * 2 * 2)
    assert min(worths) > 0.2
    found = states(every)
    for key in policies:
        place = list(every.domains).index(key)
        legal: dict[Any, set[Any]] = {}
        for state in found:
            legal.setdefault(state[:place] + state[place + 1 :], set()).add(tuple(every.machine.legal(state)))
        assert any(len(allowed) > 1 for allowed in legal.values()), f"{key} changes nothing"


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 5])
def test_one_action_sets_off_as_many_hidden_rules_as_asked_for(depth: int) -> None:
    world = random_workflow(2, size="medium", rule_depth=depth, stochasticity=0)
    assert len(world.definition.rules) == depth
    assert deepest(world.machine, states(world)) == depth


def deepest(machine: Machine, found: set[Any]) -> int:
    """Return the most rules with a visible effect that one action sets off (each tells an event)."""
    most = 0
    for state in found:
        for move in machine.legal(state):
            most = max(most, *(len(branch[4]) for branch in machine.branches(state, move)))
    return most


def test_without_luck_nothing_is_left_to_chance() -> None:
    world = random_workflow(3, stochasticity=0)
    assert not world.definition.events
    for state in states(world):
        for move in world.machine.legal(state):
            assert len(world.machine.branches(state, move)) == 1


def test_more_luck_makes_goals_less_certain() -> None:
    def worth(luck: float) -> float:
        world = random_workflow(3, size="tiny", stochasticity=luck)
        return world.oracle().optimal(world.initial(0), world.goals()[0]).probability

    assert 1 == worth(0) > worth(0.3) > worth(0.6) > worth(1) > 0.1


@pytest.mark.parametrize("ways", [1, 2, 3, 4])
def test_branching_is_the_number_of_ways_to_do_a_check(ways: int) -> None:
    world = random_workflow(8, size="tiny", branching=ways)
    check = next(key for key, fact in world.definition.facts.items() if "stage" not in key and not fact.static)
    opens: Facts = world.initial(0)
    open_ = [
        a for a in world.legal(opens) if any(o.facts[check] != opens[check] for o in world.oracle().outcomes(opens, a))
    ]
    assert len(open_) == ways


def test_the_same_seed_makes_the_same_world_and_others_differ() -> None:
    assert random_workflow(7, size="medium", policies=2) == random_workflow(7, size="medium", policies=2)
    made = [random_workflow(seed, size="medium") for seed in range(10)]
    assert len({tuple(sorted(world.domains)) for world in made}) == 10


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_a_written_world_is_read_back_the_same(knobs: dict[str, Any], tmp_path: Path) -> None:
    world = random_workflow(4, **knobs)
    write_world(tmp_path / "made-up.yaml", world)
    assert worlds.load(tmp_path / "made-up.yaml") == world


def test_the_shipped_world_is_written_and_read_back_the_same(tmp_path: Path) -> None:
    world = worlds.load("contract-approval")
    write_world(tmp_path / "c.yml", world)
    assert worlds.load(tmp_path / "c.yml") == world
    with pytest.raises(InputError, match=r"written to a \.yaml or \.yml file"):
        write_world(tmp_path / "c.json", world)
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_world(tmp_path / "gone" / "c.yaml", world)


def test_everything_has_other_words_for_it() -> None:
    world = random_workflow(0, size="medium", policies=3)
    assert all(len(said) > 1 for said in world.texts.facts.values())
    assert all(len(said) > 1 for said in world.texts.actions.values())
    assert all(len(said) > 1 for said in world.texts.goals.values())
    goal = world.goals()[0]
    assert goal.conditions == (Condition("stage", "completed"),)


def test_no_two_things_share_a_word() -> None:
    said = [name for name, *_ in (*words.CHECKS, *words.ATTRIBUTES, *words.RESOURCES)]
    said += [word for _, others, *_ in (*words.CHECKS, *words.ATTRIBUTES, *words.RESOURCES) for word in others]
    assert len(said) == len(set(said))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"size": "giant"}, "size is one of tiny, small, medium, large, huge, not 'giant'"),
        ({"size": ["tiny"]}, "size is one of"),
        ({"branching": 0}, "branching is a whole number from 1 to 4 here, not 0"),
        ({"branching": 5}, "branching"),
        ({"branching": True}, "branching"),
        ({"branching": 2.0}, "branching"),
        ({"stochasticity": -0.1}, "stochasticity is a number from 0 to 1, not -0.1"),
        ({"stochasticity": 1.1}, "stochasticity"),
        ({"stochasticity": float("nan")}, "stochasticity"),
        ({"stochasticity": "much"}, "stochasticity"),
        ({"rule_depth": -1}, "rule_depth"),
        ({"rule_depth": 3, "size": "tiny"}, "rule_depth is a whole number from 0 to 2 here, not 3"),
        ({"policies": 4}, "policies is a whole number from 0 to 3 here, not 4"),
        ({"policies": None}, "policies"),
        ({"seed": -1}, "a seed is a whole number"),
        ({"seed": "a"}, "a seed is a whole number"),
    ],
    ids=str,
)
def test_bad_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        random_workflow(**{"seed": 0, **knobs})


def test_most_rules_can_be_had() -> None:
    for size in ("tiny", "small", "medium", "large", "huge"):
        world = random_workflow(0, size=size, rule_depth=most_rules(size))
        assert len(world.definition.rules) == most_rules(size)


def test_the_command_writes_a_world_that_others_take(tmp_path: Path) -> None:
    file = tmp_path / "made-up.yaml"
    done = CliRunner().invoke(app, ["world", "random", "--seed", "3", "--size", "tiny", "-o", str(file), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert worlds.load(file) == random_workflow(3, size="tiny")
    assert told == {"world": "random-tiny-3", "file": str(file), "facts": 7, "actions": 13}
    assert CliRunner().invoke(app, ["world", "show", str(file)]).exit_code == 0
    bad = CliRunner().invoke(app, ["world", "random", "--branching", "9", "-o", str(file)])
    assert bad.exit_code == 2
    assert "branching is a whole number from 1 to 4" in bad.stderr
