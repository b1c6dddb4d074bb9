"""Training of a world model from pixels: seeded, resumable at any step, on what devices accelerate finds.
Knows windows of recordings and the network; must not know where recordings come from or what plans are."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from wmagent.domain.progress import Progress, Report
from wmagent.errors import InputError
from wmagent.model.processes import accelerating, averaged
from wmagent.model.regularizers import collapse_meters
from wmagent.model.snapshots import SAVE_EVERY, Snapshots, optimizer_tensors, restore_optimizer
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.recording import Windows

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass
class PixelTrainer:
    """Trains a network on windows. What a step sees depends only on (seed, step): a resumed run ends the same."""

    network: PixelNetwork
    windows: Windows
    seed: int
    snapshots: Snapshots | None = None
    report: Report | None = None

    def fit(self) -> dict[str, float]:
        """Train, and return the last losses with the collapse meters of a batch's latents.

        InputError where several processes train and cannot share a batch evenly: all would differ from one process.
        """
        config = self.network.config
        with accelerating(config.mixed_precision) as accelerator:
            metrics = self._trained(accelerator)
        self.network.eval().requires_grad_(False).cpu()
        with torch.no_grad():
            frames, _ = self.windows.draw(config.batch, self.seed)
            z = self.network.encoder(frames.flatten(0, 1))
        return metrics | collapse_meters(z)

    def _trained(self, accelerator: Accelerator) -> dict[str, float]:
        """Train, and return the last losses."""
        config = self.network.config
        rank, world = accelerator.process_index, accelerator.num_processes
        if config.batch % world:
            raise InputError(f"{world} processes cannot share batches of {config.batch} evenly; choose a multiple")
        self.network.to(accelerator.device).train()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        start = self.snapshots.resume(self._restore) if self.snapshots else 0
        model, optimizer = accelerator.prepare(self.network, self.optimizer)
        last_save, metrics = time.monotonic(), {}
        for step in range(start, config.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * _schedule(step, config.steps, config.warmup)
            torch.manual_seed(self.seed * 1_000_003 + step)  # what is dropped depends on the step, not on the history
            frames, actions = self.windows.draw(config.batch, self.seed * 1_000_003 + step)
            frames, actions = (part[rank::world].to(accelerator.device) for part in (frames, actions))
            generator = torch.Generator(accelerator.device).manual_seed(self.seed * 7919 + step)
            with accelerator.autocast():
                losses = model(frames, actions, generator)
            optimizer.zero_grad()
            accelerator.backward(torch.stack(list(losses.values())).sum())
            accelerator.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            if step % 25 == 24 or step + 1 == config.steps:
                metrics = averaged(losses)
                self._tell(step + 1, metrics)
            if self.snapshots and accelerator.is_main_process and time.monotonic() - last_save > SAVE_EVERY:
                self._save(step + 1)
                last_save = time.monotonic()
        return metrics

    def _tell(self, step: int, metrics: dict[str, float]) -> None:
        if self.report:
            loss = f"loss {sum(metrics.values()):.3f}"
            self.report(Progress("learning", step, self.network.config.steps, loss, metrics))

    def _save(self, step: int) -> None:
        assert self.snapshots is not None
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        self.snapshots.save(step, tensors | optimizer_tensors(self.network, self.optimizer))

    def _restore(self, tensors: dict[str, torch.Tensor]) -> None:
        self.network.load_state_dict({k: tensors[f"network.{k}"] for k in self.network.state_dict()})
        restore_optimizer(self.network, self.optimizer, tensors)


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Return the share of the learning rate: linear warm-up, then half a cosine down to 0."""
    warm = min(1.0, (step + 1) / max(1.0, warmup * steps))
    return warm * 0.5 * (1 + math.cos(math.pi * step / steps))
