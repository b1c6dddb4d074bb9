"""An n-gram memory that grows with every event that is revealed: interpolated Witten-Bell. Knows codes only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BEGIN = -1


class Counts:
    """Counts of what follows the last 0 to `order` events (the beginning is one). `outcomes` codes can follow."""

    def __init__(self, order: int, outcomes: int) -> None:
        self.order, self.outcomes = order, outcomes
        self.tables: list[dict[tuple[int, ...], Counter[int]]] = [{} for _ in range(order + 1)]

    def add(self, history: Sequence[int], following: int, times: int = 1) -> None:
        """Reveal what followed a history (codes of a case so far), so many times."""
        known = self._context(history)
        for size in range(len(known) + 1):
            context = known[len(known) - size :]
            self.tables[size].setdefault(context, Counter())[following] += times

    def probabilities(self, history: Sequence[int]) -> NDArray[np.float64]:
        """Return (outcomes,) probabilities: (counts + kinds x lower order) / (n + kinds), order by order."""
        known = self._context(history)
        found = np.full(self.outcomes, 1 / self.outcomes)
        for size in range(len(known) + 1):
            seen = self.tables[size].get(known[len(known) - size :])
            if not seen:
                break
            found = len(seen) * found
            found[list(seen)] += list(seen.values())
            found /= found.sum()
        return found

    def _context(self, history: Sequence[int]) -> tuple[int, ...]:
        return (BEGIN, *history)[-self.order :] if self.order else ()
