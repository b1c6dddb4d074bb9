"""The ceiling: everything that can be reached is imagined, then solved. Meant for `TabularDynamics.from_oracle`.

Knows the graph, induction and extraction; there is no search to tune.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search
from wmagent.planning.best_first import late
from wmagent.planning.extract import extract
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import induct, limits_for


@dataclass(frozen=True)
class Simulator:
    """Expands breadth-first until nothing is left, `transitions` are imagined or a given budget is spent."""

    transitions: int = 1_000_000
    batch: int = 4_096
    time_cells: int = 512
    alternatives: int = 3
    name: str = "simulator"

    def plan(
        self,
        model: Dynamics,
        start: Latent,
        objective: Objective,
        prior: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Search:
        """Plan from `start` (one row); see `Planner.plan`. Nothing is random, so `seed` changes nothing."""
        began = time.perf_counter()
        budget = budget or Budget(self.transitions)
        with torch.no_grad():
            graph = ImaginedGraph(model, start, objective, prior)
            graph.allowance = min(self.transitions, budget.simulations)
            while graph.open.any() and graph.imagined < graph.allowance and not late(began, budget):
                states = np.nonzero(graph.open)[0]
                graph.know(states)
                row, action = np.nonzero(graph.legal[states] & (graph.pair_of[states] == UNSEEN))
                graph.expand(states[row][: self.batch], action[: self.batch])
            limits = limits_for(graph, self.time_cells, 64)
            values = induct(graph, limits, np.zeros((len(graph), limits.width)), sweeps=2_000)
            return extract(graph, values, limits, self, began)
