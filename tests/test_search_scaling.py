"""Search against imagined simulations and horizon end to end on a tiny world, with its exact model instead of a learned
one: success grows with search, and a model that lies is stopped by the price of doubt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from samples import DOOR
from torch import Tensor

from wmagent.agent.scripted import ScriptedWorldModel
from wmagent.domain.types import Action
from wmagent.evals import search_scaling
from wmagent.evals.report import write
from wmagent.evals.search_scaling import ARMS, Settings, by_point, run
from wmagent.latent.protocols import Latent, Prediction
from wmagent.worlds.loading import load


class Lenient(ScriptedWorldModel):
    """The exact model, asked for states as learned ones are."""

    def observe(self, facts: Any, strict: bool = True) -> Latent:
        return super().observe(facts)


class Hopeful(Lenient):
    """Takes the hammer for sure, with no recorded experience of it."""

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        said, hammers = super().imagine(latent, action), action == self.action_index(Action("hammer"))
        sure = torch.isclose(said.probs, torch.tensor(0.2)).float()  # that it opens the door
        probs = torch.where(hammers[:, None], sure, said.probs)
        return replace(said, probs=probs, head_probs=probs[None], surprise=2.0 * hammers)


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "door.yaml"
    path.write_text(DOOR)
    world = load(path)
    exact = ScriptedWorldModel.from_oracle(world.oracle(), world.actions, world.initial(0))

    def learned(name: str, rows: Any, *more: Any) -> tuple[Any, dict[str, object]]:
        return (Hopeful if len(rows) == 100 else Lenient)(**vars(exact)), {}

    monkeypatch.setattr(search_scaling, "learned", learned)
    return path


def test_pessimism_stops_a_search_that_believes_a_weak_model(door: Path, tmp_path: Path) -> None:
    settings = Settings(
        str(door), 300, weak_transitions=100, simulations=(1, 200), horizons=(1, 6), horizon_simulations=200, cases=1
    )
    result = run((0,), settings)
    found = by_point(result)
    assert set(found) == {"simulations 1", "simulations 200", "horizon 1", "horizon 6"}
    assert set(found["horizon 6"]) == {*ARMS, "random", "optimal"}
    for point in ("simulations 200", "horizon 6"):
        reached = found[point]
        assert reached["real"] == pytest.approx(1.0)
        assert reached["weak"] == pytest.approx(0.2, abs=0.1)  # it hammers
        assert reached["weak pessimistic"] == pytest.approx(1.0)
        assert reached["random"] < reached["optimal"] == 1.0
    assert found["horizon 1"]["real"] < 0.5  # only the hammer is seen to reach the goal
    written = write("search-scaling", result, "command", tmp_path / "out")
    assert [path.suffix for path in written] == [".json", ".md", ".png"]
    assert json.loads(written[0].read_text())["summary"]["simulations"]["real"][1] == [200, pytest.approx(1.0)]
    assert "| simulations | random | optimal | real |" in written[1].read_text()
