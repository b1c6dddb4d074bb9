"""What can be said of states before any action is chosen, from tables computed once: summary, legality, behaviour.

Knows the network's parts and the latents of known words; must not know codes, outcomes or memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.model.network import Network, Words
from wmagent.model.predictor import ActionHeads, Summary


@dataclass(frozen=True)
class Situations:
    """Tables for states made of known values: `features` (n * v, 2 d) of every value of every slot for the summary,
    `offsets` (n,) where each slot's values begin; `legal`, `usual` (a, 2 d + 1) what the heads make of the actions."""

    part: Summary
    features: Tensor
    offsets: Tensor
    legal: Tensor
    usual: Tensor

    @classmethod
    def of(cls, network: Network, words: Words) -> Situations:
        """Compute the tables for the words of a network."""
        features = network.summary.features(words.values)
        offsets = torch.arange(len(features)) * features.shape[1]
        heads = network.heads
        return cls(
            network.summary, features.flatten(0, 1), offsets, heads.legal(words.actions), heads.usual(words.actions)
        )

    def summary(self, rows: Tensor) -> Tensor:
        """Return the summaries (b, 2 d) of states given as rows (b, n) of the slots' values."""
        return self.part.pool(torch.nn.functional.embedding_bag(rows + self.offsets, self.features, mode="sum"))

    def legality(self, summary: Tensor) -> Tensor:
        """Return the (b, a) probabilities that actions are accepted."""
        return ActionHeads.compare(summary, self.legal).sigmoid()

    def behaviour(self, summary: Tensor) -> Tensor:
        """Return the (b, a) probabilities of what recorded behaviour does."""
        return ActionHeads.compare(summary, self.usual).softmax(-1)
