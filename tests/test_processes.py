"""Training over two real processes equals one on the whole batch; precisions follow one another in one process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.test_model import tickets
from wmagent.domain.progress import Progress
from wmagent.errors import InputError
from wmagent.model.config import ModelConfig
from wmagent.model.processes import BatchNorm, accelerating
from wmagent.model.regularizers import sigreg
from wmagent.model.world_model import WorldModel
from wmagent.pixels.config import PixelConfig, preset
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.recording import Scale, Windows
from wmagent.pixels.training import PixelTrainer
from wmagent.worlds.two_room import TwoRoom, collect

SMALL = {"size": 32, "channels": (8, 16), "width": 16, "steps": 1, "batch": 16}
KINDS = {
    "residual": preset("tiny").model_copy(update=SMALL),
    "causal": preset("tiny").model_copy(update=SMALL | {"predictor": "transformer", "history": 3, "rollout": 1}),
}


def stepped(config: PixelConfig) -> dict[str, Any]:
    """Train, and return the last losses, gradients and running statistics."""
    walks = collect(TwoRoom(), 10, 0, size=32)
    torch.manual_seed(0)
    network, windows = PixelNetwork(config, 2), Windows.of(walks, config, Scale.of(walks.actions))
    losses = PixelTrainer(network, windows, 0).fit()
    return {
        "losses": {name: losses[name] for name in ("prediction", "sigreg")},
        "gradients": {name: p.grad for name, p in network.named_parameters()},
        "statistics": {name: buffer for name, buffer in network.named_buffers() if "running" in name},
    }


def regularized(rows: slice) -> dict[str, Any]:
    """Return SIGReg of some rows of 2 x 63, and their gradient."""
    z = torch.randn(2, 63, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = sigreg(z[:, rows], 64, generator=torch.Generator().manual_seed(1))
    value.backward()
    return {"value": value.item(), "gradient": z.grad}


def facts() -> float:
    """Return the SIGReg that a model of facts is told after one step."""
    told: list[Progress] = []
    config = ModelConfig(width=32, steps=1, batch=64, regularizer="sigreg")
    WorldModel.learn(tickets(200), config=config, text="learned", progress=told.append)
    return next(progress.metrics["sigreg"] for progress in told if "sigreg" in progress.metrics)


WORKER = """
import sys, warnings
warnings.simplefilter("error", FutureWarning)
import torch
from tests.test_processes import KINDS, facts, regularized, stepped
from wmagent.errors import InputError
found = {name: stepped(config) for name, config in KINDS.items()}
rank = torch.distributed.get_rank()
found["sigreg"], found["facts"] = regularized(slice(rank, None, 2)), facts()
try:
    stepped(KINDS["residual"].model_copy(update={"batch": 15}))
except InputError as error:
    found["uneven"] = str(error)
torch.save(found, f"{sys.argv[1]}/{rank}.pt")
torch.distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What two processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "worker.py").write_text(WORKER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
              "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}  # fmt: skip
    runs = [
        subprocess.Popen([sys.executable, str(folder / "worker.py"), str(folder)],
                         env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        assert [run.wait(timeout=240) for run in runs] == [0, 0]
    finally:
        for run in runs:
            run.kill()
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_of_two_processes_is_that_of_one(ranks: list[dict[str, Any]], kind: str) -> None:
    one = stepped(KINDS[kind])
    for rank in ranks:
        assert rank[kind]["losses"] == pytest.approx(one["losses"], rel=1e-5)
        for part in ("gradients", "statistics"):
            for name, wanted in one[part].items():
                torch.testing.assert_close(rank[kind][part][name], wanted, rtol=1e-3, atol=1e-5, msg=name)
    assert max(gradient.abs().max() for gradient in one["gradients"].values()) > 0.01  # far above what may differ


def test_sigreg_of_two_uneven_parts_is_that_of_the_whole(ranks: list[dict[str, Any]]) -> None:
    whole = regularized(slice(None))
    assert [rank["sigreg"]["value"] for rank in ranks] == pytest.approx([whole["value"]] * 2, rel=1e-5)
    average = (ranks[0]["sigreg"]["gradient"] + ranks[1]["sigreg"]["gradient"]) / 2  # as over data-parallel processes
    torch.testing.assert_close(average, whole["gradient"], rtol=1e-3, atol=1e-6)


def test_sigreg_weighs_the_same_in_models_of_facts(ranks: list[dict[str, Any]]) -> None:
    assert [rank["facts"] for rank in ranks] == pytest.approx([facts()] * 2, rel=1e-5)


def test_batches_that_cannot_be_shared_evenly_are_refused(ranks: list[dict[str, Any]]) -> None:
    assert all("2 processes cannot share batches of 15" in rank["uneven"] for rank in ranks)


def test_alone_batch_norm_is_torchs_own() -> None:
    mine, theirs, x = BatchNorm(8), torch.nn.BatchNorm1d(8), torch.randn(16, 8)
    assert torch.equal(mine(x), theirs(x))
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(mine.buffers(), theirs.buffers(), strict=True))


@pytest.mark.parametrize("order", [("bf16", "no"), ("no", "bf16")])
def test_precisions_follow_one_another_in_one_process(order: tuple[str, str]) -> None:
    seen = []

    class Watched(PixelNetwork):
        def forward(self, *parts: Any) -> dict[str, torch.Tensor]:
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().forward(*parts)

    walks = collect(TwoRoom(), 10, 0, size=32)
    for precision in order:
        config = KINDS["residual"].model_copy(update={"mixed_precision": precision})
        PixelTrainer(Watched(config, 2), Windows.of(walks, config, Scale.of(walks.actions)), 0).fit()
    assert seen == [precision == "bf16" for precision in order]


def test_accelerate_is_left_as_it_was() -> None:
    with accelerating("bf16") as outer:
        with accelerating("no") as inner:
            assert inner.mixed_precision == "no"
        assert outer.mixed_precision == "bf16"
        with pytest.raises(InputError), accelerating("no"):
            raise InputError("killed")
        assert outer.mixed_precision == "bf16"
