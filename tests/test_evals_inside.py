"""Agents trained inside imagination end to end on little data, and the learner on a world with a known optimum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samples import DOOR

from wmagent.agent.scripted import ScriptedWorldModel
from wmagent.domain.types import Condition, Goal
from wmagent.errors import InputError
from wmagent.evals.closed_loop import policy_worth
from wmagent.evals.inside import ARMS, Greedy, Settings, q_learning, run
from wmagent.worlds.environment import WorldEnv
from wmagent.worlds.loading import load


@pytest.fixture
def door(tmp_path: Path) -> Path:
    path = tmp_path / "door.yaml"
    path.write_text(DOOR)
    return path


def test_the_learner_finds_the_optimum_of_a_small_world(door: Path) -> None:
    world = load(door)
    start, oracle = world.initial(0), world.oracle()
    goal = Goal((Condition("door", "open"),), deadline=3.0)
    env = WorldEnv(world, goal, parts=3)
    values = q_learning(env, start, Settings(steps=3_000), seed=0)
    worth = policy_worth(oracle, start, Greedy(values, env), goal).probability
    # unlock, perhaps once more, open: .8 + .2 x .8; with one hour left and the lock shut only the hammer helps
    assert worth == pytest.approx(oracle.optimal(start, goal).probability, abs=1e-9)
    assert worth == pytest.approx(0.968)
    untrained = policy_worth(oracle, start, Greedy({}, env), goal).probability
    assert untrained == pytest.approx(0.2)
    again = q_learning(env, start, Settings(steps=3_000), seed=0)
    assert {key: row.tolist() for key, row in again.items()} == {key: row.tolist() for key, row in values.items()}


@pytest.fixture
def exact(door: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The door, with its exact model instead of a learned one; the model has the actions in another order."""
    world = load(door)
    model = ScriptedWorldModel.from_oracle(world.oracle(), world.actions[::-1], world.initial(0))
    monkeypatch.setattr("wmagent.evals.inside.learned", lambda *asked: (model, {}))
    return door


def test_all_arms_are_measured_in_the_true_world(exact: Path) -> None:
    found: Any = run((0,), Settings(world=str(exact), transitions=50, starts=1, steps=3_000))
    assert json.loads(json.dumps(found))["seeds"] == [0]
    summary = {arm: found["summary"][arm]["relative"] for arm in ARMS}
    assert list(summary) == list(ARMS)
    assert summary["optimal"] == 1.0
    assert summary["true"] == pytest.approx(1.0)
    assert summary["imagined"] == pytest.approx(1.0)  # an exact imagination is as good a place to learn in
    assert summary["random"] < 0.9
    assert 0.0 <= summary["shuffled"] <= 1.0 + 1e-9
    assert set(ARMS) < set(found["rows"][0])


def test_a_world_without_a_reachable_goal_is_named(exact: Path) -> None:
    exact.write_text(DOOR.replace("set: {door: open}", "set: {door: broken}"))
    with pytest.raises(InputError, match="no goal of"):
        run((0,), Settings(world=str(exact), transitions=50, starts=1))
