"""A direct head beside the dynamics: what becomes of a case. Knows a process model and LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import cases_of
from wmagent.errors import InputError, unknown
from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel
from wmagent.events.trees import SLOW, boosted


class OutcomeHead:
    """P(an activity happens before the case is over), for prefixes in which it has not happened yet. A name with * or ?
    stands for all that it matches: any of them."""

    def __init__(self, model: ProcessModel, activity: str) -> None:
        self.model, self.codes = model, matching(model.vocabulary.activities, activity)
        self._booster: Any = None

    def fit(
        self, history: Histories, cases: NDArray[np.int64], over: NDArray[np.bool_], rounds: int = 150
    ) -> OutcomeHead:
        """Learn from the undecided prefixes of cases that are over (or in which it has happened)."""
        rows, hit = undecided(history, cases, self.codes, over)
        if len(np.unique(hit)) < 2:
            raise InputError("the outcome happened in none or all of the cases; there is nothing to tell apart")
        read = np.concatenate(self.model.told(history, rows), 1)
        self._booster = boosted(read, hit, SLOW | {"objective": "binary"}, rounds, self.model.seed)
        return self

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(outcome) (n,) after each row."""
        return np.asarray(self._booster.predict(np.concatenate(self.model.told(history, rows), 1)))


def matching(activities: Sequence[str], name: str) -> tuple[int, ...]:
    """Return the codes of an activity, or of all that a name with * or ? matches; InputError where there is none."""
    if name in activities:
        return (activities.index(name),)
    found = tuple(code for code, other in enumerate(activities) if fnmatchcase(other, name))
    if not found:
        raise unknown("activity", name, activities)
    return found


def undecided(
    history: Histories, cases: NDArray[np.int64], codes: Sequence[int], over: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows at which it is open whether one of some activities will happen, and whether it does; cases in
    which that is not known (still open, not happened) are left out."""
    rows, hits = [], []
    for case in cases.tolist():
        start, end = int(history.starts[case]), int(history.starts[case + 1])
        where = np.flatnonzero(np.isin(history.activity[start:end], codes))
        if len(where):
            rows.append(np.arange(start, start + where[0]))
            hits.append(np.ones(where[0], bool))
        elif over[case]:
            rows.append(np.arange(start, end - 1))
            hits.append(np.zeros(end - 1 - start, bool))
    return np.concatenate(rows), np.concatenate(hits)


def until_end(history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the hours (n,) from each row to the last event of its case."""
    case_of = cases_of(history.starts)
    return history.hours[history.starts[1:] - 1][case_of[rows]] - history.hours[rows]
