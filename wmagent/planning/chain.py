"""What following a policy leads to: the chain of (state, limits left) it can reach, and its exact worth per head.

Knows the graph, a policy and fine grids of the limits; must not know how the policy was found.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.induction import STOP, Limits, Values
from wmagent.planning.spread import fine_grids, spread

WON, LOST = 0, 1  # the two end nodes of every chain
HOURS, MONEY, STEPS, RISK = -4, -3, -2, -1  # columns of `worth`; before them P under the mean and under each head


@dataclass(frozen=True)
class Chain:
    """Nodes (n) with the pair chosen there (-1 at ends), and lines (l): from node, to node, weights, state reached.

    `weights` (l, 1 + h) are probabilities under the mean and under each head. `worth` (n, 1 + h + 4). `roots` are
    the nodes that the chain was followed from, `waves` cut the lines by the steps it takes to get to their origin.
    """

    state: np.ndarray
    pair: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    arrival: np.ndarray
    waves: tuple[int, ...]
    roots: np.ndarray
    worth: np.ndarray

    def lines_of(self, node: int) -> slice:
        """Return which lines leave a node."""
        low, high = np.searchsorted(self.origin, [node, node + 1])
        return slice(int(low), int(high))

    def chance_of(self, actions: np.ndarray, executed: np.ndarray) -> np.ndarray:
        """Return (n, len(actions)) P(the action is executed at least once from here); `executed` (n,) per node."""
        here = (executed[:, None] == actions[None, :]).astype(np.float64)
        weights = self.weights[:, :1] * (1.0 - here[self.origin])
        return _solve(self.origin, self.target, self.waves, weights, here)


def follow(graph: ImaginedGraph, values: Values, limits: Limits, first: tuple[int, ...] = ()) -> Chain:
    """Follow the policy from the start, and once more for each pair in `first` taken instead at the start."""
    time, money = fine_grids(graph)
    units = time.unit if time.top else 0.0, money.unit if money.top else 0.0
    spans = np.array([time.cells * money.cells, money.cells, 1])

    def choose(nodes: np.ndarray) -> np.ndarray:
        return values.choice[nodes[:, 0], limits.cell(nodes[:, 1] * units[0], nodes[:, 2] * units[1])]

    begin = np.array([[0, time.top, money.top]], dtype=np.int64)
    index = {int(begin[0] @ spans): 2}
    nodes = [np.zeros((2, 3), dtype=np.int64), np.repeat(begin, 1 + len(first), 0)]
    pairs = [np.full(2, STOP), np.concatenate([choose(begin), np.array(first, dtype=np.int64)])]
    lines: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    offset = 2
    while len(nodes[-1]):
        acting = np.nonzero(pairs[-1] != STOP)[0]
        spent = spread(graph, pairs[-1][acting], time, money)
        origin = acting[spent.row]
        left = nodes[-1][origin, 1:] - np.stack([spent.hours, spent.money], 1)
        target = np.full(len(origin), LOST, dtype=np.int64)
        alive = (left >= 0).all(1) & ~graph.forbidden[spent.state]
        target[alive & graph.goal[spent.state]] = WON
        alive &= ~graph.goal[spent.state]
        landed = np.concatenate([spent.state[alive, None], left[alive]], 1)
        _, once, back = np.unique(landed @ spans, return_index=True, return_inverse=True)
        size, fresh, ids = len(index), [], np.empty(len(once), dtype=np.int64)
        for row, key in enumerate((landed[once] @ spans).tolist()):
            ids[row] = index.setdefault(key, len(index) + 2 + len(first))
            if len(index) > size:
                fresh.append(once[row])
                size = len(index)
        target[alive] = ids[back.ravel()]
        lines.append((origin + offset, target, spent.weights, spent.state))
        offset += len(nodes[-1])
        nodes.append(landed[fresh])
        pairs.append(choose(nodes[-1]))
    waves = tuple(itertools.accumulate((len(line[0]) for line in lines), initial=0))
    origin, target, weights, arrival = (np.concatenate([line[i] for line in lines]) for i in range(4))
    pair, roots = np.concatenate(pairs), np.arange(2, 3 + len(first))
    worth = _worth(graph, pair, (origin, target), waves, weights)
    return Chain(np.concatenate(nodes)[:, 0], pair, origin, target, weights, arrival, waves, roots, worth)


def _worth(
    graph: ImaginedGraph,
    pair: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    waves: tuple[int, ...],
    weights: np.ndarray,
) -> np.ndarray:
    """Return per node P(goal) under the mean and each head, then expected hours, money, steps and risk."""
    pairs, heads = graph.pairs, weights.shape[1]
    gain = np.zeros((len(pair), heads + 4))
    acts = pair >= 0
    mine = pair[acts]
    gain[acts, heads:] = np.stack(
        [pairs.hours[mine], pairs.cost[mine], np.ones(len(mine)), pairs.disagreement[mine]], 1
    )
    gain[WON, :heads] = 1.0
    return _solve(*ends, waves, np.concatenate([weights, np.repeat(weights[:, :1], 4, 1)], 1), gain)


def _solve(
    origin: np.ndarray, target: np.ndarray, waves: tuple[int, ...], weights: np.ndarray, gain: np.ndarray
) -> np.ndarray:
    """Return x = gain + weights · x[target] per node (n, c): swept from the last wave to the first until it settles."""
    x = gain.copy()
    parts = []
    for low, high in itertools.pairwise(waves):
        if high > low:
            starts = np.concatenate([[0], np.nonzero(np.diff(origin[low:high]))[0] + 1])
            owners = origin[low:high][starts]
            parts.append((target[low:high], weights[low:high], starts, owners, gain[owners]))
    for _ in range(400):
        change = 0.0
        for to, weight, starts, owners, base in reversed(parts):
            new = base + np.add.reduceat(x[to] * weight, starts, 0)
            change = max(change, float(np.abs(new - x[owners]).max()))
            x[owners] = new
        if change < 1e-7:
            break
    return x
