"""Direct heads beside the dynamics: what becomes of a case, and when it ends. Knows a process model and LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import cases_of, rows_of
from wmagent.errors import InputError, unknown
from wmagent.events.histories import Histories
from wmagent.events.process_model import LEVELS, ProcessModel
from wmagent.events.trees import boosted, table

_TREES = {"learning_rate": 0.05, "min_data_in_leaf": 40, "feature_fraction": 0.6}


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
        read = with_latents(self.model, history, rows)[0]
        self._booster = boosted(read, hit, _TREES | {"objective": "binary"}, rounds, self.model.seed)
        return self

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(outcome) (n,) after each row."""
        return np.asarray(self._booster.predict(with_latents(self.model, history, rows)[0]))


class RemainingHead:
    """Hours until the end of a case, with an 80 % interval: quantiles of boosted trees that read prefixes, and of such
    that read latents too."""

    def __init__(self, model: ProcessModel) -> None:
        self.model, self.typical = model, 0.0
        self._boosters: list[tuple[int, list[Any]]] = []

    def fit(
        self, history: Histories, cases: NDArray[np.int64], over: NDArray[np.bool_], rounds: int = 120
    ) -> RemainingHead:
        """Learn from the prefixes of cases that are over."""
        rows = rows_of(history.starts, cases[over[cases]])
        hours = until_end(history, rows)
        self.typical = float(np.median(hours))
        read, latents = with_latents(self.model, history, rows)
        kinds = [_TREES | {"objective": "quantile", "alpha": level} for level in LEVELS]
        self._boosters = [
            (width, [boosted(read[:, :width], np.log1p(hours), kind, rounds, self.model.seed) for kind in kinds])
            for width in (read.shape[1] - latents.shape[1], read.shape[1])
        ]
        return self

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what both say: the .1, .5 and .9 quantiles of the hours that remain (2, n, 3), ascending."""
        read = with_latents(self.model, history, rows)[0]
        told = [[booster.predict(read[:, :width]) for booster in boosters] for width, boosters in self._boosters]
        return np.sort(np.expm1(np.maximum(np.array(told).transpose(0, 2, 1), 0)), 2)


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


def with_latents(
    model: ProcessModel, history: Histories, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what trees read with the latents beside it, and the latents."""
    latents = model.latents(history, rows)
    return np.concatenate([table(history, rows, len(model.vocabulary.activities)), latents], 1), latents


def until_end(history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the hours (n,) from each row to the last event of its case."""
    case_of = cases_of(history.starts)
    return history.hours[history.starts[1:] - 1][case_of[rows]] - history.hours[rows]
