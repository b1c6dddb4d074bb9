"""Two-Room: its rules, frames, policies and episodes, and what it says to bad input."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wmagent.errors import InputError
from wmagent.worlds.two_room import Chance, Episodes, Expert, TwoRoom, check_actions, check_frames, collect, shrunk

WORLD = TwoRoom()
STRICT = TwoRoom(strict=True)
SMALL: dict[str, Any] = {"episodes": 150, "seed": 3, "size": 16, "frames": True, "most": 20}


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


def test_the_random_floor_is_not_zero() -> None:
    """At +25 steps of noisy experts and 50 steps of budget; measured with the original's evaluator: 26 to 32 %."""
    episodes = collect(WORLD, 400, seed=11)
    random = np.random.default_rng(0)
    rows = random.choice(episodes.windows(25), 1_000)
    here, goals = episodes.positions[rows], episodes.positions[rows + 25]
    reached = np.zeros(len(rows), bool)
    for _ in range(50):
        here = WORLD.step(here, Chance().act(WORLD, here, goals, None, random))
        reached |= WORLD.succeeded(here, goals)
    rate = reached.mean()
    half = 1.96 * math.sqrt(rate * (1 - rate) / len(rows))
    assert rate - half < 0.32
    assert rate + half > 0.26


def test_collected_episodes_are_walks_of_the_world() -> None:
    told: list[tuple[int, int]] = []
    episodes = collect(WORLD, 100, seed=2, most=60, progress=lambda done, total: told.append((done, total)))
    assert told == [(64, 100), (100, 100)]
    assert len(episodes) == 100
    assert episodes.steps.max() == 60
    last = episodes.first[1:] - 1
    assert np.isnan(episodes.actions[last]).all()
    rows = episodes.windows(1)
    assert len(rows) == episodes.steps.sum() == len(episodes.positions) - 100
    np.testing.assert_array_equal(
        WORLD.step(episodes.positions[rows], episodes.actions[rows]), episodes.positions[rows + 1]
    )
    reached = WORLD.succeeded(episodes.positions[last], episodes.goals)
    np.testing.assert_array_equal(reached | (episodes.steps == 60), True)
    assert reached.sum() > 20


def test_the_first_episodes_do_not_depend_on_how_many_follow() -> None:
    few, many = collect(WORLD, 70, seed=2, most=30), collect(WORLD, 130, seed=2, most=30)
    np.testing.assert_array_equal(few.positions, many.positions[: len(few.positions)])
    assert not np.array_equal(few.goals, collect(WORLD, 70, seed=1, most=30).goals)


def test_windows_stay_inside_their_episodes() -> None:
    episodes = collect(WORLD, 80, seed=2)
    rows = episodes.windows(15, of=[3, 70])
    assert set(np.searchsorted(episodes.first, rows, side="right") - 1) == {3, 70}
    assert np.isfinite(episodes.actions[rows[:, None] + np.arange(15)]).all()
    assert len(rows) == (np.maximum(episodes.steps[[3, 70]] - 14, 0)).sum()
    np.testing.assert_array_equal(
        episodes.frames(rows[:6].reshape(2, 3)), WORLD.render(episodes.positions[rows[:6]]).reshape(2, 3, 64, 64, 3)
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def same(one: Episodes, other: Episodes) -> None:
    for name in ("positions", "actions", "first", "goals"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.world, one.size) == (other.world, other.size)


def test_collect_and_open_are_the_same_in_memory_and_from_a_folder(tmp_path: Path) -> None:
    strict = replace(STRICT, speed=4.5)
    inside = collect(strict, 150, seed=3, size=16, most=20)
    written = collect(strict, out=tmp_path / "a" / "b", **SMALL)
    opened = Episodes.open(tmp_path / "a" / "b")
    for episodes in (written, opened):
        same(inside, episodes)
    rows = np.random.default_rng(0).integers(0, len(inside.positions), (5, 4))
    assert opened.stored is not None
    np.testing.assert_array_equal(opened.frames(rows), inside.frames(rows))
    np.testing.assert_array_equal(opened.frames(rows, 20), inside.frames(rows, 20))
    assert collect(strict, 150, seed=3, most=20, out=tmp_path / "c").stored is None


KILLED = """
import os, signal, sys
from wmagent.worlds.two_room import TwoRoom, collect

replace, left = os.replace, int(sys.argv[2])
def counted(part, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(part, target)
os.replace = counted
collect(TwoRoom(), 150, 3, size=16, frames=True, most=20, out=sys.argv[1])
"""


@pytest.mark.parametrize("at", [1, 3, 6, 7])  # before the index, between two files of a shard, in a later shard
def test_a_killed_collection_goes_on_to_the_same_bytes(tmp_path: Path, at: int) -> None:
    collect(WORLD, out=tmp_path / "whole", **SMALL)
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(KILLED))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    command = [sys.executable, str(script), str(tmp_path / "killed"), str(at)]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    with pytest.raises(InputError, match="no such file" if at == 1 else "not finished: .* go on"):
        Episodes.open(tmp_path / "killed")
    same(collect(WORLD, out=tmp_path / "killed", **SMALL), Episodes.open(tmp_path / "whole"))
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    collect(WORLD, out=tmp_path / "episodes", **SMALL)
    return tmp_path / "episodes"


