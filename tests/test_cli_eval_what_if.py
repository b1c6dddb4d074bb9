"""`wmagent eval what-if`: refusals before anything is learned, and one real run on a tiny world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wmagent import WorldModel
from wmagent.cli.app import app
from wmagent.evals import what_if
from wmagent.evals.report import what_if_markdown, write
from wmagent.evals.what_if_seeds import run as run_seeds
from wmagent.evals.what_if_seeds import summary
from wmagent.model.config import PRESETS

DOOR = """
format: 1
name: door
about: A lock and a door.
facts:
  lock: {values: [shut, open], start: {shut: 0.7, open: 0.3}}
  door: {values: [closed, open], start: closed}
actions:
  unlock:
    guard: lock == shut and door == closed
    duration: 1
    effects: [{outcomes: [{chance: 0.8, set: {lock: open}}, {chance: 0.2}]}]
  open:
    guard: lock == open and door == closed
    duration: 1
    effects: [{outcomes: [{set: {door: open}}]}]
goals: [{reach: door == open, deadline: 3, words: [open the door]}]
done: door != closed
"""


@pytest.fixture
def door(tmp_path: Path) -> Path:
    path = tmp_path / "door.yaml"
    path.write_text(DOOR)
    return path


def run(*args: str) -> Any:
    return CliRunner().invoke(app, ["eval", "what-if", *args])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--world", "contract-aproval"), "did you mean 'contract-approval'"),
        (("--world", "missing.yaml"), "missing.yaml"),
        (("--world", "DOOR", "--part", "plan"), "did you mean 'plans'"),
        (("--world", "DOOR", "--planner", "best-frist"), "did you mean 'best-first'"),
        (("--world", "DOOR", "--preset", "smal"), "did you mean 'small'"),
        (("--world", "DOOR", "--out", "DOOR"), "is a file"),
        (("--world", "BROKEN"), "line 7"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else given,
)
def test_bad_input_is_refused_before_learning(
    args: tuple[str, ...], says: str, door: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        DOOR.replace("door: {values: [closed, open], start: closed}", "door: {values: [closed, open], start: ajar}")
    )
    monkeypatch.setattr(WorldModel, "learn", lambda *a, **k: pytest.fail("learned"))
    places = {"DOOR": str(door), "BROKEN": str(broken)}
    result = run(*(places.get(arg, arg) for arg in args), "--json")
    assert result.exit_code == 2, result.output
    error = json.loads(result.stdout)["error"]
    assert says in error["message"]
    assert error["exit_code"] == 2


def test_one_seed_is_the_plain_object(door: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", {"width": 32, "layers": 1, "steps": 60, "batch": 64})
    amounts = ("-n", "200", "--preset", "tiny", "--text", "learned")
    result = run("--world", str(door), "--seed", "1", *amounts, "--part", "flips", "-o", str(tmp_path / "r"), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    wanted = {
        "eval",
        "world",
        "seed",
        "settings",
        "truth",
        "exact",
        "learning",
        "held_out",
        "flips",
        "seconds",
        "notes",
    }
    assert wanted <= found.keys()
    assert "plans" not in found
    assert (found["eval"], found["world"], found["seed"], found["exact"]) == ("what-if", "door", 1, True)
    assert found["flips"]["auroc"] > 0.5
    assert "flips took" in result.stderr
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["what-if.json", "what-if.md", "what-if.png"]
    assert "| auroc |" in (tmp_path / "r" / "what-if.md").read_text()


def _seed(seed: int, mae: float) -> dict[str, Any]:
    """The shape of one seed's object, with made numbers."""
    row = {"success": 0.9, "relative": 0.95, "relative_interval": [0.9, 1.0], "reached": 0.9, "refused": 0.0}
    point = {"said": 0.4, "truth": 0.5, "support": "observed"}
    supports = {"observed": {"n": 3, "mae": mae}, "interpolated": {"n": 0, "mae": None}}
    baselines = {"persistence": {"n": 3, "mae": 0.4}}
    asked = {"n": 3, "mae": mae, "caught": None, "coverage": 0.9, "by_support": supports, "baselines": baselines}
    return {
        "eval": "what-if",
        "world": "door",
        "seed": seed,
        "truth": "exact: 3 reachable states",
        "interventions": {**asked, "points": [point]},
        "plans": {"world model": row, "random": {**row, "relative": 0.2}},
        "controls": {"firm": {"real": row}, "free": {"real": row}, "points_over_shuffled": 40.0},
        "rollouts": {"n": 2, "world model": {"1": {"accuracy": 0.99, "distance": 0.01}}},
        "notes": ["a note"],
    }


def test_several_seeds_are_summarised(door: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what_if, "run", lambda world, seed, *more: _seed(seed, 0.01 * seed))
    found = run_seeds(door, (1, 3))
    assert [one["seed"] for one in found["per_seed"]] == [1, 3]
    assert found["summary"]["interventions: MAE where answered"] == {
        "mean": pytest.approx(0.02),
        "per_seed": [0.01, 0.03],
    }
    assert "interventions: large errors that were refused" not in found["summary"]
    assert run_seeds(door, (1,)) == _seed(1, 0.01)
    assert summary([_seed(1, 0.5)])["plans: success relative to optimal"]["mean"] == 0.95
    text = what_if_markdown(found)
    for line in (
        "| baseline: persistence | 3 | 0.4 |",
        "| forced, observed | 3 | 0.03 |",
        "## door, seed 3",
        "- a note",
    ):
        assert line in text
    assert "| firm: real | 0.9 | 0.95 |" in text
    assert [path.suffix for path in write("what-if", found, "command", tmp_path)] == [".json", ".md", ".png"]
