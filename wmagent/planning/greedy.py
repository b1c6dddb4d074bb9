"""Greedy reference: in every state the action that most likely reaches the goal at once, else what is usual there.

Knows the graph, induction and extraction; never looks further than one step.
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
from wmagent.planning.induction import compile_layers, induct, limits_for


@dataclass(frozen=True)
class Greedy:
    """Looks one step ahead in the states that its own choices lead to, at most `batch` of them at a time."""

    batch: int = 64
    time_cells: int = 64
    alternatives: int = 0
    name: str = "greedy"

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
            chosen = np.zeros(0, dtype=np.int64)
            waiting, judged = np.array([0]), {0}
            while len(waiting) and not late(began, budget):
                here, waiting = waiting[: self.batch], waiting[self.batch :]
                picks = _pick(graph, here[~(graph.goal | graph.forbidden)[here]])
                chosen = np.concatenate([chosen, picks])
                landed = np.unique(graph.edges.next[np.isin(graph.edges.pair, picks)]).tolist()
                fresh = [state for state in landed if state not in judged]
                judged.update(fresh)
                waiting = np.concatenate([waiting, np.array(fresh, dtype=np.int64)])
            limits = limits_for(graph, self.time_cells)
            banned = ~np.isin(np.arange(len(graph.pairs.state)), chosen)
            values = induct(
                graph, limits, np.zeros((len(graph), limits.width)), layers=compile_layers(graph, limits, banned)
            )
            return extract(graph, values, limits, self, began)


def _pick(graph: ImaginedGraph, states: np.ndarray) -> np.ndarray:
    """Imagine everything legal in the states and return the chosen pairs, one per state that has any."""
    graph.know(states)
    row, action = np.nonzero(graph.legal[states])
    graph.expand(states[row], action)
    pairs, edges = graph.pairs, graph.edges
    win = np.bincount(edges.pair, edges.prob * graph.goal[edges.next], len(pairs.state))
    picks = []
    for state in states:
        mine = graph.pair_of[state][graph.pair_of[state] != UNSEEN]
        mine = mine[~pairs.useless[mine]]
        if len(mine):
            usual = graph.prior[state, pairs.action[mine]]
            picks.append(int(mine[np.lexsort((-usual, -np.round(win[mine], 9)))[0]]))
    return np.array(picks, dtype=np.int64)
