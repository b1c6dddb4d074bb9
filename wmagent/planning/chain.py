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

DENSE = 96  # loops of up to so many nodes are solved as linear equations
WON, LOST = 0, 1  # the two end nodes of every chain
LEAF, NEGLIGIBLE = -2, 1e-5  # what is less likely is not followed: its value stands for P(goal) there
SPENT = 5  # columns of `Chain.worth` behind P under the mean and each head: hours, money, steps, risk, steps outside


@dataclass(frozen=True)
class Chain:
    """Nodes (n) with the pair chosen there (-1 at ends), and lines (l): from node, to node, weights, state reached.

    `weights` (l, 1 + h) are probabilities under the mean and under each head. `value` (n,) is what the policy's
    values promise at each node; `rank` (n,) orders nodes so that no line leads to a higher rank. `roots`
    are the nodes that the chain was followed from. Lines are sorted by `origin`.
    """

    state: np.ndarray
    pair: np.ndarray
    value: np.ndarray
    rank: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    arrival: np.ndarray
    roots: np.ndarray

    def lines_of(self, node: int) -> slice:
        """Return which lines leave a node."""
        low, high = np.searchsorted(self.origin, [node, node + 1])
        return slice(int(low), int(high))

    def worth(self, graph: ImaginedGraph, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return per node P(goal) under the mean and each head, with expected hours, money, steps, risk and steps
        outside recorded experience (n, 1 + h + 5), and P(each of `actions` is executed at least once from here on)
        (n, actions).
        """
        pairs, heads, acts = graph.pairs, self.weights.shape[1], self.pair >= 0
        mine = self.pair[acts]
        spends = heads + SPENT
        gain = np.zeros((len(self.pair), spends + len(actions)))
        steps = np.ones(len(mine))
        spent = [pairs.hours[mine], pairs.cost[mine], steps, pairs.disagreement[mine], pairs.outside[mine]]
        gain[acts, heads:spends] = np.stack(spent, 1)
        gain[acts, spends:] = pairs.action[mine][:, None] == actions[None, :]
        gain[:, :heads] = np.where(self.pair == LEAF, self.value, 0.0)[:, None]
        gain[WON, :heads] = 1.0
        mean = self.weights[:, :1]
        again = 1.0 - gain[self.origin, spends:]
        found = self._solve(np.concatenate([self.weights, np.repeat(mean, SPENT, 1), mean * again], 1), gain)
        return found[:, :spends], found[:, spends:]

    def _solve(self, weights: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """Return x = gain + weights · x[target] per node (n, c), solved from low to high ranks.

        Within a rank lines may form loops: a few nodes are solved at once, many are swept until they settle.
        """
        order = np.lexsort((self.origin, self.rank[self.origin]))
        origin, target, weights = self.origin[order], self.target[order], weights[order]
        within = (self.rank[target] == self.rank[origin]) & np.isin(target, origin)
        cuts = np.nonzero(np.diff(self.rank[origin], prepend=np.inf, append=np.inf))[0] if len(origin) else []
        x = gain.copy()
        for low, high in itertools.pairwise(cuts):
            starts = np.nonzero(np.diff(origin[low:high], prepend=-1))[0]
            owners, to = origin[low:high][starts], target[low:high]
            loops = np.nonzero(within[low:high])[0]
            known = x[to] * weights[low:high]
            known[loops] = 0.0
            x[owners] += np.add.reduceat(known, starts, 0)
            if len(loops):
                x[owners] = _looped(x, owners, origin[low:high][loops], to[loops], weights[low:high][loops])
        return x


def _looped(
    x: np.ndarray, owners: np.ndarray, origin: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return x[owners] with what the lines between them add: the solution of y = x + weights · y."""
    given, place = x[owners], np.full(len(x), -1)
    place[owners] = np.arange(len(owners))
    origin, target = place[origin], place[target]
    if len(owners) <= DENSE:
        matrix = np.tile(np.eye(len(owners)), (x.shape[1], 1, 1))
        np.subtract.at(matrix, (np.arange(x.shape[1])[:, None], origin, target), weights.T)
        return np.linalg.solve(matrix, given.T[:, :, None])[:, :, 0].T
    starts = np.nonzero(np.diff(origin, prepend=-1))[0]
    found = given.copy()
    for _ in range(400):
        before = found.copy()
        found[origin[starts]] = given[origin[starts]] + np.add.reduceat(found[target] * weights, starts, 0)
        if np.abs(found - before).max() < 1e-7:
            break
    return found


def follow(graph: ImaginedGraph, values: Values, limits: Limits, first: tuple[int, ...] = ()) -> Chain:
    """Follow the policy from the start, and once more for each pair in `first` taken instead at the start."""
    time, money = fine_grids(graph)
    units = time.unit if time.top else 0.0, money.unit if money.top else 0.0
    spans = np.array([time.cells * money.cells, money.cells, 1])

    def choose(nodes: np.ndarray) -> np.ndarray:
        return values.choice[nodes[:, 0], limits.cell(nodes[:, 1] * units[0], nodes[:, 2] * units[1])]

    begin = np.array([[0, time.top, money.top]], dtype=np.int64)
    known, numbers = begin @ spans, np.array([2])  # keys of the nodes so far, sorted, and which nodes they are
    nodes = [np.zeros((2, 3), dtype=np.int64), np.repeat(begin, 1 + len(first), 0)]
    pairs = [np.full(2, STOP), np.concatenate([choose(begin), np.array(first, dtype=np.int64)])]
    lines: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    offset, mass = 2, np.ones(1 + len(first))
    while len(nodes[-1]):
        acting = np.nonzero(pairs[-1] >= 0)[0]
        spent = spread(graph, pairs[-1][acting], time, money)
        origin = acting[spent.row]
        left = nodes[-1][origin, 1:] - np.stack([spent.hours, spent.money], 1)
        target = np.full(len(origin), LOST, dtype=np.int64)
        alive = (left >= 0).all(1) & ~graph.forbidden[spent.state]
        target[alive & graph.goal[spent.state]] = WON
        alive &= ~graph.goal[spent.state]
        landed = np.concatenate([spent.state[alive, None], left[alive]], 1)
        keys, once, back = np.unique(landed @ spans, return_index=True, return_inverse=True)
        spot = np.searchsorted(known, keys)
        new = known[np.minimum(spot, len(known) - 1)] != keys
        known = np.insert(known, spot[new], keys[new])
        fresh = once[new]
        numbers = np.insert(numbers, spot[new], len(numbers) + 2 + len(first) + np.arange(len(fresh)))
        target[alive] = numbers[np.searchsorted(known, keys)][back.ravel()]
        lines.append((origin + offset, target, spent.weights, spent.state))
        offset += len(nodes[-1])
        nodes.append(landed[fresh])
        mass = np.bincount(target, mass[origin] * spent.weights[:, 0], offset + len(fresh))[offset:]
        pairs.append(np.where(mass >= NEGLIGIBLE, choose(nodes[-1]), LEAF))
    origin, target, weights, arrival = (np.concatenate([line[i] for line in lines]) for i in range(4))
    node, pair = np.concatenate(nodes), np.concatenate(pairs)
    value = values.value[node[:, 0], limits.cell(node[:, 1] * units[0], node[:, 2] * units[1])]
    value[:2] = 1.0, 0.0
    rank = (node[:, 1] if time.top else np.zeros(len(node))).astype(np.float64)
    rank[:2] = -np.inf
    return Chain(node[:, 0], pair, value, rank, origin, target, weights, arrival, np.arange(2, 3 + len(first)))
