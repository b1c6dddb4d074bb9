"""Categorical cross-entropy method: a distribution per step over actions, sharpened on the best sequences drawn.

Knows the evaluation of open plans; must not know the graph's order of expansion.
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
from wmagent.planning.random_shooting import proposal
from wmagent.planning.record import record, trimmed


@dataclass(frozen=True)
class Cem:
    """Draws `samples` sequences of `horizon` actions, keeps `elites`, moves towards them by `rate`, `iterations` times.

    Elites are kept without the actions that were never executed, so that good steps move to the front. What was the
    best sequence so far is drawn again. `uniform` keeps every action possible.
    """

    samples: int = 96
    elites: int = 12
    iterations: int = 10
    horizon: int = 16
    rate: float = 0.7
    uniform: float = 0.1
    alternatives: int = 3
    name: str = "cem"

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
            base = proposal(prior, graph.n_actions, self.uniform)
            chances = np.tile(base, (self.horizon, 1))
            best: list[tuple[float, tuple[int, ...]]] = []
            for _ in range(self.iterations):
                if late(began, budget):
                    break
                plans = [self._draw(random, chances) for _ in range(self.samples)]
                found = evaluate_on(graph, [*plans, *(plan for _, plan in best[:1])])
                best = sorted({*best, *((-c.utility, trimmed(c)) for c in found)})[: self.elites]
                goal = self._frequencies([plan for _, plan in best], base)
                chances = (1 - self.rate) * chances + self.rate * ((1 - self.uniform) * goal + self.uniform * base)
            return record(graph, [plan for _, plan in best], self, began)

    def _draw(self, random: np.random.Generator, chances: np.ndarray) -> list[int]:
        cumulative = chances.cumsum(1)
        drawn = (random.random((self.horizon, 1)) * cumulative[:, -1:] > cumulative).sum(1)
        return np.minimum(drawn, chances.shape[1] - 1).tolist()

    def _frequencies(self, elites: list[tuple[int, ...]], base: np.ndarray) -> np.ndarray:
        """Return (horizon, a) how often the elites do each action at each step; past their end, anything."""
        counts = np.zeros((self.horizon, len(base)))
        for plan in elites:
            for step in range(self.horizon):
                if step < len(plan):
                    counts[step, plan[step]] += 1.0
                else:
                    counts[step] += base
        return counts / len(elites)
