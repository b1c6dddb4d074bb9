"""A JEPA over event histories: an encoder to latents, a predictor of the next latent given the event, and heads.
Knows tensors; must not know logs or files."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.events.settings import EventSettings


class Read(NamedTuple):
    """Histories that go into a network. b cases of t events, right-padded; f numeric inputs."""

    activity: Tensor  # (b, t) codes
    resource: Tensor  # (b, t)
    numbers: Tensor  # (b, t, f)


class HistoryNetwork(nn.Module):
    """Encodes every prefix of a case as a latent (d), predicts the next event from it, and the next latent from it and
    that event.

    `a` activities; code `a` is the end, `a + 1` an activity that was never learned. From latents (…, d), `events` gives
    logits (…, a + 1) of the next event, and `remaining` logits (…, bins) of the hours until the end.
    """

    def __init__(self, activities: int, resources: int, numbers: int, settings: EventSettings) -> None:
        super().__init__()
        d, self.a = settings.width, activities
        self.activity = nn.Embedding(activities + 2, 48)
        self.resource = nn.Embedding(resources + 1, 16)
        self.numbers = nn.Linear(numbers, 48)
        self.mix = nn.Sequential(nn.Linear(112, d), nn.GELU(), nn.Dropout(settings.dropout))
        self.recurrent = nn.GRU(d, d, batch_first=True)
        self.counts = nn.Linear(activities + 2, d)
        self.now = nn.Linear(d, d)
        self.latent = nn.LayerNorm(d)
        self.gap = nn.Embedding(settings.bins, 16)
        self.outcome = nn.Sequential(nn.Linear(48 + 16, d), nn.GELU())
        self.predictor = nn.GRUCell(d, d)
        self.settle = nn.LayerNorm(d)
        self.events = _head(d, activities + 1, settings.dropout)
        self.next_gap = _head(d + 48, settings.bins, settings.dropout)
        self.remaining = _head(d, settings.bins, settings.dropout)

    def encode(self, read: Read) -> Tensor:
        """Return the latent (b, t, d) of every prefix."""
        parts = (self.activity(read.activity), self.resource(read.resource), self.numbers(read.numbers))
        inputs = self.mix(torch.cat(parts, -1))
        hidden, _ = self.recurrent(inputs)
        seen = F.one_hot(read.activity, self.a + 2).float().cumsum(1)
        return self.latent(hidden + torch.tanh(self.counts(torch.log1p(seen))) + self.now(inputs))

    def imagine(self, latent: Tensor, event: Tensor, gap: Tensor) -> Tensor:
        """Return the next latents (n, d) after latents (n, d), events (n,) and their gaps (n,) as bins."""
        told = self.outcome(torch.cat([self.activity(event), self.gap(gap)], -1))
        return self.settle(self.predictor(told, latent))

    def gaps(self, latent: Tensor, event: Tensor) -> Tensor:
        """Return the logits (…, bins) of the hours until the next event, given which it is."""
        return self.next_gap(torch.cat([latent, self.activity(event)], -1))


def _head(d: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d, 128), nn.GELU(), nn.Dropout(dropout), nn.Linear(128, out))
