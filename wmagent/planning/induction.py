"""Backward induction on an imagined graph: the best policy over states and what is left of the limits.

Knows the graph and the grids; must not know how the graph was expanded.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.grid import Grid, cost_grid, duration_lines, time_grid

STOP = -1  # entry of `choice`: nothing that was imagined is worth doing


@dataclass(frozen=True)
class Limits:
    """The grids of remaining hours and money on which values are computed, flattened to one axis of `width` cells.

    Cell (t, c) sits at t * row + c + pad; spending moves left, and everything left of `pad` or between rows is
    past a limit and worth nothing.
    """

    time: Grid
    money: Grid

    @property
    def row(self) -> int:
        """Cells from one level of hours to the next."""
        return 2 * self.money.cells if self.money.top else 1

    @property
    def width(self) -> int:
        """Cells of values per state, without the padding."""
        return self.time.top * self.row + self.money.cells

    def cell(self, hours: np.ndarray, money: np.ndarray) -> np.ndarray:
        """Return the flat cell of remaining hours and money (rounded down: never more than is left)."""
        t = _level(self.time, hours)
        return t * self.row + _level(self.money, money)

    @property
    def real(self) -> np.ndarray:
        """(width,) bool: cells that stand for something left, not for the gaps between rows."""
        return np.arange(self.width) % self.row < self.money.cells


def limits_for(graph: ImaginedGraph, time_cells: int = 48, cost_cells: int = 16) -> Limits:
    """Return grids for the graph's objective, small enough to sweep often."""
    both = graph.objective.deadline is not None and graph.objective.max_cost is not None
    time = time_grid(graph.durations, graph.objective.deadline, time_cells // 2 if both else time_cells)
    return Limits(time, cost_grid(graph.objective.max_cost, cost_cells))


@dataclass(frozen=True)
class Values:
    """What states are worth (s, width) and which pair is best there (s, width), STOP where none is."""

    value: np.ndarray
    choice: np.ndarray
    sweeps: int


@dataclass(frozen=True)
class _Layer:
    """Pairs of states of one depth: slices into the lines, grouped by pair and by state."""

    lines: slice
    pair_starts: np.ndarray
    pairs: np.ndarray
    state_starts: np.ndarray
    states: np.ndarray


def induct(
    graph: ImaginedGraph,
    limits: Limits,
    frontier: np.ndarray,
    *,
    sweeps: int = 200,
    tolerance: float = 1e-7,
    banned: np.ndarray | None = None,
    start: np.ndarray | None = None,
    choose: bool = True,
) -> Values:
    """Compute values from below (loops cannot feed on themselves) and the greedy policy.

    `frontier` (s, width) is what states without an imagined action are taken to be worth; `banned` (p,) bool are
    pairs that may not be chosen; `start` (rows, width) are lower bounds of the first states to begin with.
    """
    width, pad = limits.width, limits.width + limits.row
    value = np.zeros((len(graph), pad + width))
    value[:, pad:] = frontier * limits.real
    value[graph.goal, pad:] = limits.real
    value[graph.forbidden] = 0.0
    usable = ~graph.pairs.useless if banned is None else ~(graph.pairs.useless | banned)
    base, weight, price, layers = _compile(graph, limits, usable, pad)
    windows = np.lib.stride_tricks.sliding_window_view(value.reshape(-1), width)
    done = 0
    for layer in layers:
        value[layer.states, pad:] = 0.0
    if start is not None:
        value[: len(start), pad:] = np.maximum(value[: len(start), pad:], start)
    while done < sweeps:
        done += 1
        change = 0.0
        for layer in layers:
            _, best = _backup(windows, base, weight, price, layer)
            best = np.maximum(best, 0.0) * limits.real
            change = max(change, float(np.abs(best - value[layer.states, pad:]).max(initial=0.0)))
            value[layer.states, pad:] = best
        if change < tolerance:
            break
    choice = np.full((len(graph), width), STOP, dtype=np.int64)
    for layer in layers if choose else ():
        worth, best = _backup(windows, base, weight, price, layer)
        counts = np.diff(np.append(layer.state_starts, len(layer.pairs)))
        tied = worth >= np.repeat(best, counts, 0) - 1e-12
        rank = np.where(tied, np.arange(len(layer.pairs))[:, None], len(layer.pairs))
        picked = layer.pairs[np.minimum.reduceat(rank, layer.state_starts, 0)]
        choice[layer.states] = np.where(best > 0, picked, STOP)
    return Values(value[:, pad:], choice, done)


def step_price(graph: ImaginedGraph) -> np.ndarray:
    """Return what each pair costs in utility: the step, its money, its expected hours, the ensemble's disagreement."""
    objective, pairs = graph.objective, graph.pairs
    return (
        objective.step_weight
        + objective.cost_weight * pairs.cost
        + objective.hour_weight * pairs.hours
        + objective.risk_weight * pairs.disagreement
    )


def _backup(
    windows: np.ndarray, base: np.ndarray, weight: np.ndarray, price: np.ndarray, layer: _Layer
) -> tuple[np.ndarray, np.ndarray]:
    """Return the worth of the layer's pairs (pairs, width) and of its states' best pairs (states, width)."""
    rows = windows[base[layer.lines]] * weight[layer.lines, None]
    worth = np.add.reduceat(rows, layer.pair_starts, 0) - price[layer.pairs, None]
    return worth, np.maximum.reduceat(worth, layer.state_starts, 0)


def _compile(
    graph: ImaginedGraph, limits: Limits, usable: np.ndarray, pad: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[_Layer]]:
    """Return lines (where their value window begins, their weight), the pairs' prices, and layers, deepest first.

    What leads straight back to its state at no expense is solved here: the pair is repeated until it leads elsewhere.
    """
    edges, pairs = graph.edges, graph.pairs
    edge, shift, weight = duration_lines(edges.durations, graph.durations, limits.time)
    kept = usable[edges.pair[edge]]
    edge, shift, weight = edge[kept], shift[kept], weight[kept]
    pair, following = edges.pair[edge], edges.next[edge]
    stays = np.where(graph.goal[following], 1.0, 1.0 - edges.done[edge])
    weight = weight * edges.prob[edge] * stays
    spent = shift * limits.row
    if limits.money.top:
        low, high, share = limits.money.shifts(pairs.cost)
        up = np.nonzero(share[pair])[0]
        spent = np.concatenate([spent + low[pair], spent[up] + high[pair[up]]])
        weight = np.concatenate([weight * (1 - share[pair]), weight[up] * share[pair[up]]])
        pair, following = np.concatenate([pair, pair[up]]), np.concatenate([following, following[up]])
    again = (following == pairs.state[pair]) & (spent == 0)
    leaves = 1.0 - np.bincount(pair[again], weight[again], len(pairs.state))
    leaves = np.where(leaves > 1e-6, leaves, np.inf)
    pair, following, spent, weight = (
        pair[~again],
        following[~again],
        spent[~again],
        weight[~again] / leaves[pair[~again]],
    )
    order = np.lexsort((pair, pairs.state[pair], -graph.depth[pairs.state[pair]]))
    pair, following, weight = pair[order], following[order], weight[order]
    base = following * (pad + limits.width) + pad - np.minimum(spent[order], pad)
    return base, weight, step_price(graph) / leaves, _layers(graph, pair)


def _layers(graph: ImaginedGraph, pair: np.ndarray) -> list[_Layer]:
    """Group sorted lines by the depth of their state."""
    if not len(pair):
        return []
    state = graph.pairs.state[pair]
    depth = graph.depth[state]
    cuts = np.concatenate([[0], np.nonzero(np.diff(depth))[0] + 1, [len(pair)]])
    layers = []
    for low, high in itertools.pairwise(cuts):
        mine = pair[low:high]
        pair_starts = np.concatenate([[0], np.nonzero(np.diff(mine))[0] + 1])
        owners = state[low:high][pair_starts]
        state_starts = np.concatenate([[0], np.nonzero(np.diff(owners))[0] + 1])
        layers.append(_Layer(slice(low, high), pair_starts, mine[pair_starts], state_starts, owners[state_starts]))
    return layers


def _level(grid: Grid, left: np.ndarray) -> np.ndarray:
    if not grid.top:
        return np.zeros_like(np.asarray(left), dtype=np.int64)
    return np.clip(np.floor(np.asarray(left) / grid.unit + 1e-6), 0, grid.top).astype(np.int64)
