"""The loop by which parts are fitted to latents that stay as they are: distances and the decoder.
Knows optimizers; must not know what is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from wmagent.domain.progress import Progress, Report

Part = TypeVar("Part", bound=nn.Module)


def fitted(
    part: Part, loss: Callable[[], Tensor], steps: int, rate: float, decay: float, stage: str, report: Report | None
) -> Part:
    """Return a part after so many AdamW steps on `loss()`, up to `rate` and down to 0 again; frozen, for evaluation."""
    optimizer = torch.optim.AdamW(part.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        found = loss()
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        schedule.step()
        if report and (step % 25 == 24 or step + 1 == steps):
            report(Progress(stage, step + 1, steps, f"loss {found.item():.4f}"))
    return part.eval().requires_grad_(False)
