"""Direct heads beside the dynamics: what becomes of a case, and when it ends. Knows a process model and LightGBM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.errors import InputError
from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel, rows_of
from wmagent.events.trees import LAST, table

LEVELS = np.array([0.1, 0.5, 0.9])
_TREES = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "lambda_l2": 1.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "num_threads": 2,
    "deterministic": True,
    "verbosity": -1,
}


class OutcomeHead:
    """P(an activity happens before the case is over), for prefixes in which it has not happened yet."""

    def __init__(self, model: ProcessModel, activity: str) -> None:
        if activity not in model.vocabulary.activities:
            from wmagent.errors import unknown

            raise unknown("activity", activity, model.vocabulary.activities)
        self.model, self.code = model, model.vocabulary.activities.index(activity)
        self._booster: Any = None

    def fit(
        self, history: Histories, cases: NDArray[np.int64], over: NDArray[np.bool_], rounds: int = 150
    ) -> OutcomeHead:
        """Learn from the undecided prefixes of cases that are over (or in which it has happened)."""
        rows, hit = undecided(history, cases, self.code, over)
        if len(np.unique(hit)) < 2:
            raise InputError("the outcome happened in none or all of the cases; there is nothing to tell apart")
        self._booster = _fitted(self._table(history, rows), hit, {"objective": "binary"}, rounds, self.model.seed)
        return self

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(outcome) (n,) after each row."""
        return np.asarray(self._booster.predict(self._table(history, rows)))

    def _table(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return with_latents(self.model, history, rows)


class RemainingHead:
    """Hours until the end of a case, with an 80 % interval: the network's and boosted trees' quantiles, averaged."""

    def __init__(self, model: ProcessModel) -> None:
        self.model = model
        self._boosters: list[Any] = []

    def fit(
        self, history: Histories, cases: NDArray[np.int64], over: NDArray[np.bool_], rounds: int = 120
    ) -> RemainingHead:
        """Learn from the prefixes of cases that are over."""
        rows = rows_of(history, cases[over[cases]])
        hours = _until_end(history, rows)
        read = with_latents(self.model, history, rows)
        self._boosters = [
            _fitted(read, np.log1p(hours), {"objective": "quantile", "alpha": level}, rounds, self.model.seed)
            for level in LEVELS
        ]
        return self

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the .1, .5 and .9 quantiles of the hours that remain (n, 3), ascending."""
        import torch

        read = with_latents(self.model, history, rows)
        boosted = np.stack([np.expm1(np.maximum(b.predict(read), 0)) for b in self._boosters], 1)
        with torch.inference_mode():
            latents = torch.from_numpy(self.model.latents(history, rows))
            probs = self.model.network.remaining(latents).softmax(-1).numpy()
        told = self.model.remaining.quantiles(probs, LEVELS)
        return np.sort((boosted + told) / 2, 1)


def undecided(
    history: Histories, cases: NDArray[np.int64], code: int, over: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows at which it is open whether an activity will happen, and whether it does; cases in which that is
    not known (still open, not happened) are left out."""
    rows, hits = [], []
    for case in cases.tolist():
        start, end = int(history.starts[case]), int(history.starts[case + 1])
        where = np.flatnonzero(history.activity[start:end] == code)
        if len(where):
            rows.append(np.arange(start, start + where[0]))
            hits.append(np.ones(where[0], bool))
        elif over[case]:
            rows.append(np.arange(start, end - 1))
            hits.append(np.zeros(end - 1 - start, bool))
    return np.concatenate(rows), np.concatenate(hits)


def with_latents(model: ProcessModel, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what trees read, with the latent beside it."""
    return np.concatenate([table(history, rows, len(model.vocabulary.activities)), model.latents(history, rows)], 1)


def _until_end(history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    case_of = np.repeat(np.arange(len(history)), np.diff(history.starts))
    return history.hours[history.starts[1:] - 1][case_of[rows]] - history.hours[rows]


def _fitted(read: NDArray[np.float32], wanted: NDArray[Any], settings: dict[str, Any], rounds: int, seed: int) -> Any:
    import lightgbm

    codes = list(range(LAST + 2))
    data = lightgbm.Dataset(read, wanted.astype(float), categorical_feature=codes, params={"verbosity": -1})
    return lightgbm.train(_TREES | settings | {"seed": seed}, data, rounds)
