"""Which (state, action) pairs to imagine next: novelty until a goal is known, then what could change the best policy.

Knows the graph, novelty, fit and induction; must not know the model or when to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wmagent.planning.fit import fitted_worth
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import STOP, Values, compile_layers, induct, limits_for
from wmagent.planning.novelty import Novelty

PATIENCE, PATIENCE_LEAST = 0.1, 24  # how long novelty may still surprise a search that has little left to gain


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
    horizon: int | None


class Explorer:
    """Proposes batches of pairs to one search; keeps values and reach from batch to batch to start from."""

    def __init__(self, graph: ImaginedGraph, curiosity: Curiosity) -> None:
        self.graph, self.curiosity = graph, curiosity
        self.limits = limits_for(graph, curiosity.cells, max(2, curiosity.cells // 3))
        self._novelty = Novelty(graph, curiosity.temper)
        self._known = np.zeros((1, self.limits.width))
        self._calm: int | None = None  # transitions imagined when little was left to gain
        self._reach, self._left = np.ones(1), np.full(1, self.limits.width - 1.0)

    def next(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `count` (states, actions) to imagine, most promising first; none when all is imagined."""
        graph = self.graph
        prior = graph.mixed_prior(self.curiosity.uniform)
        novel = self._novelty.merit(prior)
        open_ = graph.open if self.curiosity.horizon is None else graph.open & (graph.depth < self.curiosity.horizon)
        merit = np.where(open_, self._gain(prior) if graph.goal.any() else novel, 0.0)
        if graph.goal.any() and merit.sum() < self.curiosity.enough:
            self._calm = graph.imagined if self._calm is None else self._calm
            last = self._calm + max(PATIENCE_LEAST, int(PATIENCE * self._calm))
            merit = np.where(open_, novel, 0.0) if graph.imagined < last else 0.0 * merit
            count = min(count, max(last - graph.imagined, 1))
        else:
            self._calm = None
        return self._pick(merit, count)

    def _pick(self, merit: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the best pairs of the states of most merit; states turn out to be dead ends only when looked at."""
        graph = self.graph
        while (merit > 0).any():
            near = np.argsort(-merit, kind="stable")[: min(2 * count, int((merit > 0).sum()))]
            graph.know(near)
            unseen = graph.legal[near] & (graph.pair_of[near] == UNSEEN)
            score = np.where(unseen, merit[near][:, None] * graph.mixed_prior(self.curiosity.uniform)[near], 0.0)
            best = np.argsort(-score, axis=None, kind="stable")[:count]
            best = best[score.ravel()[best] > 0]
            if len(best):
                return near[best // graph.n_actions], best % graph.n_actions
            merit[near] = 0.0
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)

    def _gain(self, prior: np.ndarray) -> np.ndarray:
        """Return per state the chance of getting there x what it could still gain (s,)."""
        graph, limits = self.graph, self.limits
        blank = np.zeros((len(graph), limits.width))
        layers, sweeps = compile_layers(graph, limits), self.curiosity.sweeps
        known = induct(graph, limits, blank, layers=layers, sweeps=sweeps, start=self._known, choose=False)
        self._known = known.value
        tried = (graph.pair_of != UNSEEN).any(1)
        dead = graph.known & ~graph.legal.any(1)
        if self.curiosity.frontier is None:
            hope = fitted_worth(graph.codes(np.arange(len(graph))), self._known, tried | dead)
        else:
            hope = np.full_like(self._known, self.curiosity.frontier)
        hope[tried | dead] = 0.0
        hopeful = induct(graph, limits, hope, layers=layers, sweeps=sweeps, start=self._known)
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
        for _ in range(int(graph.depth.max()) + 4):
            before, stream = reach, reach[origin] * flow
            reach = np.bincount(edges.next, stream, n)
            left = np.bincount(edges.next, stream * (left[origin] - spent), n) / np.maximum(reach, 1e-12)
            reach[0], left[0] = 1.0, top
            if np.abs(reach - before).max() < 1e-4:
                break
        self._reach, self._left = np.minimum(reach, 1.0), np.clip(np.where(reach > 0, left, top), 0, top)
        return self._reach, np.rint(self._left).astype(np.int64)

    def _spent(self) -> np.ndarray:
        """Return how many cells each pair spends on average."""
        limits, pairs = self.limits, self.graph.pairs
        hours = pairs.hours / limits.time.unit * limits.row if limits.time.top else np.zeros(len(pairs.state))
        return hours + (pairs.cost / limits.money.unit if limits.money.top else 0.0)
