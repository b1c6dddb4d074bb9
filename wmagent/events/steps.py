"""Semi-Markov steps of a log: from every event to the next decision, and what happens between without being chosen.
Knows columns and who chooses what; must not know models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog, cases_of
from wmagent.events.ownership import Ownership


@dataclass(frozen=True)
class Steps:
    """Per event of a log, as the last of its prefix: `decision` (events,) is the code of the next decision in its case,
    -1 where none is recorded any more; `hours` (events,) until it, NaN where there is none.

    `until` (events,) is the row of that decision, or the row after the case's last. What the environment does between
    are the rows `row + 1` up to, not including, `until[row]`.
    """

    decision: NDArray[np.int64]
    hours: NDArray[np.float64]
    until: NDArray[np.int64]

    @property
    def between(self) -> NDArray[np.int64]:
        """Return (events,) how many exogenous and automatic events come before the next decision, or before the case's
        last recorded moment where there is none."""
        return self.until - np.arange(len(self.until)) - 1


def steps(log: EventLog, ownership: Ownership) -> Steps:
    """Return the steps of a log; activities that the ownership map does not list are nobody's decision."""
    n = len(log)
    decided = np.isin(np.array(log.activity.values), ownership.decisions)[log.activity.codes]
    stop = log.starts[1:][cases_of(log.starts)]
    later = np.append(np.where(decided, np.arange(n), n), n)
    later = np.minimum.accumulate(later[::-1])[::-1][1:]  # the first decision after each row, of whichever case
    there = later < stop
    until = np.where(there, later, stop)
    place = np.where(there, later, 0)
    return Steps(
        np.where(there, log.activity.codes[place], -1).astype(np.int64),
        np.where(there, (log.time[place] - log.time) / HOUR, np.nan),
        until,
    )
