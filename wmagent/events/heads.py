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
from wmagent.events.trees import boosted, readings

# many small trees that each see little: what is rare by then may be frequent later
SMALL = {"objective": "binary", "learning_rate": 0.05, "num_leaves": 7, "feature_fraction": 0.2}


class OutcomeHead:
    """P(an activity happens before the case is over), for prefixes in which it has not happened yet: what boosted trees
    say who read the prefix, and such who read its latent too. A name with * or ? stands for all that it matches: any of
    them."""

    def __init__(self, model: ProcessModel, activity: str) -> None:
        self.model, self.codes = model, matching(model.vocabulary.activities, activity)
        self._boosters: tuple[Any, ...] = ()

    def fit(
        self, history: Histories, cases: NDArray[np.int64], over: NDArray[np.bool_], rounds: int = 300
    ) -> OutcomeHead:
        """Learn from the undecided prefixes of cases that are over (or in which it has happened)."""
        rows, hit = undecided(history, cases, self.codes, over)
        if len(np.unique(hit)) < 2:
            raise InputError("the outcome happened in none or all of the cases; there is nothing to tell apart")
        settings = SMALL | {"min_data_in_leaf": int(np.clip(len(rows) // 50, 5, 100))}
        read = readings(*self.model.told(history, rows))
        self._boosters = tuple(boosted(one, hit, settings, rounds, self.model.seed) for one in read)
        return self

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(outcome) (n,) after each row."""
        read = zip(self._boosters, readings(*self.model.told(history, rows)), strict=True)
        return np.mean([booster.predict(one) for booster, one in read], 0)


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
