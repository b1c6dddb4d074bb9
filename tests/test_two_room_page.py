"""The page of a Two-Room evaluation: which walks it shows, real beside imagined frames; sound HTML; its numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.pixel_doubles import SIZE, ExactModel
from wmagent.adapters.goal_text import Found
from wmagent.cli.app import app
from wmagent.evals.two_room import Settings
from wmagent.evals.two_room_page import SAID, Shown, said_plan, walks_of, write_page
from wmagent.evals.two_room_play import Played
from wmagent.evals.two_room_tasks import Task
from wmagent.pixels.page import png
from wmagent.worlds.two_room import TwoRoom

WORLD, MODEL = TwoRoom(), ExactModel()
STARTS, GOALS = np.array([[40, 60], [40, 190], [60, 60]], np.float32), np.array([[60, 60], [190, 190], [60, 90]])
NEAR = Task("+25", WORLD, STARTS, GOALS.astype(np.float32), 50)
PLAYED = Played(np.array([True, False, True]), 3, 0.1)
CELL = {"solved": 0.6667, "n": 3, "interval": [0.2077, 0.9385]}
WORDS = {"success": {"words": {"near": {"share": 0.5, "n": 4, "interval": [0.15, 0.85]},
                               "inside": {"share": 0.25, "n": 4, "interval": [0.0456, 0.6994]}}},
         "understood": {"fresh": {"right": {"share": 0.5}, "refused_off_topic": {"share": 1.0}}},
         "settings": {"pairs": 4}, "notes": []}  # fmt: skip
RESULT: dict[str, Any] = {
    "eval": "two-room",
    "seed": 3,
    "settings": {"preset": "tiny", "pairs": 3, "episodes": 20, "ablations": True, "words": True, "changes": {}},
    "success": {"+25": {"ours": CELL, "<random>": CELL | {"solved": 0.0, "interval": [0.0, 0.5615]}}},
    "probe_r2": [0.99871, 0.98],
    "surprise": {"teleport_auroc": 0.99, "colour_auroc": 0.9, "through_wall_auroc": 0.7,
                 "through_wall_away_from_door_auroc": None},
    "words": WORDS,
    "notes": ["how <it> was measured"],
}  # fmt: skip


class Sound(HTMLParser):
    """Refuses tags that are closed wrongly or not at all; collects images and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        assert len(dict(attrs)) == len(attrs)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


class Reader:
    """Reads every sentence as the first remembered row, or refuses it."""

    def __init__(self, refused: bool = False) -> None:
        self.refused = refused

    def find(self, sentence: str, start: torch.Tensor, remembered: torch.Tensor) -> Found:
        return Found(remembered[0], 0, 0.25, self.refused)


@pytest.fixture(scope="module")
def walks() -> list[Shown]:
    return walks_of(MODEL, NEAR, PLAYED, 0)


def test_the_first_solved_and_the_first_unsolved_pair_are_walked(walks: list[Shown]) -> None:
    assert [(walk.pair, walk.solved) for walk in walks] == [(0, True), (1, False)]
    assert walks[0].nearest < WORLD.success  # an exact model finds the near goal
    assert walks[1].nearest > 50  # and stays before the wall, since its distance is straight
    assert len(walks[1].journey.actions) == NEAR.budget // 5
    only = walks_of(MODEL, NEAR, replace(PLAYED, solved=np.ones(3, bool)), 0)
    assert [walk.pair for walk in only] == [0]
    again = walks_of(MODEL, NEAR, PLAYED, 0)
    assert np.array_equal(again[0].journey.actions, walks[0].journey.actions)


def test_the_page_has_an_imagined_frame_for_every_real_one(walks: list[Shown], tmp_path: Path) -> None:
    plan = said_plan(MODEL, WORLD, Reader(), NEAR, 0)
    write_page(tmp_path / "deep" / "page.html", RESULT, walks, plan)
    text = (tmp_path / "deep" / "page.html").read_text("utf-8")
    page = Sound(text)
    kinds = Counter((image["alt"] or "").split(",")[0] for image in page.images)
    blocks = sum(len(walk.journey.actions) for walk in walks)
    assert not isinstance(plan, str)
    assert kinds["real"] == blocks + len(walks)
    assert kinds["imagined"] == kinds["real"] + len(plan.actions) + 1
    assert kinds["goal"] == len(walks)
    assert set(kinds) == {"real", "imagined", "goal"}
    sources = {image["src"] for image in page.images}
    assert {png(frame) for walk in walks for frame in walk.journey.frames} <= sources
    assert all((source or "").startswith("data:image/png;base64,") for source in sources)
    assert page.tags["svg"] == 2 * len(walks) + 2  # the way and the blocks to go, also of the plan
    assert "script" not in page.tags
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert len(text) < 2_000_000


