"""Two-Room: its rules, frames and policies, and what it says to bad input."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from wmagent.errors import InputError
from wmagent.worlds.two_room import Expert, TwoRoom, check_actions, check_frames, shrunk

WORLD = TwoRoom()
STRICT = TwoRoom(strict=True)


def moved(world: TwoRoom, position: list[float], action: list[float]) -> list[float]:
    return world.step([position], [action])[0].tolist()


def test_a_dot_moves_five_pixels_per_unit_and_is_held_at_wall_and_border() -> None:
    assert moved(WORLD, [60, 100], [1, -0.5]) == [65, 97.5]
    assert moved(WORLD, [60, 100], [3, -9]) == [65, 95]  # clipped
    assert moved(WORLD, [22, 202], [-1, 1]) == [21, 203]
    assert moved(WORLD, [98, 100], [1, 0]) == [99.5, 100]
    assert moved(WORLD, [125, 100], [-1, 0]) == [124.5, 100]
    assert moved(WORLD, [98, 49], [1, 0]) == [103, 49]  # the door
    assert moved(WORLD, [110, 64], [1, 0.15]) == [115, 64.75]  # its edge
    assert moved(WORLD, [112, 64], [0, 1]) == [124.5, 69]  # who stands in the middle is put to the right


def test_a_step_leaves_its_arguments_alone() -> None:
    positions, actions = np.array([[98, 100], [22, 30]], np.float32), np.array([[2, 2], [-1, -1]], np.float32)
    kept = positions.copy(), actions.copy()
    WORLD.step(positions, actions)
    STRICT.step(positions, actions)
    np.testing.assert_array_equal(positions, kept[0])
    np.testing.assert_array_equal(actions, kept[1])


def test_strict_rules_refuse_what_the_original_lets_pass() -> None:
    cut, left = [99.9, 66.5], [111.9, 60.0]
    assert moved(WORLD, cut, [1, -1]) == pytest.approx([104.9, 61.5])  # around the corner, through the wall
    assert moved(STRICT, cut, [1, -1]) == pytest.approx(cut)
    assert moved(WORLD, left, [0, 1]) == [99.5, 65]  # put beside the wall
    assert moved(STRICT, left, [0, 1]) == pytest.approx(left)
    assert moved(STRICT, [98, 49], [1, 0]) == [103, 49]


def test_a_strict_move_is_refused_exactly_if_a_point_of_its_way_is_in_the_wall() -> None:
    random = np.random.default_rng(0)
    before = random.uniform([95, 28], [129, 70], (4_000, 2)).astype(np.float32)
    before = before[STRICT.free(before)]
    actions = random.uniform(-1, 1, before.shape).astype(np.float32)
    actions[::10, 0] = 0
    ends = np.clip(before + 5 * actions, *STRICT.kept)
    parts = np.linspace(0, 1, 2_001)[:, None, None]
    ways = (before + parts * (ends.astype(float) - before)).reshape(-1, 2)
    touches = ~STRICT.free(ways).reshape(len(parts), -1).all(axis=0)
    stayed = (STRICT.step(before, actions) == before).all(axis=1)
    assert touches.sum() > 100
    differing = np.flatnonzero(touches != stayed)
    assert len(differing) <= 2  # a corner touched between two of the points looked at


def test_every_state_that_is_reached_is_free() -> None:
    for world in (WORLD, STRICT):
        random, here = np.random.default_rng(1), world.reset(500, 0)
        assert world.free(here).all()
        for _ in range(150):
            here = world.step(here, random.uniform(-1, 1, here.shape) + np.array([0.3, -0.3]))
            assert world.free(here).all()
        assert set(world.room(here).tolist()) == {0, 1}


def test_starts_and_goals_are_spread_over_the_rooms() -> None:
    starts, goals = WORLD.reset(4_000, 5), WORLD.goals(4_000, 5)
    np.testing.assert_array_equal(starts, WORLD.reset(4_000, 5))
    assert not np.array_equal(starts, WORLD.reset(4_000, 6))
    assert WORLD.room(starts).mean() == pytest.approx(0.5, abs=0.05)
    assert ((starts[:, 0] < 100) | (starts[:, 0] > 124)).all()
    in_door = (goals[:, 0] > 100) & (goals[:, 0] < 124)
    assert 0 < in_door.mean() < 0.05
    assert starts.min() < 16
    assert starts.max() > 207


def test_a_goal_is_reached_nearer_than_sixteen_pixels() -> None:
    reached = WORLD.succeeded([[50, 50], [50, 50], [50, 50]], [[65.9, 50], [66, 50], [61, 61]])
    assert reached.tolist() == [True, False, True]


def test_a_frame_shows_the_dot_the_wall_and_its_door() -> None:
    frame = WORLD.render([[60, 150]], 224)[0]
    assert frame[150, 60].tolist() == [255, 0, 0]
    assert frame[150, 112].tolist() == [0, 0, 0] == frame[12, 60].tolist()
    assert frame[49, 112].tolist() == [255, 255, 255] == frame[100, 160].tolist()


@pytest.mark.parametrize("size", [16, 64, 100])
def test_small_frames_are_the_large_ones_averaged(size: int) -> None:
    positions = WORLD.goals(100, 1)
    large = WORLD.render(positions, 224)
    off = np.abs(WORLD.render(positions, size).astype(int) - shrunk(large, size))
    assert off.max() <= 1
    assert (off > 0).mean() < 0.2
    assert shrunk(large, 224).tobytes() == large.tobytes()


def test_frames_do_not_depend_on_their_company() -> None:
    positions = WORLD.goals(300, 2)
    together = WORLD.render(positions)
    alone = np.concatenate([WORLD.render(positions[[at]]) for at in (0, 255, 256, 299)])
    assert np.abs(together[[0, 255, 256, 299]].astype(int) - alone).max() <= 1  # the order of sums may differ
    assert WORLD.render(np.empty((0, 2))).shape == (0, 64, 64, 3)


@pytest.mark.parametrize("world", [WORLD, STRICT, TwoRoom(door_y=150, wall_x=90, thickness=20)])
def test_the_expert_reaches_every_goal(world: TwoRoom) -> None:
    expert, here, goals = Expert(noise=0, repeat=0), world.reset(2_000, 1), world.goals(2_000, 2)
    reached = np.zeros(2_000, bool)
    for _ in range(100):
        here = world.step(here, expert.act(world, here, goals, None, np.random.default_rng(0)))
        reached |= world.succeeded(here, goals)
    assert reached.all()


def test_noise_and_repeats_are_those_asked_for() -> None:
    here, goals, random = np.full((20_000, 2), 50, np.float32), np.full((20_000, 2), 80, np.float32), np.random
    expert, previous = Expert(noise=0.1, repeat=0.25), np.full((20_000, 2), -0.5, np.float32)
    actions = expert.act(WORLD, here, goals, previous, random.default_rng(0))
    again = (actions == previous).all(axis=1)
    assert again.mean() == pytest.approx(0.25, abs=0.02)
    assert actions[~again].mean(axis=0) == pytest.approx([math.sqrt(0.5)] * 2, abs=0.01)
    assert actions[~again].std(axis=0) == pytest.approx([0.1, 0.1], abs=0.005)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: WORLD.step([[1, 2]], [[1, math.nan]]), r"actions must be finite; row 0 is \(1, nan\)"),
        (lambda: WORLD.step([[math.inf, 2]], [[1, 1]]), "positions must be finite"),
        (lambda: WORLD.step([[1, 2]], [[1e300, 0]]), "actions must be finite"),
        (lambda: WORLD.step([[1, 2]], [[1, 2], [3, 4]]), r"actions have the shape \(1, 2\).*given \(2, 2\)"),
        (lambda: WORLD.step([1, 2], [[1, 2]]), r"positions have the shape \(n, 2\)"),
        (lambda: WORLD.step([[1, 2], [3]], [[1, 2]]), "positions of ragged shape"),
        (lambda: WORLD.step([["a", "b"]], [[1, 2]]), "positions are numbers"),
        (lambda: check_actions([[0, 1], [0, -1.01]]), r"from -1 to 1.*row 1 is \(0, -1.01\) \(1 of 2 rows"),
        (lambda: check_actions([[0, math.nan]]), "actions must be finite"),
        (lambda: WORLD.check_free("goals", [[50, 50], [112, 120]]), r"goals: row 1, \(112, 120\), is in the wall"),
        (lambda: WORLD.check_free("goals", [[3, 50]]), "outside the rooms; x and y go from 14 to 209"),
        (lambda: WORLD.reset(-1, 0), "n is a whole number of at least 0, not -1"),
        (lambda: WORLD.reset(3, -1), "a seed is a whole number"),
        (lambda: WORLD.render([[50, 50]], 225), "size of frames is at most 224, not 225"),
        (lambda: WORLD.render([[50, 50]], 7), "size of frames is a whole number of at least 8, not 7"),
        (lambda: check_frames([[1]]), "frames are a numpy array of uint8, not list"),
        (lambda: check_frames(np.zeros((2, 3, 64, 64), np.uint8)), "transpose channels to the end"),
        (lambda: check_frames(np.zeros((2, 64, 64, 3), np.float32)), "values 0 to 255; given float32. Multiply by 255"),
        (lambda: check_frames(np.zeros((2, 64, 64, 3), np.uint8), 32), "given 64 pixels a side. `shrunk`"),
        (lambda: shrunk(np.zeros((2, 64, 64, 3), np.uint8), 65), "at most 64, not 65"),
        (lambda: TwoRoom(thickness=300), "the wall leaves no room"),
        (lambda: TwoRoom(door_half=7), "nothing fits through the door"),
        (lambda: TwoRoom(door_y=3), "nothing fits through the door"),
        (lambda: TwoRoom(speed=40), "walls could be jumped"),
        (lambda: TwoRoom(speed=math.nan), "speed is a number of 0 or more, not nan"),
        (lambda: TwoRoom(size=224.5), "size is a whole number"),  # type: ignore[arg-type]
        (lambda: TwoRoom(strict="no"), "strict is True or False, not 'no'"),  # type: ignore[arg-type]
        (lambda: Expert(noise=-1), "an expert has a noise of 0 or more"),
    ],
)
def test_bad_input_is_told_what_is_allowed(bad: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        bad()
