"""Which (state, action) pairs to imagine next: novelty until a goal is known, then what could change the best policy.

Knows the graph, novelty, fit and induction; must not know the model or when to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wmagent.planning.fit import fitted_worth
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import STOP, Values, induct, limits_for
from wmagent.planning.novelty import Novelty


@dataclass(frozen=True)
class Curiosity:
    """How a search explores; `BestFirst` says what the settings mean, `temper` flattens the prior's part in novelty."""

    stray: float
    uniform: float
    temper: float
    cells: int
    sweeps: int
    enough: float
    frontier: float | None


class Explorer:
    """Proposes batches of pairs to one search; keeps values and reach from batch to batch to start from."""

    def __init__(self, graph: ImaginedGraph, curiosity: Curiosity) -> None:
        self.graph, self.curiosity = graph, curiosity
        self.limits = limits_for(graph, curiosity.cells, max(2, curiosity.cells // 3))
        self._novelty = Novelty(graph, curiosity.temper)
        self._known = np.zeros((1, self.limits.width))
        self._reach, self._left = np.ones(1), np.full(1, self.limits.width - 1.0)

    def next(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `count` (states, actions) to imagine, most promising first; none when all is imagined."""
        graph = self.graph
        prior = self._prior()
        merit = self._novelty.merit(prior)
        if graph.goal.any():
            merit = self._gain(prior)
        merit = np.where(graph.open, merit, 0.0)
        if graph.goal.any() and merit.sum() < self.curiosity.enough:
            merit[:] = 0.0
        near = np.argsort(-merit, kind="stable")[: min(2 * count, int((merit > 0).sum()))]
        graph.know(near)
        unseen = graph.legal[near] & (graph.pair_of[near] == UNSEEN)
        score = np.where(unseen, merit[near][:, None] * self._prior()[near], 0.0)
        best = np.argsort(-score, axis=None, kind="stable")[:count]
        best = best[score.ravel()[best] > 0]
        return near[best // graph.n_actions], best % graph.n_actions

    def _prior(self) -> np.ndarray:
        graph, share = self.graph, self.curiosity.uniform
        even = graph.legal / np.maximum(graph.legal.sum(1, keepdims=True), 1)
        return (1 - share) * graph.prior + share * even

    def _gain(self, prior: np.ndarray) -> np.ndarray:
        """Return per state the chance of getting there x what it could still gain (s,)."""
        graph, limits = self.graph, self.limits
        blank = np.zeros((len(graph), limits.width))
        self._known = induct(graph, limits, blank, sweeps=self.curiosity.sweeps, start=self._known, choose=False).value
        tried = (graph.pair_of != UNSEEN).any(1)
        dead = graph.known & ~graph.legal.any(1)
        if self.curiosity.frontier is None:
            hope = fitted_worth(graph.codes(np.arange(len(graph))), self._known, tried | dead)
        else:
            hope = np.full_like(self._known, self.curiosity.frontier)
        hope[tried | dead] = 0.0
        hopeful = induct(graph, limits, hope, sweeps=self.curiosity.sweeps, start=self._known)
        reach, cell = self._spread(hopeful, prior)
        return reach * np.maximum(1.0 - hopeful.value[np.arange(len(graph)), cell], 0.02)

    def _spread(self, values: Values, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the chance of getting to each state (s,), mostly by the policy, and the cell left there (s,)."""
        graph, n, top = self.graph, len(self.graph), self.limits.width - 1
        pairs, edges = graph.pairs, graph.edges
        fresh = n - len(self._reach)
        reach = np.concatenate([self._reach, np.zeros(fresh)])
        left = np.concatenate([self._left, np.full(fresh, top, dtype=np.float64)])
        cell = np.clip(np.rint(left), 0, top).astype(np.int64)
        best = values.choice[np.arange(n), cell][pairs.state]
        strays = np.where(best == STOP, 1.0, self.curiosity.stray)
        share = strays * prior[pairs.state, pairs.action] + (1 - strays) * (best == np.arange(len(best)))
        origin, flow = pairs.state[edges.pair], share[edges.pair] * edges.prob
        spent = self._spent()[edges.pair]
        for _ in range(4):
            stream = reach[origin] * flow
            reach = np.bincount(edges.next, stream, n)
            left = np.bincount(edges.next, stream * (left[origin] - spent), n) / np.maximum(reach, 1e-12)
            reach[0], left[0] = 1.0, top
        self._reach, self._left = np.minimum(reach, 1.0), np.clip(np.where(reach > 0, left, top), 0, top)
        return self._reach, np.rint(self._left).astype(np.int64)

    def _spent(self) -> np.ndarray:
        """Return how many cells each pair spends on average."""
        limits, pairs = self.limits, self.graph.pairs
        hours = pairs.hours / limits.time.unit * limits.row if limits.time.top else np.zeros(len(pairs.state))
        return hours + (pairs.cost / limits.money.unit if limits.money.top else 0.0)
