"""Words to latents: which remembered latent a sentence asks for, seen from where one starts; a refusal where none.
Knows sentences and arrays; must not know what the latents are of, their model or its world."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.adapters.text import TextBackend, text_backend
from wmagent.errors import CheckpointError, InputError, checked_seed, shortened

KIND = "wmagent.goal-text"
WEIGHTS, CONFIG = "goal_text.safetensors", "goal_text.json"
HIDDEN, SHARED = 256, 64  # widths: of the networks, of where queries and keys meet
LONGEST = 500  # characters of a sentence
KEPT = 0.98  # of the held-out sentences that do ask for something, at the threshold


@dataclass(frozen=True)
class Lessons:
    """What is learned from: `sentences` (n) said at `starts` (n, d), each meaning one of k areas `meant` (n,), and
    `shares` (k, m), how much each of m remembered latents is what is meant by an area; rows sum to 1.

    `off_topic` are sentences that ask for nothing there is. Sentences of one `form` (n,) are worded alike; some forms
    are held out, to set the threshold on wordings that were not learned.
    """

    sentences: Sequence[str]
    starts: Tensor
    meant: Tensor
    shares: Tensor
    off_topic: Sequence[str]


@dataclass(frozen=True)
class Fitting:
    """How an adapter is trained."""

    steps: int = 600
    batch: int = 256
    rate: float = 2e-3
    off_topic: float = 0.25  # share of a batch
    keys: int = 1_000  # remembered latents that a step compares with


@dataclass(frozen=True)
class Found:
    """The remembered `latent` (d,) that a sentence asks for, its `row`, and how sure it is that it asks for any,
    from 0 to 1; refused below the adapter's threshold."""

    latent: Tensor
    row: int
    score: float
    refused: bool
