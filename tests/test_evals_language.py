"""The language side's evaluations at small n: every part runs, says what it measured, and its floors are floors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wmagent.cli.app import app
from wmagent.errors import InputError
from wmagent.evals import (
    encoders,
    explaining,
    goal_reading,
    language,
    lm_scoring,
    peer,
    proposing,
    soft_tokens,
    swapping,
)
from wmagent.evals.report import write

WORLD = "contract-approval"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_scoring_over_the_shared_prompt_is_the_same() -> None:
    found = lm_scoring.run("tiny", repeats=1)
    assert found["candidates"] == 32
    assert found["largest_difference"] <= 1e-4
    assert found["shared_seconds"] > 0


def test_goals_are_read_with_and_without_a_language_model(models: Path, tmp_path: Path) -> None:
    found = goal_reading.run((0,), (WORLD,), "tiny", transitions=1_500, models=models)
    (seed,) = found["per_seed"]
    for way in ("rules", "rules and language model"):
        shares = seed[way]
        assert shares["all"]["n"] == shares["known"]["n"] + shares["fresh"]["n"] == 150
        assert shares["all"]["exact"] + shares["all"]["asked"] + shares["all"]["wrong"] == pytest.approx(1)
        assert all(not miss["fresh"] for miss in shares["misses"])  # texts of the fresh ones are not shown
    assert seed["rules and language model"]["all"]["exact"] >= seed["rules"]["all"]["exact"] > 0.5
    assert write("goals", found, "…", tmp_path)


def test_proposals_are_measured_against_none_and_against_bad_ones(models: Path) -> None:
    found = proposing.run((WORLD,), (0,), "tiny", 1_500, "tiny", (1, 30), 1, 1, models=models)
    assert set(proposing.ARMS) <= found["per_seed"][0].keys()
    assert all(relative <= 1.001 for arm in proposing.ARMS for _, relative in found["per_seed"][0][arm]["points"])
    assert proposing._needed([[1, 0.9], [3, 0.97], [10, 0.96]]) == 3
    assert proposing._needed([[1, 0.97], [3, 0.9]]) is None


def test_explanations_are_held_against_plan_world_and_shuffled_plan(models: Path) -> None:
    found = explaining.run((WORLD,), (0,), "tiny", 1_500, "tiny", 3, models=models)
    for way in ("template", "language model"):
        assert found["summary"][way]["entailed"] == 1.0
        assert found["summary"][way]["changed"] in (1.0, None)
    assert found["summary"]["language model"]["lines"] <= found["summary"]["template"]["lines"]


def test_questions_about_imagined_futures_have_floors(models: Path) -> None:
    found = soft_tokens.run((WORLD,), (0,), "tiny", 1_500, "tiny", 24, 15, models=models)
    row = found["per_seed"][0]
    assert row["n"] == 24
    assert {"real", "shuffled", "none", "chance"} <= row.keys()
    assert 0 < row["selective"] < 0.5


def test_an_exchanged_language_model_is_measured_against_joint_training() -> None:
    found = swapping.run(WORLD, "lm:tiny@2", "learned", (0,), 600, "tiny", 60, lora=False)
    row = found["per_seed"][0]
    assert row["afterwards"]["error"] < 0.1 < row["untrained"]["error"]
    assert found["summary"]["points behind joint"]["exact"] == pytest.approx(
        100 * (row["joint"]["exact"] - row["afterwards"]["exact"])
    )


def test_encoders_stand_side_by_side() -> None:
    found = encoders.run(WORLD, (0,), (400,), "tiny", ["hidden states", "learned"], "tiny", 20, 2, 3)
    assert set(found["probe"]) == {str(layer) for layer in range(7)}
    assert found["probe"][str(found["layer"])] == max(found["probe"].values())
    assert len(found["summary"]) == 4
    with pytest.raises(InputError, match="unknown encoder 'sentences'"):
        encoders.run(WORLD, (0,), (400,), "tiny", ["sentences"])


def test_the_peer_learns_from_the_same_rows() -> None:
    found = peer.run(WORLD, (0,), "tiny", 400, 0.1, 16, "tiny", timed=0.2)
    assert found["per_seed"][0]["n_train"] == 400
    assert found["summary"]["world model"]["impossible"] == 0
    assert found["summary"]["persistence"]["exact_changed"] == 0
    assert found["summary"]["difference"]["speed"] > 0


def test_parts_are_chosen_and_unknown_ones_refused() -> None:
    found = language.run(0, replace(language.QUICK), ("memory", "scoring"))
    assert list(found["parts"]) == ["memory", "scoring"]
    assert json.loads(json.dumps(found))["parts"]["memory"]["measured"]["worst relative error"] < 1e-6
    done = CliRunner().invoke(app, ["eval", "language", "--part", "encoding", "--json"])
    assert done.exit_code == 2
    assert "known: encoders, explaining" in done.output
