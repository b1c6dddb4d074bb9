"""The README tells the truth: its Python runs in order, its commands run, its links and targets exist."""

from __future__ import annotations

import functools
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wmagent import WorldModel, worlds
from wmagent.cli.app import app
from wmagent.model.config import ModelConfig

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
QUICK = ModelConfig.model_validate({"width": 32, "layers": 1, "steps": 60, "batch": 64, "ensemble": 2})
FEW = "400"  # transitions instead of thousands


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the page speaks of."""
    made = tmp_path_factory.mktemp("readme")
    world = worlds.load("contract-approval")
    facts = dict(world.observe(world.initial(0)).facts)
    (made / "facts.json").write_text(json.dumps(facts))
    worlds.write_transitions(made / "transitions.jsonl", worlds.experience(world, int(FEW), seed=0))
    worlds.write_transitions(made / "today.jsonl", worlds.experience(world, 60, seed=1))
    return made


@pytest.fixture(autouse=True)
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn in a second: few steps, hashed words; the page's code itself stays as it is."""
    monkeypatch.chdir(folder)
    learn = WorldModel.learn.__func__  # type: ignore[attr-defined]

    @functools.wraps(learn)
    def small(cls: type[WorldModel], source: Any, **settings: Any) -> WorldModel:
        return learn(cls, source, **settings | {"config": QUICK, "text": "learned"})

    monkeypatch.setattr(WorldModel, "learn", classmethod(small))


def test_python_blocks_run_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"facts": json.loads((folder / "facts.json").read_text())}
    code = blocks("python")
    assert code
    for block in code:
        exec(compile(block, "README.md", "exec"), namespace)
    assert 0 <= namespace["plan"].probability <= 1
    assert namespace["answer"].question
    assert capsys.readouterr().out
    assert (folder / "contracts.wm").is_dir()


def test_contributing_is_executed_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (world,) = blocks("yaml", text)
    (folder / "parcel.yaml").write_text(world)
    namespace: dict[str, Any] = {}
    for block in blocks("python", text):
        exec(compile(block, "CONTRIBUTING.md", "exec"), namespace)
    assert namespace["truth"].probability == pytest.approx(0.97)
    assert len(namespace["rows"]) == 200
    assert "0.97" in capsys.readouterr().out


def test_commands_run_in_order(folder: Path) -> None:
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("wmagent ")]
    assert len(lines) >= 7
    for line in lines:
        args = [FEW if word == "12000" else word for word in shlex.split(line, comments=True)[1:]]
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 0, f"{line}\n{result.stderr}\n{result.exception!r}"
    assert (folder / "plan.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_row_shown_is_a_row_that_is_read(folder: Path) -> None:
    (block,) = blocks("json")
    path = folder / "row.jsonl"
    path.write_text(json.dumps(json.loads(block)) + "\n")
    (row,) = worlds.read_transitions(path)
    assert row.case == "c17"
    assert row.action.label() == "submit(channel=portal)"
    assert row.after.facts["status"] == "in review"
    assert row.duration == 4.0


def test_make_targets_and_links_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {line.split()[1] for block in blocks("bash") for line in block.splitlines() if line.startswith("make ")}
    assert {"demo", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text("utf-8")):
            assert (ROOT / link).exists(), f"{page}: {link}"


def test_the_tree_names_what_is_there() -> None:
    (tree,) = [block for block in blocks("text") if "├──" in block]
    shown = set(re.findall(r"^(?:[├└]── )?([\w.]+)/?\s", tree, re.MULTILINE))
    parts = {
        path.name
        for path in (ROOT / "wmagent").iterdir()
        if not path.is_symlink() and path.name not in ("__pycache__", "__init__.py", "__main__.py", "py.typed")
    }
    assert parts <= shown
    assert {"worlds", "adapters", "evals", "tests"} <= shown