def test_what_was_written_is_not_written_again_unless_it_is_damaged(folder: Path) -> None:
    whole, times = files(folder), {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    collect(WORLD, out=folder, **SMALL)
    assert times == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "shard-00001.parquet").write_bytes(b"PAR1")
    (folder / "shard-00002.safetensors").unlink()
    collect(WORLD, out=folder, **SMALL)
    assert files(folder) == whole


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        index = json.loads((folder / "episodes.json").read_text())
        change(index)
        (folder / "episodes.json").write_text(json.dumps(index))

    return damage


def flip(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        held = bytearray((folder / name).read_bytes())
        held[len(held) // 2] ^= 1
        (folder / name).write_bytes(held)

    return damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "episodes.json").unlink(), "no such file; give a folder that `collect` wrote"),
        (lambda folder: (folder / "episodes.json").write_text("{"), "not an index of Two-Room episodes"),
        (edited(lambda index: index.update(kind="orders")), "kind: Input should be 'two-room episodes'"),
        (edited(lambda index: index.update(format=2)), "format: Input should be 1"),
        (edited(lambda index: index.update(extra=2)), "extra: Extra inputs are not permitted"),
        (edited(lambda index: index["settings"]["world"].update(doors=2)), "world.*doors"),
        (edited(lambda index: index["settings"]["world"].update(thickness=300)), "the wall leaves no room"),
        (edited(lambda index: index["settings"].update(size=0)), "size of frames"),
        (edited(lambda index: index["settings"].update(episodes=151)), "not finished: 150 of 151 episodes"),
        (edited(lambda index: index["shards"].pop()), "not finished: 128 of 150 episodes"),
        (edited(lambda index: index["shards"][0].update(episodes=65, rows=3)), "not finished|not those"),
        (lambda folder: (folder / "shard-00001.parquet").unlink(), "shard-00001.parquet: no such file; collect again"),
        (flip("shard-00001.parquet"), "shard-00001.parquet: damaged.*collect again"),
        (flip("shard-00002.safetensors"), "shard-00002.safetensors: damaged.*collect again"),
        (lambda folder: (folder / "shard-00002.safetensors").unlink(), "shard-00002.safetensors: no such file"),
    ],
)
def test_a_damaged_or_foreign_folder_is_refused(folder: Path, damage: Callable[[Path], object], said: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=said):
        Episodes.open(folder).frames(2_700)  # a row of the last shard


