"""How likely an outcome is from a latent, known or imagined: a critic learned from what became of recorded cases.
Knows latents and a process model; must not know logs or what is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel

MOST = 20_000  # prefixes that are learned from
HIDDEN, EPOCHS, BATCH = 32, 12, 512


@dataclass(frozen=True)
class Value:
    """P(the outcome will happen) of latents."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    net: nn.Module | None
    share: float

    def __call__(self, latents: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return P(outcome) (n,) of latents (n, d)."""
        if self.net is None:
            return np.full(len(latents), self.share)
        with torch.inference_mode():
            odds = self.net(torch.from_numpy((latents - self.mean) / self.std))[:, 0]
        return odds.sigmoid().double().numpy()

    @staticmethod
    def fit(
        model: ProcessModel, history: Histories, rows: NDArray[np.int64], hit: NDArray[np.bool_], seed: int = 0
    ) -> Value:
        """Learn from prefixes (their last rows) and what became of them: from their latents, and from the same as
        imagined from the event before, so that imagined futures are valued by what they stand for."""
        chosen = np.random.default_rng(seed).permutation(len(rows))[:MOST]
        rows, hit = rows[chosen], hit[chosen]
        later = rows > history.first[rows]
        known = model.latents(history, np.concatenate([rows, rows[later] - 1]))
        latents = np.concatenate([known[: len(rows)], one_step(model, history, known[len(rows) :], rows[later])])
        mean, std = latents.mean(0), latents.std(0) + 1e-6
        if len(np.unique(hit)) < 2:
            return Value(mean, std, None, float(hit.mean()))
        net = _critic((latents - mean) / std, np.concatenate([hit, hit[later]]), seed)
        return Value(mean, std, net, float(hit.mean()))


def _critic(read: NDArray[np.float32], hit: NDArray[np.bool_], seed: int) -> nn.Module:
    """Return a network (n, f) -> (n, 1) of log-odds."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(read.shape[1], HIDDEN), nn.GELU(), nn.Dropout(0.1), nn.Linear(HIDDEN, 1))
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
        inputs, wanted = torch.from_numpy(read), torch.from_numpy(hit.astype(np.float32))[:, None]
        for _ in range(EPOCHS):
            for part in torch.randperm(len(inputs), generator=generator).split(BATCH):
                loss = nn.functional.binary_cross_entropy_with_logits(net(inputs[part]), wanted[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return net.eval()


def one_step(
    model: ProcessModel, history: Histories, before: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the latents imagined for `rows` from those before them (n, d), given the events that came."""
    event = torch.from_numpy(history.activity[rows])
    gap = torch.from_numpy(model.gaps.codes(history.gap[rows]))
    with torch.inference_mode():
        return model.network.imagine(torch.from_numpy(before), event, gap).numpy()
