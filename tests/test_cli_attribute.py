"""`wmagent attribute` on made-up applications: what goes with an attribute, ranked, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.event_logs import HOUR, START
from wmagent.cli.app import app
from wmagent.events import process_model
from wmagent.events.process_model import ProcessModel
from wmagent.events.settings import EventSettings
from wmagent.worlds.logs import read_log

CASES = 600


def applications() -> pl.DataFrame:
    """Return applications: those from abroad are mostly refused, large ones looked at again, whoever is responsible."""
    rng, rows = np.random.default_rng(0), []
    for case in range(CASES):
        abroad, amount = bool(rng.random() < 0.5), float(rng.integers(1, 100))
        course = ["apply", *(["look again"] if rng.random() < amount / 100 else [])]
        course += ["refuse" if rng.random() < (0.8 if abroad else 0.2) else "grant"]
        who = f"clerk {case % 2}"
        for place, activity in enumerate(course):
            moment = START + (case + place) * HOUR
            rows.append((f"c{case}", activity, moment, who, "abroad" if abroad else "home", amount, who))
    names = ("case:concept:name", "concept:name", "time:timestamp", "org:resource", "case:origin", "case:amount")
    table = pl.DataFrame(rows, schema=[*names, "case:responsible"], orient="row")
    return table.with_columns(pl.col("time:timestamp").cast(pl.Datetime("us", "UTC")))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("attribute")
    applications().write_parquet(folder / "log.parquet")
    settings = EventSettings(width=16, epochs=1, bins=8, trees=0, refresh=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_model, "FEWEST", 1)
        ProcessModel.learn(read_log(folder / "log.parquet").log, settings=settings).save(folder / "model.wm")
    return str(folder / "model.wm"), str(folder / "log.parquet")


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["attribute", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_attributes_are_ranked_and_persons_left_out(files: tuple[str, str]) -> None:
    found = json.loads(run(*files, "--json"))["attributes"]
    assert [one["attribute"] for one in found] == ["origin", "amount"]
    assert {one["outcome"] for one in found[0]["effects"][:2]} == {"refuse", "grant"}  # the largest first
    shown = run(*files)
    assert "predicted association" in shown
    assert "clerk" not in shown
    assert shown.index("origin") < shown.index("amount")


def test_one_attribute_on_all_activities_or_on_one(files: tuple[str, str]) -> None:
    effects = json.loads(run(*files, "amount", "--value", "20", "--value", "80", "--json"))
    assert effects["values"] == [20.0, 80.0]
    assert effects["effects"][0]["outcome"] == "look again"
    assert "80 instead of 20" in run(*files, "amount", "--value", "20", "--value", "80")
    one = json.loads(run(*files, "origin", "--value", "home", "--value", "abroad", "--reach", "refuse", "--json"))
    assert 0.4 < one["difference"]["value"] < 0.8
    shown = run(*files, "origin", "--reach", "refuse")
    assert "doubly robust" in shown
    assert "all else known at the start alike" in shown


def test_what_cannot_be_asked_is_refused(files: tuple[str, str], tmp_path: Path) -> None:
    for words, said in (
        (("--reach", "refuse"), "name it after FILE"),
        (("origin", "--value", "home"), "given twice or not at all, not 1 times"),
        (("amount", "--value", "low", "--value", "high"), "is a number"),
        (("responsible",), "persons are not compared"),
        (("orign",), "did you mean 'origin'"),
    ):
        done = CliRunner().invoke(app, ["attribute", *files, *words])
        assert done.exit_code == 2
        assert said in done.stderr
    home = applications().filter(pl.col("case:origin") == "home").drop("case:amount")
    home.write_parquet(other := tmp_path / "home.parquet")
    assert json.loads(run(files[0], str(other), "--json"))["attributes"] == []
    done = CliRunner().invoke(app, ["attribute", files[0], str(other), "origin"])
    assert "no two values with 20 cases" in done.stderr
