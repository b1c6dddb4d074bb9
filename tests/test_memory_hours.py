"""Recorded durations are remembered, saved, loaded and adapted; a file without them is one that kept none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from wmagent import Action, CheckpointError, Observation, Transition, WorldModel
from wmagent.agent.record import recorded
from wmagent.model.config import ModelConfig

TINY = ModelConfig(width=16, layers=1, heads=2, steps=5, batch=32, ensemble=2)
NEXT = {"send": "sent", "approve": "approved", "reset": "draft"}


def rows(factor: float = 1.0) -> list[Transition]:
    return [
        Transition(
            Observation({"status": status}),
            Action(name),
            Observation({"status": after}),
            duration=factor * (0.1 + number),
            case=f"{status}{name}{number}",
        )
        for number in range(6)
        for status in NEXT.values()
        for name, after in NEXT.items()
    ]


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel.learn(rows(), config=TINY, text="learned")


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    parts = load_file(path / "memory.safetensors")
    change(parts)
    save_file(parts, path / "memory.safetensors")
    header = json.loads((path / "config.json").read_text())
    header["files"]["memory.safetensors"] = hashlib.sha256((path / "memory.safetensors").read_bytes()).hexdigest()
    (path / "config.json").write_text(json.dumps(header))


def test_hours_are_kept_as_recorded(model: WorldModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.wm")
    for found in (model, WorldModel.load(tmp_path / "m.wm")):
        assert found.memory
        assert found.memory.hours.tolist() == [row.duration for row in rows()]
        record = recorded(found)  # type: ignore[arg-type]
        assert record.hours.tolist() == [rows()[row].duration for row in record.kept.tolist()]


def test_a_file_without_hours_is_read_and_the_model_tells_them(model: WorldModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.wm")
    rewritten(tmp_path / "m.wm", lambda parts: parts.pop("hours"))
    found = WorldModel.load(tmp_path / "m.wm")
    assert found.memory
    assert bool(found.memory.hours.isnan().all())
    known = {round(hours, 3) for hours in model.duration_values.tolist()}
    assert {round(hours, 3) for hours in recorded(found).hours} <= known  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [torch.full((54,), -1.0), torch.full((54,), torch.inf), torch.ones(3)])
def test_hours_that_are_no_durations_are_refused(model: WorldModel, tmp_path: Path, wrong: Tensor) -> None:
    model.save(tmp_path / "m.wm")
    rewritten(tmp_path / "m.wm", lambda parts: parts.update(hours=wrong.double()))
    with pytest.raises(CheckpointError, match="hours"):
        WorldModel.load(tmp_path / "m.wm")


def test_an_adapted_model_remembers_both(model: WorldModel) -> None:
    adapted = model.adapt(rows(2.0)[:9], steps=0)
    assert adapted.memory
    assert adapted.memory.hours.tolist() == [row.duration for row in [*rows(), *rows(2.0)[:9]]]
