"""Models from pixels on the command line: walks recorded, frames learned from and planned with, bad input named."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.frame_files import SIZE, WORLD, archive, recorded, refused, run, said
from wmagent import CheckpointError, PixelAgent, PixelModel, WorldModel
from wmagent.language.pixel_goals import lessons
from wmagent.pixels.config import PRESETS
from wmagent.pixels.reading import read_image
from wmagent.worlds.two_room import Episodes, collect

QUICK = {"size": SIZE, "channels": (8, 16), "width": 16, "steps": 20, "batch": 16, "reach_steps": 40,
         "decoder_steps": 5, "predictor": "residual", "history": 1, "rollout": 4}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Learn in seconds: a small preset, few steps of words, hashed token vectors."""
    from wmagent.adapters.goal_text import Fitting

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", QUICK)
        patch.setattr("wmagent.adapters.goal_text.Fitting", functools.partial(Fitting, steps=60, batch=96))
        patch.setattr("wmagent.language.pixel_goals.lessons", functools.partial(lessons, count=400))
        patch.setattr("wmagent.adapters.tokens.MiniLM.available", lambda: False)
        yield


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "walks"
    assert run("world", "walks", "-n", "40", "-o", str(folder)).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def rooms(walks: Path) -> Path:
    """A model of Two-Room, with its words."""
    result = run("learn", str(walks), "-o", str(walks.parent / "rooms.wm"), "--seed", "3")
    assert result.exit_code == 0, result.stderr
    assert "World model card" in result.stdout
    assert "frames; saved" in result.stderr
    return walks.parent / "rooms.wm"


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of frames of some other world: no positions, no words."""
    folder = tmp_path_factory.mktemp("silent")
    told = said(run("learn", str(archive(folder / "a.npz", positions=None)), "-o", str(folder / "m.wm"), "--json"))
    assert told["card"]["data"]["episodes"] == 4
    return folder / "m.wm"


@pytest.fixture
def now(tmp_path: Path) -> Path:
    assert run("world", "frame", "40", "180", "-o", str(tmp_path / "now.png"), "--size", str(SIZE)).exit_code == 0
    return tmp_path / "now.png"


# --- recording -------------------------------------------------------------------------------------------------


def test_walks_are_recorded_and_gone_on_with(walks: Path, tmp_path: Path) -> None:
    found, same = Episodes.open(walks), collect(WORLD, 40, 0)
    assert np.array_equal(found.positions, same.positions)
    assert found.stored is None
    args = ("world", "walks", "-n", "70", "-o", str(tmp_path / "more"), "--strict", "--size", "16", "--seed", "5")
    assert said(run(*args, "--json")) == {
        "folder": str(tmp_path / "more"), "walks": 70, "frames": len(Episodes.open(tmp_path / "more").positions),
        "size": 16,
    }  # fmt: skip
    more = Episodes.open(tmp_path / "more")
    assert more.world.strict
    assert more.stored is not None
    assert more.frames([3]).shape == (1, 16, 16, 3)
    index = tmp_path / "more" / "episodes.json"
    begun = json.loads(index.read_text())
    index.write_text(json.dumps(begun | {"shards": begun["shards"][:1]}))  # as a run killed after its first shard
    assert "is not finished: 64 of 70 episodes" in refused("learn", str(tmp_path / "more"), "-o", str(tmp_path / "m"))
    assert "walking: 100 %" in run(*args).stderr
    assert json.loads(index.read_text()) == begun
    assert "episodes of other settings" in refused("world", "walks", "-n", "3", "-o", str(walks))


def test_a_frame_is_drawn_or_refused(now: Path, tmp_path: Path) -> None:
    assert np.array_equal(read_image(now), WORLD.render([(40, 180)], SIZE)[0])
    place = str(tmp_path / "deep" / "x.png")
    assert said(run("world", "frame", "40", "180", "-o", place, "--json"))["size"] == 64
    assert "in the wall" in refused("world", "frame", "112", "180", "-o", place)
    assert "at most 224" in refused("world", "frame", "40", "180", "-o", place, "--size", "300")
    assert "written as .png" in refused("world", "frame", "40", "180", "-o", str(tmp_path / "x.jpg"))


# --- learning --------------------------------------------------------------------------------------------------


def test_options_for_other_sources_are_refused(walks: Path, tmp_path: Path) -> None:
    learn = ("learn", str(walks), "-o", str(tmp_path / "m.wm"))
    for option in (("--text", "learned"), ("--from", "x.wm"), ("--column", "case=a"), ("--skip-bad",),
                   ("--lifecycle", "all")):  # fmt: skip
        assert f"{option[0]} does not apply to frames" in refused(*learn, *option)
    assert "unknown preset 'base'; " in refused(*learn, "--preset", "base")
    assert "at least two episodes" in refused(*learn, "--limit", "1")
    assert not (tmp_path / "m.wm").exists()


def test_a_killed_run_goes_on_and_leaves_nothing(
    walks: Path, rooms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, drawn = tmp_path / "m.wm", PixelModel.learn
    learn = ("learn", str(walks), "-o", str(out), "--seed", "3", "--resume")

    def killed(*args: Any, resume: Path, **settings: Any) -> PixelModel:
        resume.mkdir()
        (resume / "progress.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(PixelModel, "learn", killed)
    result = run(*learn)
    assert result.exit_code == 130
    assert "the same command goes on from it" in result.stderr
    monkeypatch.setattr(PixelModel, "learn", drawn)
    assert run(*learn).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.wm"]
    weights = [PixelModel.load(place).network.state_dict() for place in (rooms, out)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])  # the same seed, the same model


def test_own_frames_with_positions_get_a_probe(tmp_path: Path) -> None:
    positions = np.concatenate([recorded().positions, np.ones((len(recorded().actions), 1))], 1)
    place = archive(tmp_path / "a.npz", positions=positions)
    card = said(run("learn", str(place), "-o", str(tmp_path / "m.wm"), "--limit", "3", "--json"))["card"]
    assert card["data"]["episodes"] == 3
    assert len(card["held_out"]["probe_r2"]) == 3
    assert card["held_out"]["probe_r2"][2] is None  # does not vary
    assert said(run("describe", str(tmp_path / "m.wm"), "--json"))["goals"] == {
        "frame": True, "position": True, "words": False
    }  # fmt: skip


def test_too_few_walks_for_words_still_give_a_model(walks: Path, tmp_path: Path, now: Path) -> None:
    result = run("learn", str(walks), "-o", str(tmp_path / "m.wm"), "--limit", "2")
    assert result.exit_code == 0
    assert "goals in words were not learned: nothing remembered lies in" in result.stderr
    assert "has learned no words" in refused("plan", str(tmp_path / "m.wm"), "-s", str(now), "-g", "the left room")


def test_the_language_is_kept_with_the_model(rooms: Path, tmp_path: Path) -> None:
    model = PixelModel.load(rooms)
    assert model.language is not None
    assert model.language.words.extent == 224
    agent = PixelAgent(model)
    frame = WORLD.render([(40, 180)], SIZE)[0]
    goal = agent.understand("go to the left room", frame)
    model.save(tmp_path / "again.wm")
    again = PixelAgent(PixelModel.load(tmp_path / "again.wm")).understand("go to the left room", frame)
    assert torch.equal(goal.latent, again.latent)
    assert goal.score == again.score
    model.language = None
    model.save(tmp_path / "again.wm")  # what is saved over it leaves no words of the other
    assert not (tmp_path / "again.wm" / "words").exists()
    assert PixelModel.load(tmp_path / "again.wm").language is None


def test_a_language_that_was_changed_is_refused(rooms: Path, tmp_path: Path) -> None:
    def broken(change: Callable[[Path], object]) -> Path:
        shutil.rmtree(tmp_path / "m.wm", ignore_errors=True)
        shutil.copytree(rooms, tmp_path / "m.wm")
        change(tmp_path / "m.wm")
        return tmp_path / "m.wm"

    def config(**changed: Any) -> Callable[[Path], object]:
        def change(folder: Path) -> None:
            header = json.loads((folder / "config.json").read_text())
            header["language"] |= changed
            (folder / "config.json").write_text(json.dumps(header))

        return change

    for change, says in (
        (lambda folder: shutil.rmtree(folder / "words"), "not those that config.json names"),
        (lambda folder: (folder / "words" / "world.json").write_text("{}"), "not those that config.json names"),
        (lambda folder: (folder / "words" / "more.json").write_text("{}"), "not those that config.json names"),
        (config(name="three-room"), "unknown pixel-language 'three-room'"),
        (config(path="os.system"), "config.json: language.path"),
    ):
        assert says in refused("describe", str(broken(change)), code=5)
    with pytest.raises(CheckpointError, match="of 16 numbers; the model's have 64"):
        type(PixelModel.load(rooms).language).load(rooms / "words", 64)  # type: ignore[union-attr]


# --- planning --------------------------------------------------------------------------------------------------


def test_plans_go_to_images_positions_and_words(rooms: Path, now: Path, tmp_path: Path) -> None:
    plan = ("plan", str(rooms), "--state", str(now), "--goal")
    goal = tmp_path / "goal"  # an image whose name does not say so
    Image.fromarray(WORLD.render([(60, 60)], 64)[0]).save(goal, "png")
    seen = said(run(*plan, str(goal), "--json"))
    assert seen["goal"]["understood"].startswith("what the frame shows")
    assert "resized to 32 × 32" in run(*plan, str(goal)).stderr
    there = said(run(*plan, "40,180", "--json"))
    assert there["goal"] == {
        "understood": "(40, 180), in the bottom of the left room", "position": [40.0, 180.0], "score": 1.0
    }  # fmt: skip
    assert said(run(*plan, "(40.0, 180)", "--json"))["goal"] == there["goal"]
    read = said(run(*plan, "go to x 40, y 180", "--json", "--report", str(tmp_path / "plan.html")))
    assert read["actions"] == there["actions"]
    assert np.array(read["actions"]).shape == (5, 5, 2)
    assert len(read["to_go"]) == len(read["positions"]) == 6
    assert read["explanation"].startswith("Goal: (40, 180)")
    assert "frames" not in read
    page = (tmp_path / "plan.html").read_text("utf-8")
    assert "Plan: (40, 180), in the bottom of the left room" in page
    asked = said(run(*plan, "go to the left room", "--json"))
    assert 0 < asked["goal"]["score"] <= 1
    text = run(*plan, "40,180", "--explain")
    assert text.exit_code == 0
    for part in (there["explanation"][:30], "blocks to go", "5.5"):
        assert part in text.stdout
    other = said(run(*plan, "40,180", "--seed", "4", "--json"))
    assert other["actions"] != there["actions"]


def test_goals_and_states_that_cannot_be_used_are_named(rooms: Path, silent: Path, now: Path, tmp_path: Path) -> None:
    plan = ("plan", str(rooms), "--state", str(now), "--goal")
    assert "--goal gone.png: no such file" in refused(*plan, "gone.png")
    assert "in the wall" in refused(*plan, "112, 180")
    assert "has 2 finite numbers" in refused(*plan, "40")
    assert "has 2 finite numbers" in refused(*plan, "1,2,3")
    assert "1 to 500 characters" in refused(*plan, " ")
    (tmp_path / "no.png").write_text("no image")
    assert "no.png: no readable image" in refused(*plan, str(tmp_path / "no.png"))
    assert "--state {}: no such file" in refused("plan", str(rooms), "-s", "{}", "-g", "40,180")
    Image.new("RGB", (40, 30)).save(tmp_path / "wide.png")
    assert "not square" in refused("plan", str(rooms), "-s", str(tmp_path / "wide.png"), "-g", "40,180")
    for option in (("--planner", "beam"), ("--simulations", "9")):
        assert f"{option[0]} does not apply to models from pixels" in refused(*plan, "40,180", *option)
    quiet = ("plan", str(silent), "--state", str(now), "--goal")
    assert "has learned no words; give an image of the goal" in refused(*quiet, "the left room")
    assert "no positions were recorded" in refused(*quiet, "40,180")
    assert said(run(*quiet, str(now), "--json"))["positions"] is None


# --- one kind of model where another is wanted -----------------------------------------------------------------


def test_a_card_says_what_was_learned(rooms: Path) -> None:
    shown = run("describe", str(rooms)).stdout
    for part in (
        "40 recorded episodes",
        "32 × 32 pixels",
        "2 numbers, recorded from -1 to 1",
        "frame, position, words",
    ):
        assert part in shown
    told = said(run("describe", str(rooms), "--json"))
    assert told["config"]["size"] == SIZE
    assert told["actions"] == {"low": [-1.0, -1.0], "high": [1.0, 1.0]}


def test_models_of_another_kind_are_named(rooms: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("case,activity,time\n1,a,2024-01-01\n")
    facts = ("-s", '{"status": "draft"}')
    for args in (
        ("goal", "status approved", "-m", str(rooms)), ("play", str(rooms)), ("serve", str(rooms)),
        ("what-if", str(rooms), *facts, "--do", "submit", "--until", "approved"), ("anomalies", str(rooms), str(log)),
        ("forecast", str(rooms), str(log)),
    ):  # fmt: skip
        error = refused(*args, code=5)
        assert "is a model learned from pixels" in error
        assert "wmagent describe and plan" in error
    for load in (WorldModel.load, PixelModel.load):
        folder = tmp_path / load.__self__.__name__  # type: ignore[attr-defined]
        folder.mkdir()
        (folder / "config.json").write_text('{"kind": "process-model"}')
        with pytest.raises(CheckpointError, match=r"learned from an event log.*wmagent forecast"):
            load(folder)
    (folder / "config.json").write_text('{"kind": "wmagent.world-model"}')
    with pytest.raises(CheckpointError, match=r"learned from transitions .*takes one learned from pixels"):
        PixelModel.load(folder)
