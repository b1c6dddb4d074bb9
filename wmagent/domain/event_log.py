"""An event log as columns: cases, activities, times, who, attributes. Knows numpy; must not know files or models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from wmagent.errors import InputError

HOUR = 3_600_000_000  # microseconds
SILENCE = 0.95  # quantile of gaps: a case that has been silent for less may go on


@dataclass(frozen=True)
class Categories:
    """A column of texts: `codes` (n,) int32 into `values`, -1 where nothing is known."""

    codes: NDArray[np.int32]
    values: tuple[str, ...]


Column = Categories | NDArray[np.float64]  # numbers are NaN where nothing is known


@dataclass(frozen=True)
class EventLog:
    """Events grouped by case. The rows of case i are `starts[i]:starts[i + 1]`, in the order of the file; cases are in
    the order in which they first appear.

    `time` is in microseconds since 1970, UTC: when the activity was done. `begun` is when it was begun, where a log has
    both. Case attributes are one value per case; they are what the file says, known at which moment or not.
    """

    cases: tuple[str, ...]
    starts: NDArray[np.int64]  # (cases + 1,)
    activity: Categories
    time: NDArray[np.int64]
    resource: Categories | None = None
    lifecycle: Categories | None = None
    begun: NDArray[np.int64] | None = None
    event_attributes: Mapping[str, Column] = field(default_factory=dict)
    case_attributes: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.time)

    def gaps(self) -> NDArray[np.int64]:
        """Return the microseconds between events that follow one another in a case."""
        inside = np.ones(len(self), bool)
        inside[self.starts[:-1]] = False
        return np.diff(self.time, prepend=self.time[:1])[inside]

    def silence(self) -> float:
        """Return the microseconds of silence after which a case is taken to be over: the SILENCE quantile of gaps."""
        gaps = self.gaps()
        return float(np.quantile(gaps, SILENCE)) if len(gaps) else 0.0

    def where(self, kept: NDArray[np.bool_]) -> EventLog:
        """Return the events that are kept, and the cases that still have one."""
        case_of = cases_of(self.starts)
        left = np.unique(case_of[kept])
        rows = np.flatnonzero(kept)
        starts = np.concatenate(
            [[0], np.cumsum(np.bincount(np.searchsorted(left, case_of[rows]), minlength=len(left)))]
        )
        return self._rows(rows, left, starts.astype(np.int64))

    def take(self, cases: NDArray[np.int64]) -> EventLog:
        """Return the log of some cases, given by number, in that order."""
        starts = np.concatenate([[0], np.cumsum(np.diff(self.starts)[cases])]).astype(np.int64)
        return self._rows(rows_of(self.starts, cases), cases, starts)

    def _rows(self, rows: NDArray[np.int64], cases: NDArray[np.int64], starts: NDArray[np.int64]) -> EventLog:
        return EventLog(
            tuple(self.cases[i] for i in cases.tolist()),
            starts,
            used(taken(self.activity, rows)),
            self.time[rows],
            None if self.resource is None else taken(self.resource, rows),
            None if self.lifecycle is None else taken(self.lifecycle, rows),
            None if self.begun is None else self.begun[rows],
            {name: taken(column, rows) for name, column in self.event_attributes.items()},
            {name: taken(column, cases) for name, column in self.case_attributes.items()},
        )


def cases_of(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of every row's case; `starts` as in EventLog."""
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def rows_of(starts: NDArray[np.int64], cases: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of some cases, case after case; `starts` as in EventLog."""
    counts = np.diff(starts)[cases]
    first = np.concatenate([[0], np.cumsum(counts)])
    return np.arange(first[-1]) + np.repeat(starts[:-1][cases] - first[:-1], counts)


@overload
def taken(column: Categories, rows: NDArray[np.int64]) -> Categories: ...


@overload
def taken(column: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]: ...


def taken(column: Column, rows: NDArray[np.int64]) -> Column:
    """Return some rows of a column."""
    if isinstance(column, Categories):
        return Categories(column.codes[rows], column.values)
    return column[rows]


def used(column: Categories) -> Categories:
    """Return a column without values that do not occur."""
    here = np.flatnonzero(np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)))
    place = np.full(len(column.values) + 1, -1, np.int32)
    place[here] = np.arange(len(here), dtype=np.int32)
    return Categories(place[column.codes], tuple(column.values[i] for i in here.tolist()))


def with_transitions(log: EventLog, lifecycle: str = "complete") -> EventLog:
    """Return the completed events of a log, or all with their transition in their name (`lifecycle` = all); events
    without a transition keep their name."""
    if lifecycle not in ("complete", "all"):
        raise InputError(f"lifecycle is complete or all, not {lifecycle!r}")
    if log.lifecycle is None:
        return log
    told = [value.lower() for value in log.lifecycle.values]
    if lifecycle == "all":
        endings = [*(f"+{transition}" for transition in told), ""]
        names = [activity + ending for activity in log.activity.values for ending in endings]
        codes = log.activity.codes * len(endings) + log.lifecycle.codes % len(endings)  # -1 becomes the last
        return replace(log, activity=used(Categories(codes.astype(np.int32), tuple(names))))
    kept = np.isin(log.lifecycle.codes, [code for code, value in enumerate(told) if value == "complete"])
    return log.where(kept) if kept.any() else log
