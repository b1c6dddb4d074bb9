"""Exact planning over an enumerated world: the graph of reachable nodes and backward induction on it with numpy.

Knows nodes, chances, time steps and prices as arrays; knows no facts and no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from wmagent.errors import InputError
from wmagent.worlds.conditions import State
from wmagent.worlds.following import TOO_LARGE

Node = tuple[State, float]  # state and money spent (0 where the goal has no cost limit)
Result = tuple[float, Node, int, float]  # chance, next node, time steps, cost
_SAME = 1e-9  # probabilities closer than this are ties, broken by price
_STEP_PRICE = 1e-3  # so that circles without cost or time never look free
_STUCK = 1e-12  # an action that changes something less often than this counts as changing nothing
_MAX_SWEEPS = 200_000


@dataclass(frozen=True)
class Graph:
    """Everything reachable from node 0. Pairs are (node, action), sorted by node; entries are results, by pair.

    `pair_node`, `pair_move`, `pair_cost`, `pair_hours` (p,) with expected cost and hours; `first` (p,) is each
    pair's first entry; `next`, `steps`, `chance` (e,). `won` (n,) marks goal nodes.
    """

    nodes: dict[Node, int]
    won: np.ndarray
    pair_node: np.ndarray
    pair_move: np.ndarray
    pair_cost: np.ndarray
    pair_hours: np.ndarray
    first: np.ndarray
    next: np.ndarray
    steps: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Solution:
    """The best that can be done, per time steps left and node: all arrays (r + 1, n); `move` is -1 for stop."""

    graph: Graph
    probability: np.ndarray
    hours: np.ndarray
    cost: np.ndarray
    move: np.ndarray


def explore(
    start: Node,
    moves: Callable[[State], Sequence[int]],
    results: Callable[[Node, int], Sequence[Result]],
    status: Callable[[Node], bool | None],
    unit: float,
    max_nodes: int,
) -> Graph:
    """Return the graph from `start`; `status` says True for won, False for lost (neither is expanded), else None."""
    nodes: dict[Node, int] = {start: 0}
    won: list[bool] = []
    pairs: list[tuple[int, int, float, float, int]] = []
    entries: list[tuple[int, int, float]] = []
    queue = [start]
    for node in queue:  # grows while it is walked
        outcome = status(node)
        won.append(outcome is True)
        if outcome is not None:
            continue
        for move in moves(node[0]):
            first, cost, hours = len(entries), 0.0, 0.0
            for chance, after, steps, price in results(node, move):
                index = nodes.get(after)
                if index is None:
                    index = nodes[after] = len(queue)
                    queue.append(after)
                entries.append((index, steps, chance))
                cost += chance * price
                hours += chance * steps * unit
            pairs.append((nodes[node], move, cost, hours, first))
        if len(queue) > max_nodes:
            raise InputError(f"more than {max_nodes:,} reachable states; {TOO_LARGE}")
    p = np.array(pairs, dtype=np.float64).reshape(-1, 5)
    e = np.array(entries, dtype=np.float64).reshape(-1, 3)
    whole = (p[:, 0], p[:, 1], p[:, 4], e[:, 0], e[:, 1])
    pair_node, pair_move, first_, next_, steps_ = (column.astype(np.int64) for column in whole)
    return Graph(nodes, np.array(won), pair_node, pair_move, p[:, 2], p[:, 3], first_, next_, steps_, e[:, 2].copy())


def solve(graph: Graph, horizon: int | None) -> Solution:
    """Return the policy of the highest P(goal), ties broken by expected cost plus hours.

    `horizon` is the number of time steps there are (arriving with 0 left counts); None for no deadline, where one
    layer is iterated to its fixpoint.
    """
    layers = 1 if horizon is None else horizon + 1
    shape = (layers, len(graph.won))
    solution = Solution(graph, np.zeros(shape), np.zeros(shape), np.zeros(shape), np.full(shape, -1, dtype=np.int64))
    price = np.zeros(shape)
    solution.probability[:, graph.won] = 1.0
    if len(graph.pair_node):
        flow = _Flow(graph, np.zeros_like(graph.steps) if horizon is None else graph.steps)
        for layer in range(layers):
            _solve_layer(flow, layer, solution, price)
    return solution


class _Flow:
    """Where the pairs lead: `inner` (p, n) within a layer of time, the other entries into earlier layers.

    An action that may leave everything as it is, at no time, is counted as repeated until it does not: `tries` (p,).
    Its value is the same, and most worlds are then free of circles. One that never changes anything is worth nothing.
    """

    def __init__(self, graph: Graph, steps: np.ndarray) -> None:
        self.graph = graph
        self.steps = steps
        pairs = len(graph.pair_node)
        pair = np.repeat(np.arange(pairs), np.diff(graph.first, append=len(graph.next)))
        stays = (steps == 0) & (graph.next == graph.pair_node[pair])
        leaves = 1 - np.add.reduceat(np.where(stays, graph.chance, 0.0), graph.first)
        self.tries = np.where(leaves > _STUCK, 1 / np.maximum(leaves, _STUCK), 0.0)
        self.chance = np.where(stays, 0.0, graph.chance * self.tries[pair])
        here = np.flatnonzero((steps == 0) & ~stays)
        entries = (self.chance[here], (pair[here], graph.next[here]))
        self.inner = csr_array(entries, shape=(pairs, len(graph.won)))
        self.owners, self.owner_first = np.unique(graph.pair_node, return_index=True)
        self.owner_of_pair = np.searchsorted(self.owners, graph.pair_node)

    def earlier(self, table: np.ndarray, layer: int) -> np.ndarray:
        """Return the part of every pair's expected next value (p,) that lies in earlier layers."""
        if layer == 0:
            return np.zeros(len(self.graph.pair_node))  # whatever takes time comes too late, and is worth nothing
        counts = (self.steps > 0) & (self.steps <= layer)
        source = np.maximum(layer - self.steps, 0)
        return np.add.reduceat(np.where(counts, self.chance * table[source, self.graph.next], 0.0), self.graph.first)


