"""The gymnasium environment over any world: gymnasium's own check, rewards, ends, coding, and what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from wmagent import worlds
from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.agent.imagined import ImaginedWorld
from wmagent.domain.types import Action, Condition, Goal
from wmagent.errors import InputError
from wmagent.gym import gymnasium, imagined_env, world_env
from wmagent.worlds.environment import WorldEnv

APPROVED = Goal((Condition("status", "approved"),), (Condition("hold", "placed"),), deadline=200.0, max_cost=1_000.0)
WORDS = "get the contract approved within 10 days"


def review(goal: Goal = APPROVED, **settings: Any) -> WorldEnv:
    cases = {"rush": 0}
    return WorldEnv(ImaginedWorld(review_model(cases=cases), [REVIEW_START]), goal, **settings)


def do(env: WorldEnv, *names: str) -> tuple[Any, ...]:
    labels = [action.label() for action in env.actions]
    result: tuple[Any, ...] = ()
    for name in names:
        result = env.step(labels.index(name))
    return result


def test_gymnasiums_own_check_passes_on_a_true_world() -> None:
    check_env(gymnasium.make("wmagent/World-v0", world="contract-approval", goal=WORDS).unwrapped)


def test_gymnasiums_own_check_passes_on_an_imagined_world(monkeypatch: pytest.MonkeyPatch) -> None:
    from wmagent.model.world_model import WorldModel

    monkeypatch.setattr(WorldModel, "load", lambda path: review_model())
    env = gymnasium.make("wmagent.gym:wmagent/Imagined-v0", model="m.wm", goal="status = approved", state=REVIEW_START)
    check_env(env.unwrapped)


@pytest.mark.parametrize("make", [lambda: world_env("contract-approval", WORDS, max_steps=40), review])
def test_random_episodes_stay_in_the_spaces_and_repeat(make: Any) -> None:
    def episode(seed: int) -> list[Any]:
        env, draw, seen = make(), np.random.default_rng(seed), []
        observation, info = env.reset(seed=seed)
        for _ in range(40):
            assert env.observation_space.contains(observation)
            allowed = np.flatnonzero(info["action_mask"])
            assert {env.actions[i] for i in allowed} == set(env.world.legal(info["facts"]))
            observation, reward, terminated, truncated, info = env.step(draw.choice(allowed))
            seen.append((observation.tolist(), reward, terminated, truncated, info["facts"]))
            assert info["error"] == ""
            if terminated or truncated:
                break
        return seen

    assert episode(1) == episode(1)
    assert len({str(episode(seed)) for seed in range(5)}) > 1


def test_reaching_the_goal_pays_and_terminates() -> None:
    env = review(hour_price=0.0, cost_price=1e-4)
    for seed in range(50):
        env.reset(seed=seed)
        do(env, "submit")
        *_, info = do(env, "legal_review")
        if info["facts"]["legal review"] == "passed":
            break
    _, reward, terminated, truncated, info = do(env, "approve")
    assert (reward, terminated, truncated) == (pytest.approx(1 - 1e-3 - 5e-4), True, False)
    assert (info["reached"], info["hours"], info["cost"]) == (True, 30.0, pytest.approx(115.0))


def test_a_refused_action_costs_a_step_and_changes_nothing() -> None:
    env = review()
    before, _ = env.reset(seed=0)
    after, reward, terminated, truncated, info = do(env, "approve")
    assert after.tolist() == before.tolist()
    assert (reward, terminated, truncated) == (pytest.approx(-1e-3), False, False)
    assert "not allowed as imagined" in info["error"]


def test_what_is_forbidden_or_too_late_ends_without_reward() -> None:
    late = review(Goal((Condition("status", "approved"),), deadline=5.0))
    held = review()
    for seed in range(30):
        late.reset(seed=seed)
        do(late, "submit")
        _, reward, terminated, _, info = do(late, "legal_review")
        assert (terminated, info["reached"]) == (True, False)
        assert reward < 0
        held.reset(seed=seed)
        do(held, "submit")
        _, reward, terminated, truncated, info = do(held, "rush")
        assert (terminated, truncated) == (True, False)
        assert info["reached"] == (info["facts"]["status"] == "approved") == (reward > 0)
        assert info["surprise"] > 1  # nobody recorded a rush


def test_running_out_of_steps_is_truncation() -> None:
    env = review(max_steps=2)
    env.reset(seed=0)
    assert do(env, "approve")[2:4] == (False, False)
    assert do(env, "approve")[2:4] == (False, True)


def test_observations_are_coded_as_documented() -> None:
    env = review(parts=4)
    observation, _ = env.reset(seed=0)
    assert env.columns == ("hold", "legal review", "status", "hours used", "cost used")
    assert observation.tolist() == [1, 1, 1, 0, 0]
    assert list(env.observation_space.nvec) == [3, 4, 4, 5, 5]  # type: ignore[attr-defined]
    do(env, "submit", "legal_review")
    observation, *_ = do(env, "rush")
    assert observation.tolist()[2:] in ([2, 0, 0], [3, 0, 0])
    narrow = review(domains={"hold": ["none"], "status": ["approved"]}, goal=APPROVED)
    assert narrow.reset(seed=0)[0].tolist() == [1, 0, 0, 0]


def test_a_start_can_be_given_and_rendered() -> None:
    env = review(render_mode="ansi")
    _, info = env.reset(options={"facts": {**REVIEW_START, "status": "in review"}})
    assert info["facts"]["status"] == "in review"
    do(env, "legal_review")
    shown = env.render()
    assert shown is not None
    assert "* legal review: " in shown
    assert "  status: in review" in shown
    assert "step 1, 24 hours" in shown


def test_bad_settings_are_named() -> None:
    with pytest.raises(InputError, match="unknown fact of the goal 'colour'"):
        review(Goal((Condition("colour", "red"),)))
    with pytest.raises(InputError, match="render_mode='ansi'"):
        review(render_mode="human")
    with pytest.raises(InputError, match="call reset"):
        review().step(0)
    with pytest.raises(InputError, match="did you mean 'get the contract approved'"):
        world_env("contract-approval", "get the contract aproved")
    world = worlds.load("contract-approval")
    nameless: Any = type("Bare", (), {"name": "bare", "actions": world.actions})()
    with pytest.raises(InputError, match="domains="):
        WorldEnv(nameless, APPROVED)


def test_a_missing_gymnasium_is_a_clear_error(tmp_path: Path) -> None:
    code = "import sys; sys.modules['gymnasium'] = None\nimport wmagent.gym"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert "InputError: an environment needs gymnasium" in done.stderr
    assert "wmagent[gym]" in done.stderr


def test_an_imagined_environment_takes_words_and_a_model() -> None:
    env = imagined_env(review_model(), "approved within 20 days", state=REVIEW_START)  # type: ignore[arg-type]
    assert env.goal.deadline == 480.0
    assert env.world.goals() == (env.goal,)
    assert Action("submit") in env.actions


def test_an_action_has_the_same_number_wherever_the_same_actions_exist() -> None:
    world = worlds.load("contract-approval")
    backwards: Any = type("Backwards", (), {"name": "b", "actions": world.actions[::-1], "domains": world.domains})()
    goal = world.goals()[0]
    assert WorldEnv(backwards, goal).actions == WorldEnv(world, goal).actions
    assert WorldEnv(backwards, goal, actions=world.actions).actions == world.actions
    with pytest.raises(InputError, match="unknown action of the world"):
        WorldEnv(world, goal, actions=world.actions[1:])
