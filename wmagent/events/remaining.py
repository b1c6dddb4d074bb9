"""Hours until the end of a case, with an 80 % interval: quantiles of boosted trees, and how far off they are.
Knows histories and LightGBM; must not know the network."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import cases_of, rows_of
from wmagent.events.histories import Histories
from wmagent.events.intervals import UNKNOWN, Reach, by_chance_to_end
from wmagent.events.trees import boosted, readings, table

LEVELS = (0.1, 0.5, 0.9)  # a median and its 80 % interval
SETTINGS = {"objective": "quantile", "learning_rate": 0.05, "min_data_in_leaf": 40, "feature_fraction": 0.6}


@dataclass(frozen=True)
class RemainingTrees:
    """Two readers, of which the one reads what trees are told of a prefix, the other its latent too. `texts` are
    theirs, a LightGBM text for each of LEVELS."""

    texts: tuple[tuple[str, ...], ...]

    @staticmethod
    def fit(
        told: NDArray[np.float32], latents: NDArray[np.float32], hours: NDArray[np.float64], rounds: int, seed: int
    ) -> RemainingTrees:
        """Learn from prefixes: what trees are told of them (n, features), latents (n, d), hours (n,)."""
        wanted = np.log1p(hours)
        with ThreadPoolExecutor(2) as both:
            grown = [
                [both.submit(boosted, read, wanted, SETTINGS | {"alpha": level}, rounds, seed) for level in LEVELS]
                for read in readings(told, latents)
            ]
            texts = [tuple(booster.result().model_to_string() for booster in reader) for reader in grown]
        return RemainingTrees(tuple(texts))

    def predict(self, told: NDArray[np.float32], latents: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what both readers say: ascending quantiles of the hours that remain (2, n, 3)."""
        both = zip(readings(told, latents), self._boosters, strict=True)
        said = [[booster.predict(read) for booster in boosters] for read, boosters in both]
        return np.sort(np.expm1(np.maximum(np.array(said).transpose(0, 2, 1), 0)), 2)

    @cached_property
    def _boosters(self) -> list[list[Any]]:
        import lightgbm

        return [[lightgbm.Booster(model_str=text) for text in reader] for reader in self.texts]


def some_cases(history: Histories, cases: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Return cases, drawn among some, that have at most so many events together; at least one."""
    drawn = np.random.default_rng(seed).permutation(cases)
    return drawn[: max(1, int((np.cumsum(np.diff(history.starts)[drawn]) <= most).sum()))]


def held_out_reach(
    history: Histories,
    hours: NDArray[np.float64],
    latents: NDArray[np.float32],
    kept: NDArray[np.int64],
    held: NDArray[np.int64],
    activities: int,
    rounds: int,
    seed: int,
) -> Reach:
    """Return how far off trees that learn from the cases `kept` are in later cases `held`, of which those count more
    that could hardly have ended in time; `hours` (events,) that remain are NaN where a case is not over, `latents` are
    (events, d)."""
    begins, ends = history.hours[history.starts[:-1]], history.hours[history.starts[1:] - 1]
    learned, asked = (rows[~np.isnan(hours[rows])] for rows in (rows_of(history.starts, part) for part in (kept, held)))
    if not rounds or not len(learned) or not len(asked):
        return UNKNOWN
    trees = RemainingTrees.fit(table(history, learned, activities), latents[learned], hours[learned], rounds, seed)
    said = trees.predict(table(history, asked, activities), latents[asked]).mean(0)
    case = cases_of(history.starts)[asked]
    cut = float(ends[~np.isnan(hours[history.starts[:-1]])].max())
    weights = by_chance_to_end(begins[case], ends[case], float(begins[held].min()), cut)
    return Reach.of(said, hours[asked], weights)
