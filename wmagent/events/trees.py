"""Boosted trees as a direct head: the next event from the last activities, counts, clock and attributes.
Knows histories and LightGBM; must not know the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.events.histories import Histories

LAST = 4  # activities that are told apart by their place
FLOOR = 1e-5


def table(history: Histories, rows: NDArray[np.int64], activities: int) -> NDArray[np.float32]:
    """Return what trees read of the prefixes that end with `rows`: (n, features); the first LAST + 2 are codes, 0 where
    there was no event yet."""
    first = history.first[rows]
    last = [np.where(rows - back >= first, history.activity[np.maximum(rows - back, 0)] + 1, 0) for back in range(LAST)]
    who = [history.resource[rows] + 1, np.where(rows > first, history.resource[rows - 1] + 1, 0)]
    before = np.where(rows > first, history.gap[rows - 1], 0.0)
    counts = _counts(history, activities)[rows]
    parts = [*last, *who, np.log1p(before)]
    return np.concatenate([np.stack(parts, 1), counts, history.numbers[rows]], 1).astype(np.float32)


def _counts(history: Histories, activities: int) -> NDArray[np.float32]:
    """Return how often every activity happened in the case up to each event."""
    one = np.zeros((len(history.activity), activities + 2), np.float32)
    one[np.arange(len(one)), history.activity] = 1
    total = np.cumsum(one, 0)
    before = np.vstack([np.zeros((1, activities + 2), np.float32), total])[history.starts[:-1]]
    return total - np.repeat(before, np.diff(history.starts), axis=0)


def readings(told: NDArray[np.float32], latents: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return what the two readers of a head read of prefixes: what trees are told (n, features), and with it the
    latents (n, d)."""
    return told, np.concatenate([told, latents], 1)


def boosted(
    read: NDArray[np.float32], wanted: NDArray[Any], settings: Mapping[str, object], rounds: int, seed: int
) -> Any:
    """Return a LightGBM booster of what trees read (n, features), whose first LAST + 2 columns are codes."""
    import lightgbm

    common = {
        "num_leaves": 31,
        "lambda_l2": 1.0,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "num_threads": 1,  # two threads of one booster wait for each other; two boosters do not
        "deterministic": True,
        "seed": seed,
        "verbosity": -1,  # it talks on stdout otherwise
    }
    codes = list(range(LAST + 2))
    data = lightgbm.Dataset(read, wanted.astype(float), categorical_feature=codes, params={"verbosity": -1})
    return lightgbm.train(common | dict(settings), data, rounds)


@dataclass(frozen=True)
class Trees:
    """A boosted classifier of codes; `text` is LightGBM's own text format, `classes` the codes it tells apart."""

    text: str
    classes: NDArray[np.int64]
    activities: int

    @staticmethod
    def fit(
        history: Histories, rows: NDArray[np.int64], wanted: NDArray[np.int64], activities: int, rounds: int, seed: int
    ) -> Trees:
        """Learn which code follows the prefixes that end with `rows`; codes too rare to be learned are left out."""
        classes = np.unique(wanted)
        settings = {
            "objective": "multiclass",
            "num_class": len(classes),
            "learning_rate": 0.08,
            "min_data_in_leaf": 20,
            "feature_fraction": 0.7,
            "cat_smooth": 20,
        }
        read = table(history, rows, activities)
        booster = boosted(read, np.searchsorted(classes, wanted), settings, rounds, seed)
        return Trees(booster.model_to_string(), classes, activities)

    def predict(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (n, activities + 1) probabilities of the next code."""
        found = np.full((len(rows), self.activities + 1), FLOOR)
        told = np.asarray(self._booster.predict(table(history, rows, self.activities)))
        found[:, self.classes] += told.reshape(len(rows), len(self.classes))
        return found / found.sum(1, keepdims=True)

    @cached_property
    def _booster(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.text)
