"""Latents that were really seen, with where they were: what goals in numbers or words are turned into.
Knows latents and positions; must not know words or frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.errors import InputError

KEPT = 4_000  # rows
FAR = 0.04  # of the widest side of where things were recorded; 8 pixels in Two-Room


@dataclass(frozen=True)
class Memory:
    """`latents` (m, d) of recorded frames, and their `positions` (m, p) where they were recorded."""

    latents: Tensor
    positions: Tensor | None

    @classmethod
    def of(cls, latents: Tensor, positions: Tensor | None, seed: int, most: int = KEPT) -> Memory:
        """Return at most so many rows, drawn evenly."""
        chosen = torch.randperm(len(latents), generator=torch.Generator().manual_seed(seed))[:most]
        return cls(latents[chosen].clone(), None if positions is None else positions[chosen].float().clone())

    @property
    def far(self) -> float:
        """How far a position may be from all that were recorded, in their units, and count as one of them."""
        if self.positions is None:
            return 0.0
        return FAR * float((self.positions.amax(0) - self.positions.amin(0)).max())

    def at(self, position: Sequence[float]) -> tuple[Tensor, float]:
        """Return the latent (d,) of the frame recorded nearest to a position (p,), and how far off it was.

        InputError where no positions were recorded, or for another number of them.
        """
        if self.positions is None:
            raise InputError("no positions were recorded beside the frames: give the goal as a frame")
        wanted = torch.as_tensor(position, dtype=torch.float32)
        if wanted.shape != self.positions.shape[1:] or not wanted.isfinite().all():
            raise InputError(f"a position has {self.positions.shape[1]} finite numbers; given {list(position)}")
        away = (self.positions - wanted).norm(dim=1)
        nearest = int(away.argmin())
        return self.latents[nearest], away[nearest].item()
