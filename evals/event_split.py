"""The strict temporal protocol: what is learned lies before what is asked, and no answer is leaked. Knows columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog, cases_of, rows_of

VALIDATION = 0.2  # of the training cases, the latest to start


@dataclass(frozen=True)
class Asked:
    """Prefixes to be continued: the row of their last event and what follows. `wanted` is an activity's code in the
    log, or the number of activities for the end."""

    rows: NDArray[np.int64]
    wanted: NDArray[np.int64]
    cases: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)


@dataclass(frozen=True)
class Split:
    """Numbers of training cases (validation apart, all in the order of their start) and what is asked of others.

    `over` says which cases' ends are known, `since` (microseconds) from when on it is asked.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    others: NDArray[np.int64]
    over: NDArray[np.bool_]
    since: int
    asked: Asked

    @property
    def pool(self) -> NDArray[np.int64]:
        """Return training and validation cases."""
        return np.concatenate([self.train, self.validation])


def strict_split(log: EventLog, share: float = 0.8) -> Split:
    """Split a log in time (after Weytjens and De Weerdt): since = the `share` quantile of case starts.

    Training cases end before it; cases that end later are asked about, after each of their events from then on. An end
    nearer to the log's end than the log's usual silence is censored: it is not asked for.
    """
    first, last = log.time[log.starts[:-1]], log.time[log.starts[1:] - 1]
    since = int(np.quantile(first, share))
    pool = np.flatnonzero(last < since)
    others = np.flatnonzero(last >= since)
    return _split(log, pool[np.argsort(first[pool], kind="stable")], others, since)


def random_split(log: EventLog, share: float = 0.8, seed: int = 0) -> Split:
    """Split cases at random, which flatters: similar cases of the same time are on both sides."""
    order = np.random.default_rng(seed).permutation(len(log.cases))
    pool, others = np.split(order, [round(share * len(order))])
    first = log.time[log.starts[:-1]]
    return _split(log, pool[np.argsort(first[pool], kind="stable")], np.sort(others), int(log.time.min()))


def _split(log: EventLog, pool: NDArray[np.int64], others: NDArray[np.int64], since: int) -> Split:
    last = log.time[log.starts[1:] - 1]
    over = last < log.time.max() - log.silence()
    train, validation = np.split(pool, [len(pool) - round(VALIDATION * len(pool))])
    rows = rows_of(log.starts, others)
    case_of = cases_of(log.starts)
    wanted = following(log)[rows]
    ends = wanted == len(log.activity.values)
    kept = (log.time[rows] >= since) & (~ends | over[case_of[rows]])
    return Split(train, validation, others, over, since, Asked(rows[kept], wanted[kept], case_of[rows[kept]]))


def following(log: EventLog) -> NDArray[np.int64]:
    """Return for every event the code of the next one in its case, the number of activities where there is none."""
    codes = np.append(log.activity.codes[1:], 0).astype(np.int64)
    codes[log.starts[1:] - 1] = len(log.activity.values)
    return codes


def remaining_days(log: EventLog, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the days from each row to the last event of its case."""
    case_of = cases_of(log.starts)
    return (log.time[log.starts[1:] - 1][case_of[rows]] - log.time[rows]) / (24 * HOUR)
