"""Snapshots of training that a killed run goes on from: tensors and a step, for one fingerprint of data and settings.
Knows files, modules and optimizers by their tensors; must not know what is trained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from wmagent.errors import CheckpointError
from wmagent.model.files import read_json, read_tensors, write_json, write_tensors

log = logging.getLogger(__name__)

SAVE_EVERY = 15.0  # seconds between resumable snapshots


@dataclass(frozen=True)
class Snapshots:
    """The snapshots in a folder, the last of which is kept."""

    folder: Path
    fingerprint: str

    def save(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Write a snapshot, then remove older ones."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_tensors(self._file(step), tensors)
        write_json(self.folder / "progress.json", {"step": step, "fingerprint": self.fingerprint})
        for old in self.folder.glob("step-*.safetensors"):
            if old != self._file(step):
                old.unlink()

    def resume(self, restore: Callable[[dict[str, Tensor]], None]) -> int:
        """Give the last snapshot's tensors to `restore` and return its step, 0 where there is none of this training;
        CheckpointError where it is damaged."""
        if not (self.folder / "progress.json").exists():
            return 0
        saved = read_json(self.folder / "progress.json")
        if not isinstance(saved, dict) or saved.get("fingerprint") != self.fingerprint:
            log.warning("the snapshot in %s belongs to other data or settings; starting anew", self.folder)
            return 0
        try:
            restore(read_tensors(self._file(saved["step"])))
        except (CheckpointError, KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{self.folder}: the snapshot is damaged ({error}); remove it to start anew"
            ) from error
        return int(saved["step"])

    def _file(self, step: int) -> Path:
        return self.folder / f"step-{step}.safetensors"


def remove(folder: Path) -> None:
    """Remove what training left for a restart; the folder stays if anything else lies in it."""
    for path in [*folder.glob("step-*.safetensors"), folder / "progress.json"]:
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def optimizer_tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's state by parameter name."""
    return {
        f"optimizer.{name}.{key}": value if value.dim() else value.reshape(1)
        for name, parameter in network.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(network: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Set an optimizer's state from what `optimizer_tensors` returned."""
    for name, parameter in network.named_parameters():
        prefix = f"optimizer.{name}."
        state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        shapes = {"step": torch.Size([])}
        if state:
            optimizer.state[parameter] = {
                k: v.reshape(shapes.get(k, parameter.shape)).to("cpu" if k == "step" else parameter.device)
                for k, v in state.items()
            }
