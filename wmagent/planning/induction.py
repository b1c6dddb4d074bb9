"""Backward induction on an imagined graph: the best policy over states and what is left of the limits.

Knows the graph and the grids; must not know how the graph was expanded.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.grid import Grid, cost_grid, duration_lines, time_grid

RARE = 1e-3  # durations less likely than this play no part in the choice of a policy
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
class Layer:
    """The pairs of the states of one depth: lines grouped by pair, pairs grouped by state.

    A line reads the window of values that begins at `base`, times `weight`; a pair costs `price`. `reads` are the
    depths of the states that the lines lead to.
    """

    depth: int
    reads: tuple[int, ...]
    base: np.ndarray
    weight: np.ndarray
    pair_starts: np.ndarray
    pairs: np.ndarray
    price: np.ndarray
    state_starts: np.ndarray
    states: np.ndarray

    def backup(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the worth of the pairs (pairs, width) and of the states' best pairs (states, width)."""
        worth = np.add.reduceat(windows[self.base] * self.weight, self.pair_starts, 0) - self.price
        return worth, np.maximum.reduceat(worth, self.state_starts, 0)

    def choice(self, worth: np.ndarray, best: np.ndarray) -> np.ndarray:
        """Return the first best pair per state and cell, STOP where none is worth anything."""
        counts = np.diff(np.append(self.state_starts, len(self.pairs)))
        tied = worth >= np.repeat(best, counts, 0) - 1e-12
        rank = np.where(tied, np.arange(len(self.pairs))[:, None], len(self.pairs) - 1)
        return np.where(best > 0, self.pairs[np.minimum.reduceat(rank, self.state_starts, 0)], STOP)


def induct(
    graph: ImaginedGraph,
    limits: Limits,
    frontier: np.ndarray,
    *,
    layers: tuple[Layer, ...] | None = None,
    sweeps: int = 200,
    tolerance: float = 1e-7,
    start: np.ndarray | None = None,
    choose: bool = True,
) -> Values:
    """Compute values from below (loops cannot feed on themselves) and the greedy policy.

    `frontier` (s, width) is what states without an imagined action are taken to be worth; `layers` come from
    `compile_layers` (by default of all pairs); `start` (rows, width) are lower bounds of the first states to begin
    with; `choose=False` leaves the policy out.
    """
    width, pad, real = limits.width, limits.width + limits.row, limits.real
    layers = compile_layers(graph, limits) if layers is None else layers
    value = np.zeros((len(graph), pad + width))
    value[:, pad:] = frontier * real
    value[graph.goal, pad:] = real
    value[graph.forbidden] = 0.0
    for layer in layers:
        value[layer.states, pad:] = 0.0
    if start is not None:
        value[: len(start), pad:] = np.maximum(value[: len(start), pad:], start)
    windows = np.lib.stride_tricks.sliding_window_view(value.reshape(-1), width)
    done, moved = 0, dict.fromkeys((layer.depth for layer in layers), np.inf)  # how far the last backup moved a layer
    while done < sweeps and max(moved.values(), default=0.0) >= tolerance:
        done += 1
        for layer in layers:
            if done > 1 and max((moved.get(depth, 0.0) for depth in layer.reads), default=0.0) < tolerance:
                moved[layer.depth] = 0.0
                continue
            best = np.maximum(layer.backup(windows)[1], 0.0) * real
            moved[layer.depth] = float(np.abs(best - value[layer.states, pad:]).max())
            value[layer.states, pad:] = best
    choice = np.full((len(graph), width), STOP, dtype=np.int64)
    for layer in layers if choose else ():
        choice[layer.states] = layer.choice(*layer.backup(windows))
    return Values(value[:, pad:], choice, done)


def step_price(graph: ImaginedGraph) -> np.ndarray:
    """Return what each pair costs in utility: the step, its money, its expected hours, and doubt about it."""
    objective, pairs = graph.objective, graph.pairs
    return (
        objective.step_weight
        + (objective.cost_weight or 0.0) * pairs.cost
        + (objective.hour_weight or 0.0) * pairs.hours
        + objective.risk_weight * pairs.disagreement
        + objective.outside_weight * pairs.outside
    )


def compile_layers(graph: ImaginedGraph, limits: Limits, banned: np.ndarray | None = None) -> tuple[Layer, ...]:
    """Return what `induct` sweeps, deepest states first, without the pairs `banned` (p,) bool.

    What leads straight back to its state at no expense is solved here: the pair is repeated until it leads elsewhere.
    """
    usable = ~graph.pairs.useless if banned is None else ~(graph.pairs.useless | banned)
    pad = limits.width + limits.row
    edges, pairs = graph.edges, graph.pairs
    edge, shift, weight = duration_lines(edges.durations, graph.durations, limits.time, RARE)
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
    depth = graph.depth[pairs.state[pair]]
    order = np.lexsort((pair, pairs.state[pair], -depth))
    pair, following, weight, depth = pair[order], following[order], weight[order, None], depth[order]
    base = following * (pad + limits.width) + pad - np.minimum(spent[order], pad)
    price, state = (step_price(graph) / leaves)[:, None], pairs.state[pair]
    layers = []
    for low, high in itertools.pairwise([0, *_starts(depth)[1:].tolist(), len(pair)] if len(pair) else []):
        pair_starts = _starts(pair[low:high])
        mine, owners = pair[low:high][pair_starts], state[low:high][pair_starts]
        state_starts = _starts(owners)
        reads = tuple(np.flatnonzero(np.bincount(graph.depth[following[low:high]])).tolist())
        lines = base[low:high], weight[low:high]
        states = state_starts, owners[state_starts]
        layers.append(Layer(int(depth[low]), reads, *lines, pair_starts, mine, price[mine], *states))
    return tuple(layers)


def _starts(sorted_: np.ndarray) -> np.ndarray:
    """Return where each run of equal numbers begins."""
    return np.concatenate([[0], np.nonzero(sorted_[1:] != sorted_[:-1])[0] + 1])


def _level(grid: Grid, left: np.ndarray) -> np.ndarray:
    if not grid.top:
        return np.zeros_like(np.asarray(left), dtype=np.int64)
    return np.clip(np.floor(np.asarray(left) / grid.unit + 1e-6), 0, grid.top).astype(np.int64)
