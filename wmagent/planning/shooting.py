"""Planning in continuous actions: sample sequences, imagine them, fit the distribution to the cheap ones, again.

Knows a continuous dynamics and a cost of latents; must not know facts, goals or discrete actions.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from wmagent.errors import InputError
from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search

Cost = Callable[[Latent], Tensor]  # b latents to (b,)


@runtime_checkable
class ContinuousDynamics(Protocol):
    """A model whose actions are vectors, in units in which they are about standard normal."""

    @property
    def action_width(self) -> int:
        """How many numbers one action has."""
        ...

    @property
    def action_bounds(self) -> tuple[Tensor, Tensor] | None:
        """The least and greatest action (a,), None where there are no bounds."""
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
class Normal:
    """Independent normal distributions over action sequences: mean and standard deviation (t, a)."""

    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class Shooting(ABC):
    """What CEM, iCEM and MPPI share. With `sum_cost` the cost is summed over the imagined steps, else the last step's
    counts."""

    samples: int = 300
    iterations: int = 30
    horizon: int = 5
    spread: float = 1.0
    sum_cost: bool = False

    def __post_init__(self) -> None:
        if self.samples < 1 or self.horizon < 1 or self.iterations < 1 or not self.spread > 0:
            raise InputError("samples, horizon, iterations and spread must be positive")

    def shoot(
        self,
        model: ContinuousDynamics,
        start: Latent,
        cost: Cost,
        mean: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Shot:
        """Return the cheapest sequence found from `start` (one row); `cost` maps b latents to (b,).

        `mean` (t, a) warm-starts the search, such as the rest of the last plan; it is tried as it is.
        `budget.simulations` counts single imagined steps; without a budget all iterations run. The same seed gives the
        same sequence.
        """
        began = time.perf_counter()
        generator = torch.Generator().manual_seed(seed)
        centre = torch.zeros(self.horizon, model.action_width) if mean is None else mean.clone()
        if centre.shape != (self.horizon, model.action_width):
            raise InputError(f"mean must be {(self.horizon, model.action_width)}, not {tuple(centre.shape)}")
        around, kept = Normal(centre, torch.full_like(centre, self.spread)), centre[None]
        bounds = model.action_bounds
        best, least, costs, imagined = centre, float("inf"), [], 0
        with torch.no_grad():
            for iteration in range(self.iterations):
                count = self.count(iteration)
                if iteration and self._spent(budget, imagined + count * self.horizon, began):
                    break
                drawn = torch.cat([kept, self.draw(around, count - len(kept), generator)])
                if bounds is not None:
                    drawn = torch.maximum(torch.minimum(drawn, bounds[1]), bounds[0])
                prices = self.price(model, start, drawn, cost)
                imagined += count * self.horizon
                order = prices.argsort(stable=True)
                if float(prices[order[0]]) < least:
                    best, least = drawn[order[0]].clone(), float(prices[order[0]])
                costs.append(least)
                around = self.refit(around, drawn[order], prices[order])
                kept = self.keep(around, drawn[order])[: count - 1]
        return Shot(best, least, tuple(costs), imagined, (time.perf_counter() - began) * 1e3)

    def price(self, model: ContinuousDynamics, start: Latent, drawn: Tensor, cost: Cost) -> Tensor:
        """Return what each of the sequences `drawn` (s, t, a) costs from `start` (one row), (s,); infinity for NaN."""
        latent = start.repeat(len(drawn))
        total = torch.zeros(len(drawn))
        for step in range(drawn.shape[1]):
            latent = model.imagine_continuous(latent, drawn[:, step])
            if self.sum_cost or step == drawn.shape[1] - 1:
                total = total + cost(latent)
        return total.nan_to_num(nan=float("inf"))

    def count(self, iteration: int) -> int:
        """Return how many sequences an iteration tries."""
        return self.samples

    def draw(self, around: Normal, count: int, generator: torch.Generator) -> Tensor:
        """Return sequences (count, t, a)."""
        return around.mean + around.std * torch.randn(count, *around.mean.shape, generator=generator)

    def keep(self, around: Normal, ordered: Tensor) -> Tensor:
        """Return sequences (k, t, a) that the next iteration tries beside what it draws: the mean itself."""
        return around.mean[None]

    @abstractmethod
    def refit(self, around: Normal, ordered: Tensor, prices: Tensor) -> Normal:
        """Return the distribution for the next iteration; sequences (s, t, a) and prices (s,) are cheapest first."""

    def plan(
        self,
        model: Dynamics,
        start: Latent,
        objective: Objective,
        prior: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Search:
        """Refuse: a goal of facts and a choice among named actions is not what these planners are for."""
        raise InputError(
            f"{getattr(self, 'name', 'this planner')} plans in continuous actions: call shoot(model, start, cost); "
            "for named actions use planner('best-first') or planner('cem')"
        )

    def _spent(self, budget: Budget | None, imagined: int, began: float) -> bool:
        if budget is None:
            return False
        if imagined > budget.simulations:
            return True
        return budget.milliseconds is not None and (time.perf_counter() - began) * 1e3 >= budget.milliseconds


def fitted(elites: Tensor) -> Normal:
    """Return mean and population spread of sequences (e, t, a); one elite has a spread of 0, not NaN."""
    return Normal(elites.mean(0), elites.std(0, correction=0))
