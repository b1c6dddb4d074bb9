"""The cross-entropy method in continuous actions, as LeWorldModel plans. Knows shooting; must not know models."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from wmagent.errors import InputError
from wmagent.planning.shooting import Normal, Shooting, fitted


@dataclass(frozen=True)
class GaussianCem(Shooting):
    """Samples action sequences around a mean, refits mean and spread to the `elites` cheapest.

    One candidate of every iteration is the mean itself. Defaults as LeWorldModel's code (300 samples, 30 elites, 30
    iterations, horizon 5).
    """

    elites: int = 30
    name: str = "gaussian-cem"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.elites <= self.samples:
            raise InputError(f"elites must lie between 1 and samples ({self.samples}), not {self.elites}")

    def refit(self, around: Normal, ordered: Tensor, prices: Tensor) -> Normal:
        """Fit to the elites."""
        return fitted(ordered[: self.elites])
