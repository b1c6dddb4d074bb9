"""Gaussian cross-entropy method over continuous action sequences, with the settings that LeWorldModel plans with.

Knows a continuous dynamics and a cost of latents; must not know facts, goals or discrete actions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from wmagent.errors import InputError
from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search


@runtime_checkable
class ContinuousDynamics(Protocol):
    """A model whose actions are vectors, in units in which they are about standard normal."""

    @property
    def action_width(self) -> int:
        """How many numbers one action has."""
        ...

    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        """Imagine one step for b states and (b, a) action vectors."""
        ...


@dataclass(frozen=True)
class Shot:
    """What one optimisation found: `actions` (t, a) of least cost, the best cost after every iteration."""

    actions: Tensor
    cost: float
    costs: tuple[float, ...]
    imagined: int
    milliseconds: float


@dataclass(frozen=True)
class GaussianCem:
    """Samples action sequences around a mean, refits mean and spread to the `elites` cheapest.

    The first candidate of every iteration is the mean itself; spreads are population ones (correction 0), so that
    a single elite gives 0 and not NaN. With `sum_cost` the cost is summed over the imagined steps, else the last
    step's counts. Defaults as LeWorldModel's code (300 samples, 30 elites, 30 iterations, horizon 5).
    """

    samples: int = 300
    elites: int = 30
    iterations: int = 30
    horizon: int = 5
    spread: float = 1.0
    sum_cost: bool = False
    name: str = "gaussian-cem"

    def __post_init__(self) -> None:
        if not 1 <= self.elites <= self.samples:
            raise InputError(f"elites must lie between 1 and samples ({self.samples}), not {self.elites}")
        if self.horizon < 1 or self.iterations < 1 or not self.spread > 0:
            raise InputError("horizon, iterations and spread must be positive")

    def shoot(
        self,
        model: ContinuousDynamics,
        start: Latent,
        cost: Callable[[Latent], Tensor],
        mean: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Shot:
        """Return the cheapest sequence found from `start` (one row); `cost` maps b latents to (b,).

        `mean` (t, a) warm-starts the search, such as the rest of the last plan. `budget.simulations` counts single
        imagined steps; without a budget all iterations run. The same seed gives the same sequence.
        """
        began = time.perf_counter()
        generator = torch.Generator().manual_seed(seed)
        centre = torch.zeros(self.horizon, model.action_width) if mean is None else mean.clone()
        if centre.shape != (self.horizon, model.action_width):
            raise InputError(f"mean must be {(self.horizon, model.action_width)}, not {tuple(centre.shape)}")
        spread = torch.full_like(centre, self.spread)
        best, least, costs, imagined = centre, float("inf"), [], 0
        with torch.no_grad():
            for iteration in range(self.iterations):
                if iteration and self._spent(budget, imagined, began):
                    break
                noise = torch.randn(self.samples, *centre.shape, generator=generator)
                drawn = centre + spread * noise
                drawn[0] = centre
                prices = self._price(model, start, drawn, cost)
                imagined += self.samples * self.horizon
                order = prices.argsort(stable=True)[: self.elites]
                if float(prices[order[0]]) < least:
                    best, least = drawn[order[0]].clone(), float(prices[order[0]])
                costs.append(least)
                centre, spread = drawn[order].mean(0), drawn[order].std(0, correction=0)
        return Shot(best, least, tuple(costs), imagined, (time.perf_counter() - began) * 1e3)

    def plan(
        self,
        model: Dynamics,
        start: Latent,
        objective: Objective,
        prior: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Search:
        """Refuse: a goal of facts and a choice among named actions is not what this planner is for."""
        raise InputError(
            "gaussian-cem plans in continuous actions: call shoot(model, start, cost); "
            "for named actions use planner('best-first') or planner('cem')"
        )

    def _price(
        self, model: ContinuousDynamics, start: Latent, drawn: Tensor, cost: Callable[[Latent], Tensor]
    ) -> Tensor:
        latent = start.repeat(len(drawn))
        total = torch.zeros(len(drawn))
        for step in range(self.horizon):
            latent = model.imagine_continuous(latent, drawn[:, step])
            if self.sum_cost or step == self.horizon - 1:
                total = total + cost(latent)
        return total.nan_to_num(nan=float("inf"))

    def _spent(self, budget: Budget | None, imagined: int, began: float) -> bool:
        if budget is None:
            return False
        if imagined + self.samples * self.horizon > budget.simulations:
            return True
        return budget.milliseconds is not None and (time.perf_counter() - began) * 1e3 >= budget.milliseconds
