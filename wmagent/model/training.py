"""The training loop: seeded, resumable at any step, on the device accelerate finds. Knows no later question."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from wmagent.domain.progress import Progress, Report
from wmagent.model.config import ModelConfig
from wmagent.model.network import Network, Words
from wmagent.model.outcomes import Codebook
from wmagent.model.processes import accelerating, averaged, processes
from wmagent.model.regularizers import EMATarget, collapse_meters, sigreg, vicreg
from wmagent.model.snapshots import SAVE_EVERY, Snapshots, optimizer_tensors, restore_optimizer
from wmagent.model.tables import FactTable, Rows, bootstrap

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass
class Trainer:
    """Trains a network on rows. Batches depend only on (seed, step), so a resumed run ends with the same weights.

    With `snapshots`, weights, optimizer and averages are saved, and a later run with the same settings and data goes
    on from the last of them.
    """

    network: Network
    table: FactTable
    codebook: Codebook
    dynamic: Tensor
    rows: Rows
    config: ModelConfig
    seed: int
    snapshots: Snapshots | None = None
    report: Report | None = None

    def fit(self) -> dict[str, float]:
        """Train, leave the averaged weights in the network, and return the last metrics."""
        with accelerating(self.config.mixed_precision) as accelerator:
            metrics = self._trained(accelerator)
        self.network.load_state_dict(self.average)
        self.network.eval()
        self._move(torch.device("cpu"))
        with torch.no_grad():
            words = self.network.words(self.table, self.codebook)
        return metrics | collapse_meters(words.values[words.mask])

    def _trained(self, accelerator: Accelerator) -> dict[str, float]:
        """Train, and return the last losses."""
        self._move(accelerator.device)
        weights = bootstrap(self.config.ensemble, len(self.rows), self.seed).to(self.dynamic.device)
        self.optimizer = _optimizer(self.network, self.config)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.target = EMATarget(self.network.interface) if self.config.regularizer == "ema" else None
        start = self.snapshots.resume(self._restore) if self.snapshots else 0
        self.network.train()
        last_save, metrics = time.monotonic(), {}
        model, optimizer = accelerator.prepare(_Losses(self), self.optimizer)
        rank, world = accelerator.process_index, accelerator.num_processes
        for step in range(start, self.config.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * _schedule(step, self.config)
            torch.manual_seed(self.seed * 1_000_003 + step)  # what is dropped depends on the step, not on the history
            batch = self.batch(step)[rank::world]
            with accelerator.autocast():
                losses = model(batch, weights[:, batch], step)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad()
            accelerator.backward(total)
            accelerator.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            self._follow(step)
            if self.target is not None:
                self.target.follow(self.network.interface)
            if step % 25 == 24 or step + 1 == self.config.steps:
                metrics = averaged(losses)
                self._tell(step + 1, metrics)
            if self.snapshots and accelerator.is_main_process and time.monotonic() - last_save > SAVE_EVERY:
                self._save(step + 1)
                last_save = time.monotonic()
        return metrics

    def _move(self, device: torch.device) -> None:
        self.network.to(device)
        self.table, self.codebook, self.rows = self.table.to(device), self.codebook.to(device), self.rows.to(device)
        self.dynamic = self.dynamic.to(device)

    def batch(self, step: int) -> Tensor:
        """Return the row indices of a step, drawn with the rows' weights, seeded by (seed, step)."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        size = min(self.config.batch, len(self.rows))
        return torch.multinomial(self.rows.weight.cpu(), size, True, generator=generator).to(self.dynamic.device)

    def _follow(self, step: int) -> None:
        decay = min(self.config.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def _tell(self, step: int, metrics: dict[str, float]) -> None:
        if self.report:
            self.report(Progress("learning", step, self.config.steps, f"loss {sum(metrics.values()):.3f}", metrics))

    def _save(self, step: int) -> None:
        assert self.snapshots is not None
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        if self.target is not None:
            tensors |= {f"target.{k}": v for k, v in self.target.module.state_dict().items()}
        self.snapshots.save(step, tensors | optimizer_tensors(self.network, self.optimizer))

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        self.network.load_state_dict({k: tensors[f"network.{k}"] for k in self.network.state_dict()})
        self.average = {k: tensors[f"average.{k}"].to(v.device) for k, v in self.average.items()}
        if self.target is not None:
            self.target.module.load_state_dict(
                {k.removeprefix("target."): v for k, v in tensors.items() if k.startswith("target.")}
            )
        restore_optimizer(self.network, self.optimizer, tensors)


class _Losses(nn.Module):
    """The losses of one batch as a module, so that accelerate can wrap it for several processes."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.network = trainer.network
        self._trainer = (trainer,)  # in a tuple: a trainer is not a submodule

    def forward(self, batch: Tensor, weights: Tensor, step: int) -> dict[str, Tensor]:
        trainer = self._trainer[0]
        config, network, rows = trainer.config, self.network, trainer.rows.take(batch)
        words = targets = network.words(trainer.table, trainer.codebook)
        if trainer.target is not None:
            targets = network.words(trainer.table, trainer.codebook, trainer.target.module)
        losses = network.losses(words, trainer.dynamic, rows, weights, targets)
        if config.rollout > 1:
            losses["rollout"] = config.rollout_weight * self._rollout(trainer, words, batch)
        if config.reconstruction:
            losses["reconstruction"] = config.reconstruction * network.reconstruction_loss(words, trainer.table)
        if config.regularizer in ("sigreg", "vicreg"):
            z = words.states(rows.before).flatten(0, 1)
            generator = torch.Generator(z.device).manual_seed(trainer.seed * 7919 + step)
            if config.regularizer == "sigreg":
                penalty = sigreg(z, 256, generator=generator) / (len(z) * processes())
            else:
                penalty = vicreg(z)
            losses[config.regularizer] = config.regularizer_weight * penalty
        return losses

    def _rollout(self, trainer: Trainer, words: Words, batch: Tensor) -> Tensor:
        keep = torch.ones(len(batch), dtype=torch.bool, device=batch.device)
        steps, index = [batch], batch
        for _ in range(trainer.config.rollout - 1):
            index = torch.where(index >= 0, trainer.rows.following[index.clamp(min=0)], -1)
            keep &= index >= 0
            steps.append(index)
        if not keep.any():
            return words.values.new_zeros(())
        taken = [trainer.rows.take(step[keep]) for step in steps]
        return self.network.rollout_loss(words, trainer.dynamic, taken)


def _optimizer(network: nn.Module, config: ModelConfig) -> torch.optim.AdamW:
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _schedule(step: int, config: ModelConfig) -> float:
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    return warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))