def test_a_folder_with_the_right_hash_and_other_content_is_refused(folder: Path) -> None:
    from hashlib import sha256

    from safetensors.numpy import save_file

    save_file({"frames": np.zeros((3, 16, 16, 3), np.uint8)}, folder / "shard-00000.safetensors")
    known = sha256((folder / "shard-00000.safetensors").read_bytes()).hexdigest()
    edited(lambda index: index["shards"][0].update(frames=known))(folder)
    with pytest.raises(InputError, match=r"shard-00000\.safetensors: holds U8"):
        Episodes.open(folder).frames([0])
    (folder / "shard-00001.parquet").write_bytes(b"no columns")
    known = sha256(b"no columns").hexdigest()
    edited(lambda index: index["shards"][1].update(columns=known))(folder)
    with pytest.raises(InputError, match=r"shard-00001\.parquet: not the columns of Two-Room episodes"):
        Episodes.open(folder)


def test_a_folder_of_other_settings_or_of_others_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    with pytest.raises(InputError, match=r"other settings \(seed: 3 there, 4 given\); give another folder"):
        collect(WORLD, out=folder, **{**SMALL, "seed": 4})
    with pytest.raises(InputError, match=r"other settings \(policy:"):
        collect(WORLD, policy=Chance(), out=folder, **SMALL)
    assert files(folder) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files, such as 'notes"):
        collect(WORLD, out=tmp_path / "mine", **SMALL)
    with pytest.raises(InputError, match="cannot be made a folder"):
        collect(WORLD, out=tmp_path / "mine" / "notes.txt", **SMALL)


class Wild:
    """A policy that breaks its promise."""

    name = "wild"

    def act(self, world: TwoRoom, positions: np.ndarray, goals: Any, previous: Any, generator: Any) -> np.ndarray:
        return np.full_like(positions, 1.5)


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
        (lambda: Expert(noise=-1), "an expert has a noise of 0 or more"),
        (lambda: collect(WORLD, 0, 0), "episodes is a whole number of at least 1"),
        (lambda: collect(WORLD, 3, 0, frames=True), "frames are written to a folder; give out"),
        (lambda: collect(WORLD, 3, 0, Wild()), "actions go from -1 to 1"),
        (lambda: collect(WORLD, 70, 0, most=10).windows(11), "no episode has 11 steps: the longest of 70 has 10"),
        (lambda: collect(WORLD, 3, 0, most=10).windows(2, of=[3]), "episodes are numbered 0 to 2"),
        (lambda: collect(WORLD, 3, 0, most=10).windows(2, of=np.arange(0)), "no episode has 2 steps"),
        (lambda: collect(WORLD, 3, 0, most=10).frames([-1]), "rows are whole numbers from 0 to"),
        (lambda: Episodes(WORLD, [[50, 50]] * 3, [[0, 0]] * 3, [0, 1, 3], [[50, 50]] * 2), "at least 2 above"),  # type: ignore[arg-type]
        (lambda: Episodes(WORLD, [[50, 50]] * 3, [[0, 2]] * 3, [0, 3], [[50, 50]]), "actions go from -1 to 1"),  # type: ignore[arg-type]
        (lambda: Episodes(WORLD, [[50, 50]] * 3, [[0, 0]] * 2, [0, 3], [[50, 50]]), r"actions have the shape \(3, 2\)"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_told_what_is_allowed(bad: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        bad()


def test_episodes_may_come_from_elsewhere() -> None:
    positions = np.array([[50, 50], [55, 50], [60, 50], [150, 90], [150, 95]], float)
    actions = np.array([[1, 0], [1, 0], [9, 9], [0, 1], [0, 0]])
    episodes = Episodes(WORLD, positions, actions, np.array([0, 3, 5]), np.array([[60, 50], [150, 95]]), size=32)
    assert episodes.steps.tolist() == [2, 1]
    assert episodes.windows(1).tolist() == [0, 1, 3]
    assert np.isnan(episodes.actions[[2, 4]]).all()
    assert actions[2].tolist() == [9, 9]
    assert episodes.frames(np.arange(5)).shape == (5, 32, 32, 3)
