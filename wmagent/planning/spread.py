"""Outcomes of imagined pairs spread over the hours they may take: where following a pair leads, exactly.

Knows the graph and fine grids of the limits; must not know plans or policies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.grid import Grid, cost_grid, duration_lines, time_grid

TIME_CELLS, COST_CELLS = 2_048, 10_001


@dataclass(frozen=True)
class Lines:
    """One row per asked pair, outcome and duration: row of the pair asked, state reached, cells spent.

    `weights` (l, 1 + h) are probabilities under the mean and each head; what ends the case short of the goal or
    lands on a forbidden fact weighs nothing.
    """

    row: np.ndarray
    state: np.ndarray
    hours: np.ndarray
    money: np.ndarray
    weights: np.ndarray


def fine_grids(graph: ImaginedGraph) -> tuple[Grid, Grid]:
    """Return the grids of hours and money on which plans and policies are evaluated."""
    objective = graph.objective
    return time_grid(graph.durations, objective.deadline, TIME_CELLS), cost_grid(objective.max_cost, COST_CELLS)


def spread(graph: ImaginedGraph, pair: np.ndarray, time: Grid, money: Grid) -> Lines:
    """Return the lines out of the pairs (rows of `graph.pairs`, repeats allowed), ordered by row."""
    edges, pairs = graph.edges, graph.pairs
    count = pairs.n_edges[pair]
    row = np.repeat(np.arange(len(pair)), count)
    edge = np.repeat(pairs.first_edge[pair] - np.cumsum(count) + count, count) + np.arange(count.sum())
    line, hours, share = duration_lines(edges.durations[edge], graph.durations, time)
    row, edge = row[line], edge[line]
    price = np.rint(pairs.cost[pair] / money.unit).astype(np.int64)[row]
    state = edges.next[edge]
    stays = np.where(graph.goal[state], 1.0, 1.0 - edges.done[edge]) * ~graph.forbidden[state]
    heads = np.concatenate([edges.prob[edge][:, None], edges.heads[edge]], 1)
    return Lines(row, state, hours, price, heads * (share * stays)[:, None])
