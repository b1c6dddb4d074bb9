"""Two-Room's episodes: walked, cut into windows, written, killed, gone on with, damaged, refused."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from wmagent.errors import InputError
from wmagent.worlds.two_room import Chance, Episodes, TwoRoom, collect

WORLD = TwoRoom()
SMALL: dict[str, Any] = {"episodes": 150, "seed": 3, "size": 16, "frames": True, "most": 20}


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
    strict = TwoRoom(strict=True, speed=4.5)
    inside = collect(strict, 150, seed=3, size=16, most=20)
    written = collect(strict, out=tmp_path / "a" / "b", **SMALL)
    opened = Episodes.open(tmp_path / "a" / "b")
    for episodes in (written, opened):
        same(inside, episodes)
    rows = np.random.default_rng(0).integers(0, len(inside.positions), (5, 4))
    assert opened.stored is not None
    assert opened.frames(rows).shape == (5, 4, 16, 16, 3)
    every = np.arange(len(inside.positions))
    np.testing.assert_array_equal(opened.frames(every), inside.frames(every))
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
    (folder / "shard-00000.parquet").write_bytes(b"PAR1")
    (folder / "shard-00001.safetensors").unlink()
    collect(WORLD, out=folder, **SMALL)
    assert files(folder) == whole
    assert times["shard-00002.parquet"] == (folder / "shard-00002.parquet").stat().st_mtime_ns


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        index = json.loads((folder / "episodes.json").read_text())
        change(index)
        (folder / "episodes.json").write_text(json.dumps(index))

    return damage


def test_the_columns_are_read_by_others(folder: Path) -> None:
    table = pq.read_table(folder / "shard-00001.parquet")
    columns = ["episode", "x", "y", "action_x", "action_y", "goal_x", "goal_y"]
    assert table.column_names == columns
    assert set(table["episode"].to_pylist()) == set(range(64, 128))
    assert table["action_x"].null_count == table["action_y"].null_count == 64  # nothing follows the last position
    assert table["x"].null_count == 0


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
