"""Monte-Carlo tree search with chance nodes: PUCT chooses actions, the model's probabilities choose outcomes.

Knows the graph, induction and extraction. Equal imagined states share their counts (Silver et al. 2017 for PUCT).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Search
from wmagent.planning.best_first import late
from wmagent.planning.extract import extract
from wmagent.planning.fit import fitted_worth
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import induct, limits_for, step_price


@dataclass(frozen=True)
class Mcts:
    """Runs `batch` descents at a time, then imagines all the leaves they met in one model call.

    Within a batch a descent counts as lost on its way (`virtual_loss` visits), so that descents spread. A leaf is
    worth what a linear fit on facts says (at first `leaf`). `exploration` weighs the prior against what was found,
    more and more while descents meet nothing new; `depth` ends a descent. The answer is solved on what was imagined,
    so it does not depend on counts.
    """

    batch: int = 32
    exploration: float = 1.5
    virtual_loss: int = 1
    leaf: float = 0.5
    depth: int = 40
    uniform: float = 0.1
    time_cells: int = 64
    alternatives: int = 3
    name: str = "mcts"

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
        began = time.perf_counter()
        budget = budget or Budget()
        with torch.no_grad():
            graph = ImaginedGraph(model, start, objective, prior)
            graph.allowance = budget.simulations
            tree = _Counts(graph, self, np.random.default_rng(seed))
            idle = 0
            while graph.imagined < budget.simulations and idle < 16 and graph.open.any() and not late(began, budget):
                before = graph.imagined
                tree.descend(self.exploration * 1.5**idle)
                idle = idle + 1 if graph.imagined == before else 0
            limits = limits_for(graph, self.time_cells)
            values = induct(graph, limits, np.zeros((len(graph), limits.width)))
            return extract(graph, values, limits, self, began)


@dataclass
class _Descent:
    """One way down: the (state, action) pairs taken and what they cost; `ending` is known unless a leaf was met."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    ending: float | None = None
    leaf: int = -1


class _Counts:
    """Visits and summed worth per (state, action) of one search."""

    def __init__(self, graph: ImaginedGraph, settings: Mcts, random: np.random.Generator) -> None:
        self.graph, self.settings, self.random = graph, settings, random
        self.visits = np.zeros((1, graph.n_actions))
        self.total = np.zeros((1, graph.n_actions))
        self.worth = np.full(1, settings.leaf)

    def descend(self, exploration: float) -> None:
        """Run one batch of descents, imagine what they met, and take the results up."""
        settings, graph = self.settings, self.graph
        prior = graph.mixed_prior(settings.uniform)
        descents, wanted = [], []
        for _ in range(settings.batch):
            descent = self._down(prior, exploration)
            for state, action in descent.steps:
                self.visits[state, action] += settings.virtual_loss
            if descent.ending is None and descent.steps and descent.leaf < 0:
                wanted.append(descent.steps[-1])
            descents.append(descent)
            if not graph.known[0] or not graph.known[max(descent.leaf, 0)]:
                graph.know(np.array([max(descent.leaf, 0)]))
                prior = graph.mixed_prior(settings.uniform)
        distinct = np.array(sorted(set(wanted)), dtype=np.int64).reshape(-1, 2)
        graph.expand(distinct[:, 0], distinct[:, 1])
        self._grow()
        price = step_price(graph)
        for descent in descents:
            self._up(descent, price)

    def _down(self, prior: np.ndarray, exploration: float) -> _Descent:
        """Follow PUCT until something new, an ending or `depth`."""
        graph, settings, descent = self.graph, self.settings, _Descent()
        state, left = 0, graph.objective.deadline
        for _ in range(settings.depth):
            if graph.goal[state] or graph.forbidden[state]:
                descent.ending = float(graph.goal[state])
                return descent
            if not graph.known[state]:
                descent.leaf = state
                return descent
            open_ = graph.legal[state] & ~self._useless(state)
            if not open_.any():
                descent.ending = 0.0
                return descent
            visits = self.visits[state]
            mean = np.where(visits > 0, self.total[state] / np.maximum(visits, 1), self.worth[state])
            bonus = exploration * prior[state] * np.sqrt(visits.sum() + 1.0) / (1.0 + visits)
            action = int(np.where(open_, mean + bonus, -np.inf).argmax())
            descent.steps.append((state, action))
            pair = int(graph.pair_of[state, action])
            if pair == UNSEEN:
                return descent
            state, hours, ended = self._happen(pair)
            left = None if left is None else left - hours
            if (left is not None and left < -1e-9) or (ended and not graph.goal[state]):
                descent.ending = 0.0
                return descent
        descent.ending = 0.0
        return descent

    def _useless(self, state: int) -> np.ndarray:
        rows = self.graph.pair_of[state]
        found = np.zeros(len(rows), dtype=bool)
        found[rows >= 0] = self.graph.pairs.useless[rows[rows >= 0]]
        return found

    def _happen(self, pair: int) -> tuple[int, float, bool]:
        """Draw what the pair leads to: state, hours, and whether the case ends."""
        edges, pairs = self.graph.edges, self.graph.pairs
        first, count = int(pairs.first_edge[pair]), int(pairs.n_edges[pair])
        edge = first + min(int((edges.prob[first : first + count].cumsum() < self.random.random()).sum()), count - 1)
        chances = edges.durations[edge].cumsum()
        bin_ = min(int((chances < self.random.random() * chances[-1]).sum()), len(chances) - 1)
        ended = bool(self.random.random() < edges.done[edge])
        return int(edges.next[edge]), float(self.graph.durations[bin_]), ended

    def _grow(self) -> None:
        """Make room for new states and refresh what leaves are taken to be worth."""
        graph, fresh = self.graph, len(self.graph) - len(self.visits)
        if not fresh:
            return
        blank = np.zeros((fresh, graph.n_actions))
        self.visits, self.total = np.concatenate([self.visits, blank]), np.concatenate([self.total, blank])
        count = self.visits.sum(1)
        known = (count > 0) | graph.goal | graph.forbidden
        value = np.where(count > 0, np.max(self.total / np.maximum(self.visits, 1), axis=1), 1.0 * graph.goal)
        if graph.goal.any():
            self.worth = fitted_worth(graph.codes(np.arange(len(graph))), value[:, None], known)[:, 0]
        else:
            self.worth = np.full(len(graph), self.settings.leaf)

    def _up(self, descent: _Descent, price: np.ndarray) -> None:
        """Replace the virtual loss by one visit and add what the descent was worth from each of its steps on."""
        worth = descent.ending
        if worth is None:
            worth = float(self.worth[descent.leaf]) if descent.leaf >= 0 else self._expected(*descent.steps[-1])
        for state, action in reversed(descent.steps):
            pair = int(self.graph.pair_of[state, action])
            worth -= float(price[pair]) if pair != UNSEEN else 0.0
            self.visits[state, action] += 1 - self.settings.virtual_loss
            self.total[state, action] += worth

    def _expected(self, state: int, action: int) -> float:
        """Return what a pair just imagined leads to on average."""
        graph, pair = self.graph, int(self.graph.pair_of[state, action])
        if pair == UNSEEN:
            return 0.0
        first, count = int(graph.pairs.first_edge[pair]), int(graph.pairs.n_edges[pair])
        span = slice(first, first + count)
        following = graph.edges.next[span]
        worth = np.where(graph.goal[following], 1.0, self.worth[following] * (1 - graph.edges.done[span]))
        return float(graph.edges.prob[span] @ np.where(graph.forbidden[following], 0.0, worth))