def _settle(row: np.ndarray, update: Callable[[], np.ndarray], at: np.ndarray, circular: bool) -> None:
    """Write `update()` into the nodes `at` of a layer's values, again and again while they depend on each other."""
    for _ in range(_MAX_SWEEPS):
        new = update()
        change = float(np.max(np.abs(new - row[at]) / np.maximum(1.0, np.abs(new)), initial=0.0))
        row[at] = new
        if not circular or change < 1e-14:
            return
    raise InputError("the values of this world do not settle; its circles are left too rarely")


def _solve_layer(flow: _Flow, layer: int, solution: Solution, price: np.ndarray) -> None:
    """Fill one layer: highest probability first, then the cheapest of the best, then what that costs and takes."""
    graph, first, circular = flow.graph, flow.owner_first, flow.inner.nnz > 0
    likely, before = solution.probability[layer], flow.earlier(solution.probability, layer)
    _settle(likely, lambda: np.maximum.reduceat(before + flow.inner @ likely, first), flow.owners, circular)
    worth = before + flow.inner @ likely
    best = np.maximum.reduceat(worth, first)
    open_ = (best > _SAME)[flow.owner_of_pair] & (worth >= best[flow.owner_of_pair] - _SAME)
    own = flow.tries * (graph.pair_cost + graph.pair_hours + _STEP_PRICE) + flow.earlier(price, layer)
    cheap = price[layer]

    def asked() -> np.ndarray:
        return np.where(open_, own + flow.inner @ cheap, np.inf)

    def cheapest() -> np.ndarray:
        lowest = np.minimum.reduceat(asked(), first)
        return np.where(np.isfinite(lowest), lowest, 0.0)

    _settle(cheap, cheapest, flow.owners, circular)
    lowest = np.minimum.reduceat(asked(), first)[flow.owner_of_pair]
    chosen = np.flatnonzero(open_ & (asked() <= lowest * (1 + 1e-12)))
    acting, where = np.unique(graph.pair_node[chosen], return_index=True)
    picks = chosen[where]  # the first pair of each acting node
    solution.move[layer, acting] = graph.pair_move[picks]
    inner = flow.inner[picks]
    for table, of_pair in ((solution.hours, graph.pair_hours), (solution.cost, graph.pair_cost)):
        row, past = table[layer], (flow.tries * of_pair + flow.earlier(table, layer))[picks]
        _settle(row, lambda r=row, p=past: p + inner @ r, acting, circular)
