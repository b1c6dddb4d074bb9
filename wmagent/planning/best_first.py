"""Best-first search of the imagined AND-OR graph, then backward induction: the default planner.

Knows the graph, exploration, induction and extraction; must not know how the model imagines.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search
from wmagent.planning.explore import Curiosity, Explorer
from wmagent.planning.extract import extract
from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.induction import induct, limits_for


@dataclass(frozen=True)
class BestFirst:
    """Expands the most promising (state, action) pairs first, a batch at a time, and solves what it has imagined.

    Until a goal state is known, promise is novelty x how usual the way there is. Then it is the chance of getting to
    the state (following the best known policy, straying from it to the prior with probability `stray`) x how much
    the state could still gain x the prior of the action; states not yet expanded are taken to be worth what a linear
    fit on their facts says, or `frontier` where given. A batch is at least `batch` pairs, or `growth` x what was
    imagined so far. `uniform` is the prior's share for legal actions that recorded behaviour would not take. The
    search ends early when what all open states could still gain, by the chance of getting there, is below `enough`.
    Outcomes less likely than `least` under every head are not followed, nor anything that needs more than `horizon`
    steps.
    """

    batch: int = 48
    growth: float = 0.15
    stray: float = 0.3
    frontier: float | None = None
    uniform: float = 0.1
    temper: float = 0.5
    explore_cells: int = 12
    sweeps: int = 2
    enough: float = 0.02
    least: float = 0.003
    horizon: int | None = None
    time_cells: int = 32
    alternatives: int = 3
    name: str = "best-first"

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
        budget = budget or Budget()
        with torch.no_grad():
            graph = ImaginedGraph(model, start, objective, prior, self.least)
            explorer = Explorer(graph, self._curiosity())
            while graph.imagined < budget.simulations and not late(began, budget):
                count = max(self.batch, int(self.growth * graph.imagined))
                states, actions = explorer.next(min(count, budget.simulations - graph.imagined))
                if not len(states):
                    break
                graph.expand(states, actions)
            limits = limits_for(graph, self.time_cells)
            values = induct(graph, limits, np.zeros((len(graph), limits.width)), tolerance=1e-5)
            return extract(graph, values, limits, self, began)

    def _curiosity(self) -> Curiosity:
        return Curiosity(
            self.stray,
            self.uniform,
            self.temper,
            self.explore_cells,
            self.sweeps,
            self.enough,
            self.frontier,
            self.horizon,
        )


def late(began: float, budget: Budget) -> bool:
    """Return whether the budget's milliseconds are spent."""
    return budget.milliseconds is not None and (time.perf_counter() - began) * 1e3 >= budget.milliseconds
