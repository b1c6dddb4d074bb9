"""Data made by hand and learning that was stopped: checked like files, gone on with exactly, or refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from wmagent import Action, CheckpointError, InputError, Observation, Transition, WorldModel
from wmagent.model import training
from wmagent.model.config import ModelConfig
from wmagent.worlds.recorded import read_transitions

TINY = ModelConfig(width=16, layers=1, heads=2, steps=12, batch=16, ensemble=2)


def rows() -> list[Transition]:
    return [
        Transition(Observation({"a": n % 3}), Action("go"), Observation({"a": (n + 1) % 3}), 1.0, case=str(n // 3))
        for n in range(24)
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"duration": float("nan")}, "row 2: duration is nan"),
        ({"duration": -1.0}, "row 2: duration is -1.0; it cannot be below 0"),
        ({"duration": 1e300}, "row 2: duration is 1e"),
        ({"cost": float("inf")}, "row 2: cost is inf"),
        ({"cost": "3"}, "row 2: cost must be a number"),
        ({"after": Observation({"a": [1]})}, r"row 2: after\.'a' must be text, a number or true/false"),  # type: ignore[dict-item]
        ({"before": Observation({"a": {"b": 1}})}, "row 2: before: facts are flat"),  # type: ignore[dict-item]
        ({"before": Observation({"a": float("nan")})}, r"row 2: before\.'a' is nan"),
    ],
)
def test_transitions_made_by_hand_are_checked(change: dict[str, Any], said: str) -> None:
    first, second = rows()[:2]
    with pytest.raises(InputError, match=said):
        read_transitions([first, replace(second, **change)])


def test_durations_beyond_any_clock_are_refused(tmp_path: Path) -> None:
    row = {"state": {"a": 1}, "action": "go", "next_state": {"a": 2}, "duration": 1e300}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=r"line 1: duration is 1e\+300"):
        read_transitions(tmp_path / "x.jsonl")


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the snapshot of a run that was stopped half-way."""
    monkeypatch.setattr(training, "SAVE_EVERY", -1.0)
    whole = training.Trainer._save

    def save(trainer: training.Trainer, step: int) -> None:
        whole(trainer, step)
        if step == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training.Trainer, "_save", save)
        with pytest.raises(KeyboardInterrupt):
            WorldModel.learn(rows(), config=TINY, text="learned", resume=tmp_path)
    return tmp_path


@pytest.mark.parametrize("part", ["progress.json", "step-6.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x80pickle", b"[]"])
def test_damaged_snapshots_are_named(stopped: Path, part: str, content: bytes) -> None:
    (stopped / part).write_bytes(content)
    if part == "progress.json" and content == b"[]":  # sound JSON of something else: nothing to go on from
        WorldModel.learn(rows(), config=TINY, text="learned", resume=stopped)
        return
    with pytest.raises(CheckpointError, match="damaged"):
        WorldModel.learn(rows(), config=TINY, text="learned", resume=stopped)


@pytest.mark.parametrize("change", [{"duration": 2.0}, {"done": True}, {"error": "no"}, {"case": "other"}])
def test_a_snapshot_of_other_data_is_not_gone_on_from(stopped: Path, change: dict[str, Any]) -> None:
    other = [replace(row, **change) if n % 2 else row for n, row in enumerate(rows())]
    resumed = WorldModel.learn(other, config=TINY, text="learned", resume=stopped)
    fresh = WorldModel.learn(other, config=TINY, text="learned")
    for name, value in fresh.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
