"""Random shooting: action sequences drawn from the prior, the best kept. The reference that search must beat.

Knows the evaluation of open plans; learns nothing from what it drew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search
from wmagent.planning.best_first import late
from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.open_plans import evaluate_on
from wmagent.planning.record import record, trimmed


@dataclass(frozen=True)
class RandomShooting:
    """Draws `samples` sequences of `horizon` actions, `batch` at a time; actions that are not legal are skipped.

    Every action is drawn from the proposer's weights (uniform without), mixed with `uniform`.
    """

    samples: int = 512
    horizon: int = 16
    batch: int = 64
    uniform: float = 0.1
    alternatives: int = 3
    name: str = "random-shooting"

    def plan(
        self,
        model: Dynamics,
        start: Latent,
        objective: Objective,
        prior: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Search:
        """Plan from `start` (one row); see `Planner.plan`."""
        began, random = time.perf_counter(), np.random.default_rng(seed)
        budget = budget or Budget()
        with torch.no_grad():
            graph = ImaginedGraph(model, start, objective, prior)
            graph.allowance = budget.simulations
            weights = proposal(prior, graph.n_actions, self.uniform)
            best: list[tuple[float, tuple[int, ...]]] = []
            for begin in range(0, self.samples, self.batch):
                if late(began, budget) or graph.imagined >= budget.simulations:
                    break
                count = min(self.batch, self.samples - begin)
                plans = random.choice(graph.n_actions, (count, self.horizon), p=weights)
                found = [(-c.utility, trimmed(c)) for c in evaluate_on(graph, plans.tolist())]
                best = sorted({*best, *found})[: 1 + self.alternatives]
            return record(graph, [plan for _, plan in best], self, began)


def proposal(prior: Tensor | None, n_actions: int, uniform: float) -> np.ndarray:
    """Return the distribution (a,) that whole sequences are drawn from."""
    even = np.full(n_actions, 1.0 / n_actions)
    if prior is None or float(prior.sum()) <= 0:
        return even
    weights = prior.detach().cpu().numpy().astype(np.float64)
    return (1 - uniform) * weights / weights.sum() + uniform * even
