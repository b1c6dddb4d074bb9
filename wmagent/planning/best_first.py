"""Best-first search of the imagined AND-OR graph, then backward induction: the default planner.

Knows the graph, induction and extraction; must not know how the model imagines.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search
from wmagent.planning.extract import extract
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import STOP, Limits, Values, induct, limits_for


@dataclass(frozen=True)
class BestFirst:
    """Expands the most promising (state, action) pairs first, `batch` at a time, and solves what it has imagined.

    A pair's promise is the chance of getting to its state (following the best known policy, straying from it to the
    prior with probability `stray`) x the prior of its action x how much its state could still gain. `frontier` is
    what a state not yet expanded is taken to be worth. A batch grows with the share of the budget spent.
    """

    batch: int = 48
    stray: float = 0.3
    frontier: float = 0.3
    uniform: float = 0.1  # share of the prior given to legal actions that recorded behaviour would not take
    time_cells: int = 48
    sweeps: int = 3
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
        """Plan from `start` (one row); see `Planner.plan`. Deterministic: `seed` changes nothing."""
        began = time.perf_counter()
        budget = budget or Budget()
        with torch.no_grad():
            graph = ImaginedGraph(model, start, objective, prior)
            limits = limits_for(graph, self.time_cells)
            while graph.imagined < budget.simulations and not _late(began, budget):
                states, actions = self._promising(graph, limits, budget.simulations - graph.imagined)
                if not len(states):
                    break
                graph.expand(states, actions)
            values = induct(graph, limits, np.zeros((len(graph), limits.width)))
            return extract(graph, values, limits, self, began)

    def _promising(self, graph: ImaginedGraph, limits: Limits, left: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the (state, action) pairs to imagine next, at most a batch."""
        bare = (graph.pair_of == UNSEEN).all(1)
        values = induct(graph, limits, np.repeat(bare[:, None] * self.frontier, limits.width, 1), sweeps=self.sweeps)
        reach, cell = self._reach(graph, limits, values)
        open_ = graph.open & (reach > 0)
        near = np.argsort(-np.where(open_, reach, 0.0), kind="stable")[: min(4 * self.batch, int(open_.sum()))]
        graph.know(near)
        worth = values.value[near, cell[near]]
        promise = (reach[near] * np.maximum(1.0 - worth, 0.02))[:, None] * self._prior(graph, near)
        promise = np.where(graph.legal[near] & (graph.pair_of[near] == UNSEEN), promise, 0.0)
        order = np.argsort(-promise, axis=None, kind="stable")[: min(self.batch, left)]
        order = order[promise.ravel()[order] > 0]
        return near[order // graph.n_actions], order % graph.n_actions

    def _prior(self, graph: ImaginedGraph, states: np.ndarray) -> np.ndarray:
        legal = graph.legal[states]
        even = legal / np.maximum(legal.sum(1, keepdims=True), 1)
        return (1 - self.uniform) * graph.prior[states] + self.uniform * even

    def _reach(self, graph: ImaginedGraph, limits: Limits, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """Return per state the chance of getting there (s,) and the cell of limits left on arrival (s,)."""
        pairs, edges = graph.pairs, graph.edges
        n = len(graph)
        reach, cell = np.zeros(n), np.full(n, limits.width - 1)
        reach[0] = 1.0
        if not len(pairs.state):
            return reach, cell
        spent = _mean_spent(graph, limits)
        prior = self._prior(graph, np.arange(n))
        origin = pairs.state[edges.pair]
        for _ in range(int(graph.depth.max()) + 2):
            best = values.choice[np.arange(n), cell]
            strays = np.where(best == STOP, 1.0, self.stray)
            share = strays[pairs.state] * prior[pairs.state, pairs.action]
            share = share + (1 - strays[pairs.state]) * (best[pairs.state] == np.arange(len(pairs.state)))
            flow = reach[origin] * share[edges.pair] * edges.prob
            new = np.bincount(edges.next, flow, n)
            left = np.bincount(edges.next, flow * (cell[origin] - spent[edges.pair]), n) / np.maximum(new, 1e-12)
            new[0] = 1.0
            cell = np.where(new > 0, np.clip(np.rint(left), 0, limits.width - 1), limits.width - 1).astype(np.int64)
            cell[0] = limits.width - 1
            if np.abs(new - reach).max() < 1e-3:
                reach = new
                break
            reach = np.minimum(new, 1.0)
        return reach, cell


def _mean_spent(graph: ImaginedGraph, limits: Limits) -> np.ndarray:
    """Return per pair how many flat cells it spends on average."""
    hours = graph.pairs.hours / limits.time.unit if limits.time.top else np.zeros(len(graph.pairs.state))
    money = graph.pairs.cost / limits.money.unit if limits.money.top else 0.0
    return hours * limits.row + money


def _late(began: float, budget: Budget) -> bool:
    return budget.milliseconds is not None and (time.perf_counter() - began) * 1e3 >= budget.milliseconds
