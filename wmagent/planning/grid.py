"""Elapsed hours and money as whole cells, so that limits are tracked while equal imagined states merge.

Knows durations, costs and limits; must not know states or actions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

SMALL = 1e-4  # duration bins below this share are dropped by default and the rest renormalised


@dataclass(frozen=True)
class Grid:
    """What is left of one limit, in cells 0..top; spending rounds to cells, split linearly unless `exact`."""

    top: int
    unit: float
    exact: bool

    @property
    def cells(self) -> int:
        """How many levels of what is left there are."""
        return self.top + 1

    def shifts(self, amount: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for each amount (m,) the lower cell, the upper cell and the share of the upper one."""
        position = np.asarray(amount, dtype=np.float64) / self.unit
        low = np.floor(position + 1e-6)
        share = np.where(position - low < 1e-6, 0.0, position - low)
        if self.exact:
            low, share = np.rint(position), np.zeros_like(position)
        low = np.minimum(low, self.top + 1).astype(np.int64)
        return low, np.minimum(low + (share > 0), self.top + 1), share


NO_LIMIT = Grid(0, math.inf, True)


def time_grid(durations: np.ndarray, deadline: float | None, max_cells: int) -> Grid:
    """Return the grid of remaining hours: exact where all durations are multiples of a unit, within `max_cells`."""
    if deadline is None:
        return NO_LIMIT
    unit = common_unit([float(d) for d in durations if d > 0])
    if unit is None:
        return Grid(0, 1.0, True) if not np.any(np.asarray(durations) > 0) else _split(deadline, max_cells)
    top = math.floor(deadline / unit + 1e-9)
    return Grid(top, unit, True) if top < max_cells else _split(deadline, max_cells)


def cost_grid(max_cost: float | None, max_cells: int) -> Grid:
    """Return the grid of remaining money, `max_cells` levels."""
    return NO_LIMIT if max_cost is None else _split(max_cost, max_cells)


def common_unit(amounts: list[float]) -> float | None:
    """Return the largest unit of which all amounts are whole multiples; None when there is no sensible one."""
    unit = Fraction(0)
    for amount in amounts:
        fraction = Fraction(amount).limit_denominator(240)
        if abs(float(fraction) - amount) > 1e-6 * max(1.0, amount) or not fraction:
            return None
        unit = (
            Fraction(
                math.gcd(unit.numerator * fraction.denominator, fraction.numerator * unit.denominator),
                unit.denominator * fraction.denominator,
            )
            if unit
            else fraction
        )
    return float(unit) if unit else None


def duration_lines(
    probs: np.ndarray, durations: np.ndarray, grid: Grid, small: float = SMALL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spread e edges over the cells they may take: (edge, shift, weight), weights summing to 1 per edge.

    `probs` (e, m) over `durations` (m,) hours, of which shares below `small` are dropped. A shift of `grid.cells` or
    more is past the limit.
    """
    if grid is NO_LIMIT:
        edges = np.arange(len(probs))
        return edges, np.zeros(len(probs), dtype=np.int64), np.ones(len(probs))
    kept = np.where(probs >= small, probs, 0.0)
    low, high, share = grid.shifts(durations)
    cells, place = np.unique(np.concatenate([low, high]), return_inverse=True)
    spread, bins = np.zeros((len(durations), len(cells))), np.arange(len(durations))
    spread[bins, place[: len(bins)]] = 1 - share
    spread[bins, place[len(bins) :]] += share
    weights = kept @ spread / kept.sum(1, keepdims=True)
    edge, cell = np.nonzero(weights)
    return edge, cells[cell], weights[edge, cell]


def _split(limit: float, max_cells: int) -> Grid:
    if limit <= 0:
        return Grid(0, 1e-9, False)
    return Grid(max_cells - 1, limit / (max_cells - 1), False)