def test_the_page_says_what_was_measured(walks: list[Shown], tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", RESULT, walks, said_plan(MODEL, WORLD, Reader(), NEAR, 0))
    said = Sound((tmp_path / "page.html").read_text("utf-8")).text
    for wanted in (
        "wmagent eval two-room --preset tiny --pairs 3 --episodes 20 --seed 3",
        "66.7 (20.8 … 93.8)",
        "0.0 (0.0 … 56.1)",
        "<random>",
        "0.9987",
        "the dot went through the wall (AUROC)0.700",
        "Pair 1, solved in the evaluation",
        "Pair 2, not solved in the evaluation",
        f"This time the dot came within {walks[1].nearest:.1f} pixels; 16 solve it.",
        walks[0].journey.explanation,
        "25.0 (4.6 … 69.9)",
        f"A plan: “{SAID}”",
        "how <it> was measured",
    ):
        assert wanted in said, wanted
    assert "out of reach" not in said  # was not measured


def test_a_page_without_words_and_one_with_a_refused_goal(walks: list[Shown], tmp_path: Path) -> None:
    refused = said_plan(MODEL, WORLD, Reader(refused=True), NEAR, 0)
    assert isinstance(refused, str)
    write_page(tmp_path / "refused.html", RESULT, walks, refused)
    assert f"Refused: {refused}" in Sound((tmp_path / "refused.html").read_text("utf-8")).text
    settings = RESULT["settings"] | {"ablations": False, "words": False, "changes": {"rollout": 1}}
    without = RESULT | {"words": None, "settings": settings}
    write_page(tmp_path / "without.html", without, [], None)
    page = Sound((tmp_path / "without.html").read_text("utf-8"))
    assert "Goals in words" not in page.text
    assert "--config rollout=1 --no-words" in page.text
    assert page.images == []


def test_large_frames_are_made_smaller_and_small_ones_left(tmp_path: Path) -> None:
    large, small = np.full((224, 224, 3), 200, np.uint8), np.full((SIZE, SIZE, 3), 200, np.uint8)
    assert png(large, 112) == png(large[:112, :112])
    assert png(small, 112) == png(small)


def test_the_command_writes_a_page_for_each_seed_only_where_a_folder_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path | None] = []

    def run(settings: Any, seed: int, models: Any, report: Any, note: Any, page: Path | None = None) -> dict[str, Any]:
        asked.append(page)
        return RESULT | {"seed": seed, "training": {"cpu_seconds": 1}, "plan_cpu_seconds": 0.1}

    monkeypatch.setattr("wmagent.evals.two_room.run", run)
    command, runner = ["eval", "two-room", "--json"], CliRunner()
    assert runner.invoke(app, command).exit_code == 0
    assert asked == [None]
    out = tmp_path / "out"
    assert runner.invoke(app, [*command, "--seed", "1", "--seed", "2", "-o", str(out)]).exit_code == 0
    assert asked[1:] == [out / "two-room-tiny-seed-1.html", out / "two-room-tiny-seed-2.html"]
    (tmp_path / "file").write_text("mine")
    refused = runner.invoke(app, [*command, "-o", str(tmp_path / "file")])
    assert refused.exit_code == 2
    assert "is a file" in refused.output
    assert len(asked) == 3  # before anything is learned


def test_the_command_takes_other_values_of_settings_and_refuses_wrong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Settings] = []

    def run(settings: Settings, *_: Any) -> dict[str, Any]:
        asked.append(settings)
        return RESULT

    monkeypatch.setattr("wmagent.evals.two_room.run", run)
    command, runner = ["eval", "two-room", "--json"], CliRunner()
    assert runner.invoke(app, [*command, "--config", "rollout=1", "--config", "batch=255"]).exit_code == 0
    assert (asked[0].config().rollout, asked[0].config().batch) == (1, 255)
    assert asked[0].config().predictor == "residual"  # the preset's
    assert asked[0].name == "tiny-batch-255-rollout-1"
    for wrong, why in {
        "rollout": "give KEY=VALUE",
        "rolout=1": "rolout: Extra inputs",
        "rollout=many": "rollout: Input should be a valid integer",
        "history=3": "history must be 1",
    }.items():
        refused = runner.invoke(app, [*command, "--config", wrong])
        assert refused.exit_code == 2
        assert why in " ".join(refused.output.split())
    assert len(asked) == 1
