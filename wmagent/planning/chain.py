"""What following a policy leads to: the chain of (state, limits left) it can reach, and its exact worth per head.

Knows the graph, a policy and fine grids of the limits; must not know how the policy was found.
"""

from __future__ import annotations

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

    `weights` (l, 1 + h) are probabilities under the mean and under each head. `worth` (n, 1 + h + 4).
    `roots` are the nodes that the chain was followed from.
    """

    state: np.ndarray
    pair: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    arrival: np.ndarray
    worth: np.ndarray
    roots: np.ndarray

    def solve(self, gain: np.ndarray, ends: np.ndarray, weights: np.ndarray, sweeps: int = 400) -> np.ndarray:
        """Return x = gain + weights · x[target] per node (n, c), with x given at the two end nodes (2, c)."""
        x = np.zeros((len(self.state), gain.shape[1]))
        x[:2] = ends
        if not len(self.origin):
            x[2:] = gain[2:]
            return x
        starts = np.concatenate([[0], np.nonzero(np.diff(self.origin))[0] + 1])
        owners = self.origin[starts]
        fixed = gain.copy()
        fixed[:2] = ends
        for _ in range(sweeps):
            new = fixed.copy()
            new[owners] += np.add.reduceat(x[self.target] * weights, starts, 0)
            settled = np.abs(new - x).max() < 1e-9
            x = new
            if settled:
                break
        return x

    def chance_of(self, actions: np.ndarray, executed: np.ndarray) -> np.ndarray:
        """Return (n, len(actions)) P(the action is executed at least once from here); `executed` (n,) per node."""
        here = executed[:, None] == actions[None, :]
        weights = self.weights[:, :1] * ~here[self.origin]
        return self.solve(here.astype(np.float64), np.zeros((2, len(actions))), weights)


def follow(graph: ImaginedGraph, values: Values, limits: Limits, first: tuple[int, ...] = ()) -> Chain:
    """Follow the policy from the start, and once more for each pair in `first` taken instead at the start."""
    time, money = fine_grids(graph)
    step_hours = time.unit if time.top else 0.0
    step_money = money.unit if money.top else 0.0

    def choose(nodes: np.ndarray) -> np.ndarray:
        return values.choice[nodes[:, 0], limits.cell(nodes[:, 1] * step_hours, nodes[:, 2] * step_money)]

    begin = np.array([[0, time.top, money.top]], dtype=np.int64)
    ends = np.array([[-1, 0, 0], [-2, 0, 0]], dtype=np.int64)
    nodes = [ends, np.repeat(begin, 1 + len(first), 0)]
    pairs = [np.array([STOP, STOP]), np.concatenate([choose(begin), np.array(first, dtype=np.int64)])]
    index: dict[tuple[int, int, int], int] = {tuple(begin[0].tolist()): 2}
    lines: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    offset, size = 2, 3 + len(first)
    while len(nodes[-1]):
        acting = np.nonzero(pairs[-1] != STOP)[0]
        spent = spread(graph, pairs[-1][acting], time, money)
        origin = acting[spent.row]
        left = nodes[-1][origin, 1:] - np.stack([spent.hours, spent.money], 1)
        landed = np.concatenate([spent.state[:, None], left], 1)
        target = np.empty(len(origin), dtype=np.int64)
        fresh: list[int] = []
        lost = (left < 0).any(1) | graph.forbidden[spent.state]
        won = graph.goal[spent.state] & ~lost
        for row, key in enumerate(map(tuple, landed.tolist())):
            if won[row] or lost[row]:
                target[row] = WON if won[row] else LOST
                continue
            found = index.setdefault(key, size)
            if found == size:
                fresh.append(row)
                size += 1
            target[row] = found
        lines.append((origin + offset, target, spent.weights, spent.state))
        offset += len(nodes[-1])
        nodes.append(landed[fresh])
        pairs.append(choose(nodes[-1]))
    state, pair = np.concatenate(nodes)[:, 0], np.concatenate(pairs)
    origin, target, weights, arrival = (np.concatenate([line[i] for line in lines]) for i in range(4))
    bare = Chain(state, pair, origin, target, weights, arrival, np.zeros(0), np.arange(2, 3 + len(first)))
    return Chain(state, pair, origin, target, weights, arrival, _worth(graph, bare), bare.roots)


def _worth(graph: ImaginedGraph, chain: Chain) -> np.ndarray:
    """Return per node P(goal) under the mean and each head, then expected hours, money, steps and risk."""
    pairs, heads = graph.pairs, chain.weights.shape[1]
    gain = np.zeros((len(chain.state), heads + 4))
    acts = chain.pair >= 0
    mine = chain.pair[acts]
    gain[acts, HOURS:] = np.stack(
        [pairs.hours[mine], pairs.cost[mine], np.ones(len(mine)), pairs.disagreement[mine]], 1
    )
    ends = np.zeros((2, heads + 4))
    ends[WON, :heads] = 1.0
    weights = np.concatenate([chain.weights, np.repeat(chain.weights[:, :1], 4, 1)], 1)
    return chain.solve(gain, ends, weights)
