"""iCEM (Pinneri et al. 2020): CEM with noise that lasts over steps, elites kept, and fewer samples every time.
Knows shooting; must not know models."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.errors import InputError
from wmagent.planning.shooting import Normal, Shooting, fitted


@dataclass(frozen=True)
class ICem(Shooting):
    """`beta` is the exponent of the noise's power spectrum over steps (0 white), `decay` divides the samples after
    every iteration, down to twice the elites; `kept` is the share of the elites tried again, `momentum` how much of the
    old mean and spread stays."""

    iterations: int = 5
    elites: int = 30
    beta: float = 1.0
    decay: float = 1.25
    kept: float = 0.3
    momentum: float = 0.1
    name: str = "icem"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.elites <= self.samples:
            raise InputError(f"elites must lie between 1 and samples ({self.samples}), not {self.elites}")
        if not (self.decay >= 1 and self.beta >= 0 and 0 <= self.kept <= 1 and 0 <= self.momentum < 1):
            raise InputError("decay must be 1 or more, beta 0 or more, kept and momentum shares")

    def count(self, iteration: int) -> int:
        """Fewer every time."""
        return max(min(2 * self.elites, self.samples), round(self.samples * self.decay**-iteration))

    def draw(self, around: Normal, count: int, generator: torch.Generator) -> Tensor:
        """Noise whose power falls with frequency (Timmer & König 1995), of unit variance over all that is drawn."""
        t, a = around.mean.shape
        scale = torch.fft.rfftfreq(t).clamp(min=1 / t) ** (-self.beta / 2)
        real, imaginary = torch.randn(2, count, a, len(scale), generator=generator)
        imaginary[..., 0] = 0.0
        noise = torch.fft.irfft(torch.complex(real, imaginary) * scale, n=t)
        noise = noise / noise.std(correction=0).clamp(min=1e-6)
        return around.mean + around.std * noise.transpose(1, 2)

    def keep(self, around: Normal, ordered: Tensor) -> Tensor:
        """The mean, and the best of the elites."""
        return torch.cat([around.mean[None], ordered[: round(self.kept * self.elites)]])

    def refit(self, around: Normal, ordered: Tensor, prices: Tensor) -> Normal:
        """Fit to the elites, with some of what was before."""
        new, old = fitted(ordered[: self.elites]), self.momentum
        return Normal(old * around.mean + (1 - old) * new.mean, old * around.std + (1 - old) * new.std)
