"""What can be read off latents by a line: a least-squares probe to numbers that were recorded beside the frames.
Knows latents and targets; must not know what the targets mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Probe:
    """`weight` (d, p) and `bias` (p,) from latents to targets."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def fit(cls, latents: Tensor, targets: Tensor, ridge: float = 1e-3) -> Probe:
        """Fit latents (n, d) to targets (n, p) by least squares with a little ridge."""
        z, y = latents.double(), targets.double()
        centre, middle = z.mean(0), y.mean(0)
        z = z - centre
        gram = z.T @ z + ridge * len(z) * torch.eye(z.shape[1], dtype=z.dtype)
        weight = torch.linalg.solve(gram, z.T @ (y - middle))
        return cls(weight.float(), (middle - centre @ weight).float())

    def read(self, latents: Tensor) -> Tensor:
        """Return what latents (..., d) say (..., p)."""
        return latents @ self.weight + self.bias

    def r_squared(self, latents: Tensor, targets: Tensor) -> list[float]:
        """Return R² of every target (p,) on latents it was not fitted to."""
        error = (self.read(latents) - targets).square().mean(0)
        return (1 - error / targets.var(0, correction=0)).tolist()
