"""MPPI (Williams et al. 2017): the mean moves to the average of all sequences, weighted by exp(-cost).
Knows shooting; must not know models."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from wmagent.errors import InputError
from wmagent.planning.shooting import Normal, Shooting


@dataclass(frozen=True)
class Mppi(Shooting):
    """`temperature` is in standard deviations of the iteration's costs, so that it does not depend on their units;
    spreads are refitted but never below `least_spread`."""

    iterations: int = 10
    temperature: float = 0.2
    least_spread: float = 0.05
    name: str = "mppi"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0 or not self.least_spread >= 0:
            raise InputError("temperature must be above 0 and least_spread 0 or more")

    def refit(self, around: Normal, ordered: Tensor, prices: Tensor) -> Normal:
        """Weigh all sequences."""
        finite = prices.isfinite()
        ordered, prices = ordered[finite], prices[finite]
        if not len(prices):
            return around
        unit = prices.std(correction=0).clamp(min=1e-9)
        weights = (-(prices - prices[0]) / (self.temperature * unit)).softmax(0)[:, None, None]
        mean = (weights * ordered).sum(0)
        std = (weights * (ordered - mean).square()).sum(0).sqrt().clamp(min=self.least_spread)
        return Normal(mean, std)
