"""Words to latents: which remembered latent a sentence asks for, seen from where one starts; a refusal where none.
Knows sentences and arrays; must not know what the latents are of, their model or its world."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.adapters.text import TextBackend, text_backend
from wmagent.errors import CheckpointError, InputError, checked_seed, shortened

KIND = "wmagent.goal-text"
WEIGHTS, CONFIG = "goal_text.safetensors", "goal_text.json"
HIDDEN, SHARED = 256, 64  # widths: of the networks, of where queries and keys meet
LONGEST = 500  # characters of a sentence


@dataclass(frozen=True)
class Lessons:
    """What is learned from: `sentences` (n) said at `starts` (n, d), each meaning one of k areas `meant` (n,), and
    `shares` (k, m), how much each of m remembered latents is what is meant by an area; rows sum to 1.

    `off_topic` are sentences that ask for nothing there is. `held` and `held_off_topic` are sentences of both kinds in
    words that are not learned: they set the threshold.
    """

    sentences: Sequence[str]
    starts: Tensor
    meant: Tensor
    shares: Tensor
    off_topic: Sequence[str]
    held: Sequence[str]
    held_off_topic: Sequence[str]


@dataclass(frozen=True)
class Fitting:
    """How an adapter is trained: steps, sentences a step, peak learning rate, dropout of the sentence's features."""

    steps: int = 800
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-2
    dropout: float = 0.2


@dataclass(frozen=True)
class Found:
    """The remembered `latent` (d,) that a sentence asks for, its `row`, and how sure it is that it asks for any,
    from 0 to 1; refused below the adapter's threshold."""

    latent: Tensor
    row: int
    score: float
    refused: bool


class GoalText(nn.Module):
    """Compares a query, made of a sentence and the latent one starts at, with a key of every remembered latent."""

    def __init__(self, width: int, backend: TextBackend) -> None:
        super().__init__()
        self.width, self.backend, self.threshold = width, backend, 0.5
        self.query = nn.Sequential(
            nn.Linear(backend.width + SHARED, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU(),
            nn.Linear(HIDDEN, SHARED),
        )  # fmt: skip
        self.start = nn.Sequential(nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, SHARED), nn.LayerNorm(SHARED))
        self.key = nn.Sequential(nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, SHARED))
        self.topic = nn.Linear(backend.width, 1)
        self.scale = nn.Parameter(torch.tensor(2.5))

    def forward(self, texts: Tensor, starts: Tensor, remembered: Tensor) -> Tensor:
        """Return scores (n, m) of embedded sentences (n, e) said at latents (n, d) against m remembered (m, d)."""
        queries = F.normalize(self.query(torch.cat([texts, self.start(starts)], -1)), dim=-1)
        return queries @ F.normalize(self.key(remembered), dim=-1).T * self.scale.exp()

    def on_topic(self, texts: Tensor) -> Tensor:
        """Return how sure it is (n,) that embedded sentences (n, e) ask for anything."""
        return self.topic(texts).squeeze(-1).sigmoid()

    @torch.inference_mode()
    def find(self, sentence: str, start: Tensor, remembered: Tensor) -> Found:
        """Return what a sentence said at a latent (d,) asks for among remembered latents (m, d).

        InputError for an empty or overlong sentence and latents of another width.
        """
        if not sentence.strip() or len(sentence) > LONGEST:
            raise InputError(f"a goal in words has 1 to {LONGEST} characters; given {shortened(repr(sentence))}")
        if start.shape != (self.width,) or remembered.shape[1:] != (self.width,) or not len(remembered):
            raise InputError(
                f"this adapter was trained on latents of {self.width} numbers; given a start of {tuple(start.shape)} "
                f"and remembered latents of {tuple(remembered.shape)}"
            )
        texts = self.embed([sentence])
        row = int(self(texts, start[None], remembered)[0].argmax())
        score = self.on_topic(texts).item()
        return Found(remembered[row], row, score, score < self.threshold)

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return the features (n, e) of sentences, capitals and outer punctuation left out."""
        return self.backend.embed([sentence.strip().strip(".!?").lower() for sentence in sentences])
