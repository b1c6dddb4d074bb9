"""An n-gram memory that grows with every event that is revealed: interpolated Witten-Bell. Knows codes only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEGIN = -1
MOST = 1e100  # weights are brought down before they overflow


class Counts:
    """Counts of what follows the last 0 to `order` events (the beginning is one). `outcomes` codes can follow.

    With a `half_life`, what was revealed so many events ago weighs half as much as what is revealed now. A kind of
    event whose weight is less than one is less than one kind to Witten and Bell.
    """

    def __init__(self, order: int, outcomes: int, half_life: float = math.inf) -> None:
        self.order, self.outcomes = order, outcomes
        self.growth, self.now = 2 ** (1 / half_life), 1.0
        self.tables: list[dict[tuple[int, ...], Counter[int]]] = [{} for _ in range(order + 1)]

    def add(self, history: Sequence[int], following: int, times: float = 1) -> None:
        """Reveal what followed a history (codes of a case so far), so many times."""
        known = self._context(history)
        for size in range(len(known) + 1):
            context = known[len(known) - size :]
            self.tables[size].setdefault(context, Counter())[following] += times * self.now  # type: ignore[assignment]

    def reveal(self, history: Sequence[int], following: int) -> None:
        """Add what has just been revealed; all that came before fades by one event."""
        self.now *= self.growth
        if self.now > MOST:
            for seen in (counter for table in self.tables for counter in table.values()):
                for code in seen:
                    seen[code] /= self.now  # type: ignore[assignment]
            self.now = 1.0
        self.add(history, following)

    def probabilities(self, history: Sequence[int]) -> NDArray[np.float64]:
        """Return (outcomes,) probabilities: (counts + kinds x lower order) / (n + kinds), order by order."""
        known = self._context(history)
        found = np.full(self.outcomes, 1 / self.outcomes)
        for size in range(len(known) + 1):
            seen = self.tables[size].get(known[len(known) - size :])
            if not seen:
                break
            weights = np.array(list(seen.values())) / self.now
            found *= np.minimum(weights, 1).sum()
            found[list(seen)] += weights
            found /= found.sum()
        return found

    def _context(self, history: Sequence[int]) -> tuple[int, ...]:
        return (BEGIN, *history)[-self.order :] if self.order else ()


@dataclass(frozen=True)
class Remembered:
    """Memories that speak beside a network of what comes next in imagined futures. `weights` (last activities, 1 +
    memories): the network's, then theirs."""

    memories: Sequence[Counts]
    weights: NDArray[np.float64]
