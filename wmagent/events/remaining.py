"""Hours until the end of a case, with an 80 % interval: quantiles of boosted trees. Knows arrays and LightGBM."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.events.trees import boosted, readings

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
