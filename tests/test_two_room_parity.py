"""Two-Room against the original, stable-worldmodel's `swm/TwoRoom-v1`: live where it is installed, else as recorded.

`python tests/test_two_room_parity.py` records the golden file anew from the installed package.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wmagent.worlds.two_room import Expert, TwoRoom, shrunk

GOLDEN = Path(__file__).parent / "golden" / "two_room.json"
WORLD = TwoRoom()
STEPS = 120  # of each recorded course
PICTURED = 6  # positions whose frames are recorded


def original() -> Any:
    """The original's module, or the test is skipped."""
    return pytest.importorskip("stable_worldmodel.envs.two_room", reason="stable-worldmodel is not installed")


def begun(module: Any) -> Any:
    env = module.TwoRoomEnv()
    env.reset(seed=0)
    return env


def courses() -> list[tuple[np.ndarray, np.ndarray]]:
    """Starts (2,) and actions (STEPS, 2) that meet the wall, the border, the door, and bounds of actions."""
    random = np.random.default_rng(7)
    starts = [WORLD.reset(1, seed)[0] for seed in range(8)]
    wild = [random.uniform(-1.5, 1.5, (STEPS, 2)) for _ in range(3)]
    drifting = [random.normal(drift, 0.8, (STEPS, 2)) for drift in ([0.8, 0], [-0.8, 0], [0, 0.8], [0, -0.8])]
    pushing = np.where(np.arange(STEPS)[:, None] // 30 % 2 == 0, [1.0, 0.2], [-1.0, -0.3])
    in_door = np.array([[112, 49], [111.5, 60], [112.5, 38]], np.float32)
    turning = [np.tile([[0.4, 1.0], [-0.9, 0.1], [0.9, -1.0]], (STEPS // 3, 1)) * sign for sign in (1, -1, 1)]
    actions = [*wild, *drifting, pushing, *turning]
    return [(np.asarray(s), a.astype(np.float32)) for s, a in zip([*starts, *in_door], actions, strict=True)]


def course_of(env: Any, start: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Where the original goes from the start, (STEPS + 1, 2)."""
    env._set_state(start)
    return np.stack([start, *((env.step(action), env.agent_position.numpy().copy())[1] for action in actions)])


def recorded(module: Any) -> dict[str, Any]:
    env = begun(module)
    found = [(actions, course_of(env, start, actions)) for start, actions in courses()]
    pictures = []
    for _, positions in found[:PICTURED]:
        env._set_state(positions[-1])
        frame = env.render()
        pictures.append(
            {
                "position": short(positions[-1]),
                "sha256 of the walls": walls_hash(frame),
                "sum": int(frame.sum(dtype=np.int64)),
                "at": corner(positions[-1]),
                "crop": crop(frame, positions[-1]).tolist(),
            }
        )
    return {
        "source": f"stable-worldmodel {version('stable-worldmodel')}, swm/TwoRoom-v1, default settings",
        "courses": [{"actions": short(a), "positions": short(p)} for a, p in found],
        "pictures": pictures,
    }


def short(values: np.ndarray) -> Any:
    """Nested lists of the shortest decimals that are these float32."""
    return [short(v) for v in values] if values.ndim else float(str(values))


def corner(position: np.ndarray) -> list[int]:
    """The upper left of a crop of 12 × 12 pixels that shows the dot's centre and its slope."""
    return [int(position[0]) - 2, int(position[1]) - 2]


def crop(frame: np.ndarray, position: np.ndarray) -> np.ndarray:
    x, y = corner(position)
    return frame[y : y + 12, x : x + 12]


def walls_hash(frame: np.ndarray) -> str:
    """A hash of which pixels the dot leaves black in blue, the channel it never brightens."""
    return hashlib.sha256(np.packbits(frame[..., 2] == 0).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


def test_the_recorded_courses_are_followed_exactly(golden: dict[str, Any]) -> None:
    positions = np.array([course["positions"] for course in golden["courses"]], np.float32)
    actions = np.array([course["actions"] for course in golden["courses"]], np.float32)
    assert len(positions) == 11
    here = positions[:, 0]
    for at in range(STEPS):
        here = WORLD.step(here, actions[:, at])
        np.testing.assert_array_equal(here, positions[:, at + 1])
    beside_the_wall = np.isin(positions[..., 0], (99.5, 124.5)).any(axis=1)
    assert beside_the_wall.sum() >= 3  # the wall stopped some
    rooms = WORLD.room(positions.reshape(-1, 2)).reshape(positions.shape[:2])
    assert (np.diff(rooms, axis=1) != 0).any()  # and the door let some through
    assert np.isin(positions, (21, 203)).any()  # and the border held some


def test_the_recorded_frames_are_drawn(golden: dict[str, Any]) -> None:
    assert len(golden["pictures"]) == PICTURED
    for picture in golden["pictures"]:
        position = np.array(picture["position"], np.float32)
        frame = WORLD.render(position[None], WORLD.size)[0]
        assert walls_hash(frame) == picture["sha256 of the walls"]
        assert corner(position) == picture["at"]
        assert frame.sum(dtype=np.int64) == pytest.approx(picture["sum"], abs=30)  # each value that is off is so by 1
        off = np.abs(crop(frame, position).astype(int) - np.array(picture["crop"]))
        assert off.max() <= 1
        assert (off > 0).mean() < 0.01


def test_the_golden_file_is_what_the_original_does(golden: dict[str, Any]) -> None:
    assert recorded(original()) == golden


def test_every_step_is_the_originals() -> None:
    env = begun(original())
    random = np.random.default_rng(0)
    for episode in range(240):
        start = WORLD.reset(1, episode)[0] if episode % 3 else random.uniform(0, 224, 2).astype(np.float32)
        actions = (random.normal(0, 1, (50, 2)) + random.normal(0, 1, 2)).astype(np.float32)
        if episode % 4 == 0:  # around the door
            start = random.uniform([95, 25], [130, 73]).astype(np.float32)
            start[0] = 112 if episode % 8 else start[0]
        theirs = course_of(env, start, actions)
        np.testing.assert_array_equal(WORLD.step(theirs[:-1], actions), theirs[1:])


def test_success_is_the_originals_at_its_very_edge() -> None:
    env = begun(original())
    random = np.random.default_rng(1)
    goals = WORLD.goals(3_000, 2)
    angles, lengths = random.uniform(0, 2 * np.pi, 3_000), 16 + random.normal(0, 2e-6, 3_000)
    positions = (goals + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)).astype(np.float32)
    positions = np.clip(positions, *WORLD.kept)
    theirs = []
    for number, (position, goal) in enumerate(zip(positions, goals, strict=True)):
        env._set_state(position)
        env.target_position = env.agent_position.new_tensor(goal)
        theirs.append(env.step(np.zeros(2, np.float32))[2])
        positions[number] = env.agent_position.numpy()  # off the wall, where it stood in it
    np.testing.assert_array_equal(WORLD.succeeded(positions, goals), theirs)
    assert 0.2 < np.mean(theirs) < 0.8


def test_frames_are_the_originals() -> None:
    env = begun(original())
    positions = np.concatenate([WORLD.goals(150, 5), [[21, 21], [203, 203], [99.5, 49], [112, 64.75], [112, 49]]])
    positions = positions.astype(np.float32)
    theirs = []
    for position in positions:
        env._set_state(position)
        theirs.append(env.render())
    theirs = np.stack(theirs)
    off = np.abs(WORLD.render(positions, 224).astype(np.int16) - theirs)
    assert off.max() <= 1
    assert (off > 0).mean() < 1e-4  # where the last bit of torch's exp is another
    for size in (32, 64, 96):
        assert np.abs(WORLD.render(positions, size).astype(np.int16) - shrunk(theirs, size)).max() <= 1


def test_the_expert_is_the_originals() -> None:
    module = original()
    env = begun(module)
    policy = module.ExpertPolicy()
    policy.set_env(Wrapped(env))
    expert = Expert(noise=0, repeat=0)
    positions, goals = WORLD.reset(2_000, 3), WORLD.goals(2_000, 4)
    positions[:500] = WORLD.goals(500, 6) * 0.2 + np.array([112, 49], np.float32) * np.float32(
        0.8
    )  # many near the door
    ours = expert.act(WORLD, positions, goals, None, np.random.default_rng(0))
    theirs = [policy.get_action({"state": p, "goal_state": g}) for p, g in zip(positions, goals, strict=True)]
    np.testing.assert_array_equal(ours, np.stack(theirs))


class Wrapped:
    """As the original's policy wants its environment: with `unwrapped` and an action space."""

    def __init__(self, env: Any) -> None:
        self.unwrapped, self.action_space = env, env.action_space


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(recorded(original()), indent=None) + "\n")
