"""How wide intervals of the remaining time must be: what held-out cases tell, and what is revealed afterwards.
Knows quantiles and hours; must not know where they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.8
POINTS = 200  # by which a distribution of reaches is kept
FEWEST = 500  # reaches that are remembered at least, so that a small log may still learn of its width
SHORTEST = 1e-3  # hours: no side of an interval is taken to be shorter
MOST_WEIGHT = 5.0  # of a case, however few like it can have ended by the cut
NARROWEST, WIDEST = 0.02, 8.0  # what no stretching can cover must not stretch without end
GAIN = 5.0  # by how much a level moves if a whole window of reaches misses its side
LEVELS = (0.03, 0.2)  # the least and the most that a side is let miss


@dataclass(frozen=True)
class Reach:
    """How far held-out numbers lay from their medians, each side in units of that side of its interval: ascending
    points (POINTS,) that are equally likely, and the number of prefixes that they tell of."""

    below: tuple[float, ...]
    above: tuple[float, ...]
    prefixes: int

    @staticmethod
    def of(said: NDArray[np.float64], true: NDArray[np.float64], weights: NDArray[np.float64]) -> Reach:
        """Return what (low, median, high) (n, 3) and the true numbers (n,) tell, weighted (n,)."""
        if not len(true):
            return UNKNOWN
        shares = (np.arange(POINTS) + 0.5) / POINTS
        below, above = (_quantiles(side, weights, shares) for side in reaches(said, true).T)
        return Reach(tuple(below.tolist()), tuple(above.tolist()), len(true))


UNKNOWN = Reach((1.0,), (1.0,), 50)  # intervals are believed as they are


def reaches(said: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2) how far the lower and the upper side of (low, median, high) (n, 3) must be stretched to hold the
    true numbers (n,); 0 for the side on which they are not."""
    low, middle, high = said.T
    away = np.stack([middle - true, true - middle], 1)
    return np.where(away > SHORTEST, away / np.stack([_side(middle - low), _side(high - middle)], 1), 0.0)


def by_chance_to_end(
    began: NDArray[np.float64], ended: NDArray[np.float64], since: float, cut: float
) -> NDArray[np.float64]:
    """Return weights of cases that began after `since` and ended before `cut` (n,): the longer a case is, the fewer
    like it can have ended by then, and each stands for those that could not."""
    window = max(cut - since, SHORTEST)
    return window / np.maximum(window - (ended - began), window / MOST_WEIGHT)


class AdaptiveWidth:
    """An interval around a median whose sides are stretched as far as the numbers revealed lately reached, beginning
    with a Reach, at a level that moves until each side misses half of what `coverage` leaves (adaptive conformal
    inference by sides).

    Reaches are ranked, not stretched by steps: where many cases last exactly as long as each other, a step too short
    would lose them all.
    """

    def __init__(self, reach: Reach = UNKNOWN, coverage: float = COVERAGE) -> None:
        self.reach, self.missing = reach, (1 - coverage) / 2
        self.level = np.full(2, self.missing)
        self.window = max(reach.prefixes, FEWEST)
        self.revealed: list[NDArray[np.float64]] = []
        self._ranked, self._waiting = self._rank(), 0

    def apply(self, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (..., 3) low, median and high with both sides stretched; nothing is below 0."""
        low, middle, high = np.moveaxis(quantiles, -1, 0)
        below, above = self.stretch
        found = [np.maximum(0.0, middle - below * _side(middle - low)), middle, middle + above * _side(high - middle)]
        return np.stack(found, -1)

    @property
    def stretch(self) -> tuple[float, float]:
        """Return by how much the lower and the upper side are stretched."""
        found = []
        for (values, shares), level in zip(self._ranked, self.level.tolist(), strict=True):
            place = min(int(np.searchsorted(shares, 1 - level)), len(values) - 1)
            found.append(float(np.clip(values[place], NARROWEST, WIDEST)))
        return found[0], found[1]

    def reveal(self, quantiles: NDArray[np.float64], said: NDArray[np.float64], true: float) -> None:
        """Follow a number that is now known, of which (low, median, high) `quantiles` had been stretched to `said`."""
        missed = np.array([true < said[0] - SHORTEST, true > said[2] + SHORTEST])
        self.level = np.clip(self.level + GAIN / self.window * (self.missing - missed), *LEVELS)
        self.revealed.append(reaches(quantiles[None], np.array([true]))[0])
        del self.revealed[: -self.window]
        self._waiting += 1
        if self._waiting >= self.window // 100:
            self._ranked, self._waiting = self._rank(), 0

    def _rank(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return for each side what is remembered, ascending, and the share of it up to there."""
        new = np.array(self.revealed).reshape(-1, 2)
        old = min(self.reach.prefixes, self.window - len(new))  # what is new takes the place of what was held out
        found = []
        for side, points in enumerate((self.reach.below, self.reach.above)):
            values = np.concatenate([points, new[:, side]])
            weights = np.concatenate([np.full(len(points), old / len(points)), np.ones(len(new))])
            order = np.argsort(values, kind="stable")
            shares = np.cumsum(weights[order])
            found.append((values[order], shares / shares[-1]))
        return found


def _side(hours: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(hours, SHORTEST)


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(values, kind="stable")
    up_to = np.cumsum(weights[order])
    return values[order][np.minimum(np.searchsorted(up_to / up_to[-1], shares), len(values) - 1)]
