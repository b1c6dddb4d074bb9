"""Beam search over imagined states: level by level, the most promising states and their most usual actions.

Knows the graph, novelty, induction and extraction; must not know values before the search is over.
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
from wmagent.planning.novelty import Novelty


@dataclass(frozen=True)
class Beam:
    """Keeps the best `width` states of every level, by novelty x how usual the way there is, for `depth` levels.

    In each the `branch` most usual legal actions are imagined. What was imagined is then solved as a whole.
    """

    width: int = 24
    branch: int = 6
    depth: int = 24
    temper: float = 0.5
    uniform: float = 0.1
    time_cells: int = 64
    alternatives: int = 3
    name: str = "beam"

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
            graph = ImaginedGraph(model, start, objective, prior)
            graph.allowance = budget.simulations
            novelty = Novelty(graph, self.temper)
            level, had = np.array([0]), 1
            for _ in range(self.depth):
                level = level[graph.open[level]]
                if not len(level) or graph.imagined >= budget.simulations or late(began, budget):
                    break
                self._grow(graph, level)
                merit = novelty.merit(graph.mixed_prior(self.uniform))
                fresh = np.arange(had, len(graph))
                had = len(graph)
                level = fresh[np.argsort(-merit[fresh], kind="stable")[: self.width]]
            limits = limits_for(graph, self.time_cells)
            values = induct(graph, limits, np.zeros((len(graph), limits.width)))
            return extract(graph, values, limits, self, began)

    def _grow(self, graph: ImaginedGraph, level: np.ndarray) -> None:
        """Imagine the most usual actions of the level's states."""
        graph.know(level)
        usual = np.where(
            graph.legal[level] & (graph.pair_of[level] == UNSEEN), graph.mixed_prior(self.uniform)[level], 0
        )
        best = np.argsort(-usual, axis=1, kind="stable")[:, : self.branch]
        row, rank = np.nonzero(np.take_along_axis(usual, best, 1) > 0)
        graph.expand(level[row], best[row, rank])
