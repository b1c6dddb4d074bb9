"""How likely an outcome is from a latent, known or imagined: a critic learned from what became of recorded cases.
Knows latents and a process model; must not know logs or what is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel

MOST = 40_000  # prefixes that are learned from
HIDDEN = 32


@dataclass(frozen=True)
class Value:
    """P(the outcome will happen) of latents (n, d)."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    net: MLPClassifier | None
    share: float

    def __call__(self, latents: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return P(outcome) (n,) of latents (n, d)."""
        if self.net is None:
            return np.full(len(latents), self.share)
        return self.net.predict_proba((latents - self.mean) / self.std)[:, 1]

    @staticmethod
    def fit(
        model: ProcessModel, history: Histories, rows: NDArray[np.int64], hit: NDArray[np.bool_], seed: int = 0
    ) -> Value:
        """Learn from prefixes (their last rows) and what became of them: from their latents, and from the same as
        imagined from the event before, so that imagined futures are valued by what they stand for."""
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(len(rows))[:MOST]
        rows, hit = rows[chosen], hit[chosen]
        share = float(hit.mean()) if len(hit) else 0.0
        if len(np.unique(hit)) < 2:
            width = model.settings.width
            return Value(np.zeros(width, np.float32), np.ones(width, np.float32), None, share)
        first = np.repeat(history.starts[:-1], np.diff(history.starts))
        later = rows > first[rows]
        known = model.latents(history, np.concatenate([rows, rows[later] - 1]))
        latents = np.concatenate([known[: len(rows)], one_step(model, history, known[len(rows) :], rows[later])])
        mean, std = latents.mean(0), latents.std(0) + 1e-6
        net = MLPClassifier(
            (HIDDEN,), alpha=1e-2, early_stopping=True, n_iter_no_change=4, max_iter=60, random_state=seed
        )
        net.fit((latents - mean) / std, np.concatenate([hit, hit[later]]))
        return Value(mean, std, net, share)


def one_step(
    model: ProcessModel, history: Histories, before: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the latents imagined for `rows` from those before them (n, d), given the events that came."""
    event = torch.from_numpy(history.activity[rows])
    gap = torch.from_numpy(model.gaps.codes(history.gap[rows]))
    with torch.inference_mode():
        return model.network.imagine(torch.from_numpy(before), event, gap).numpy()
