"""What fits on a GPU: computed sizes against published counts, against a model built here, and their use."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from wmagent.cli.app import app
from wmagent.language.memory import KNOWN, Shape, Use, measured, needed, plan, weights

# as their model cards count them, in billions
COUNTED = {
    "Qwen2.5-0.5B": 0.494,
    "Llama-3.2-1B": 1.236,
    "Qwen2.5-7B": 7.616,
    "Llama-3.1-8B": 8.030,
    "Qwen2.5-14B": 14.770,
}


@pytest.mark.parametrize(("name", "billions"), COUNTED.items())
def test_weights_are_counted_as_their_makers_count(name: str, billions: float) -> None:
    assert KNOWN[name].parameters / 1e9 == pytest.approx(billions, abs=6e-4)


@pytest.mark.parametrize("tied", [True, False])
def test_sizes_are_those_of_a_model_built_here(tied: bool) -> None:
    found = measured(Shape(96, 3, 6, 2, 256, 500, tied=tied), tokens=33)
    assert found["worst relative error"] < 1e-6
    assert found["cache computed"] == 2 * 3 * 2 * 16 * 33 * 2


def test_fewer_bits_fit_where_more_do_not() -> None:
    shape = KNOWN["Qwen2.5-7B"]
    assert weights(shape, "4bit") < weights(shape, "8bit") < weights(shape, "bf16")
    fits = {row["precision"]: row["fits"] for row in plan([12.0, 24.0]) if row["model"] == "Qwen2.5-7B"}
    assert fits == {
        "bf16": {"12 GB": False, "24 GB": True},
        "8bit": {"12 GB": True, "24 GB": True},
        "4bit": {"12 GB": True, "24 GB": True},
    }
    assert needed(shape, "4bit", Use(lora_rank=8))["training"] > needed(shape, "4bit", Use())["training"] == 0


def test_the_table_is_a_command() -> None:
    done = CliRunner().invoke(app, ["lm", "memory", "--gpu", "8", "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)["rows"]
    assert len(rows) == 3 * len(KNOWN)
    assert all(set(row["fits"]) == {"8 GB"} for row in rows)
