"""The network: fact slots and an action in, gated changes under each outcome out. Knows no files and no text.

Axis letters as in latent/protocols.py; q counts the slots that can change (queries), v the values of a slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.model.config import ModelConfig
from wmagent.model.decoder_block import DecoderBlock


class Interface(nn.Module):
    """The learned interface from text embeddings to slot and action latents, both of width d.

    A fact is its value's embedding, taken relative to the other values of its slot, plus its key's embedding:
    two values of one fact are nearly the same sentence, and only the difference tells them apart.
    """

    def __init__(self, text_width: int, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(text_width, width, bias=False)
        self.key = nn.Linear(text_width, width, bias=False)
        self.action = nn.Linear(text_width, width, bias=False)
        self.outcome = nn.Linear(text_width, width)
        self.act = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def facts(self, values: Tensor, keys: Tensor) -> Tensor:
        """Value features (f, w) and their keys' features (f, w) to fact latents (f, d)."""
        return self.value(values) + self.key(keys)

    def actions(self, features: Tensor) -> Tensor:
        """Action features (a, w) to action latents (a, d)."""
        return self.act(self.action(features))


class Block(nn.Module):
    """A transformer block whose norms are modulated by a condition (AdaLN-zero, Peebles & Xie 2023)."""

    def __init__(self, width: int, heads: int, expand: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, expand * width)
        self.down = nn.Linear(expand * width, width)

    def forward(self, x: Tensor, condition: Tensor, queries: Tensor | None = None) -> Tensor:
        """Slots (b, n, d) and condition (b, d) to (b, n, d), or to (b, q, d) for the slots `queries` (q,)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(F.silu(condition)).unsqueeze(1).chunk(6, -1)
        normed = _modulate(x, shift1, scale1)
        if queries is not None:
            x, asking = x[:, queries], normed[:, queries]
        else:
            asking = normed
        b, n, d = normed.shape
        q = self.query(asking).view(b, x.shape[1], self.heads, d // self.heads).transpose(1, 2)
        k, v = self.key_value(normed).view(b, n, 2, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout).transpose(1, 2).reshape(x.shape)
        x = x + (1 + gate1) * F.dropout(self.out(mixed), self.dropout, self.training)
        hidden = _gelu(self.up(_modulate(x, shift2, scale2)))
        return x + (1 + gate2) * F.dropout(self.down(hidden), self.dropout, self.training)


def _gelu(x: Tensor) -> Tensor:
    """GELU in its tanh form; without gradients by way of the sigmoid (2 s(2 x) - 1 = tanh x), in half the time."""
    if torch.is_grad_enabled():
        return F.gelu(x, approximate="tanh")
    scale = 2 * (2 / torch.pi) ** 0.5
    return (x * x).mul_(0.044715 * scale).add_(scale).mul_(x).sigmoid_().mul_(x)


def _modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), 1 + scale)


def _block(config: ModelConfig) -> Block | DecoderBlock:
    if config.trunk == "decoder":
        mlp = config.mlp or config.expand * config.width
        return DecoderBlock(config.width, config.heads, config.key_value_heads or config.heads, mlp)
    return Block(config.width, config.heads, config.expand, config.dropout)


class Predictor(nn.Module):
    """p(outcome | z, a), and under each outcome: per slot a gate and a new latent, duration and end.

    What the gate leaves is copied; a new latent is read by comparing it with the latents of known values.
    """

    def __init__(self, config: ModelConfig, durations: int) -> None:
        super().__init__()
        d = config.width
        self.ensemble, self.drop_summary = config.ensemble, config.drop_summary
        blocks = [_block(config) for _ in range(config.layers)]
        self.trunk, self.last = nn.ModuleList(blocks[:-1]), blocks[-1]
        self.situation = nn.Linear(2 * d, d)
        self.choose = nn.Linear(2 * d, config.ensemble * d)
        self.choose_out = nn.Parameter(torch.randn(config.ensemble, d, d) * d**-0.5)
        self.condition = nn.Linear(2 * d, 2 * d)
        self.up = nn.Linear(d, 2 * d)
        self.down = nn.Linear(2 * d, d + 1)
        self.time = nn.Sequential(nn.Linear(3 * d, d), nn.GELU(), nn.Linear(d, durations + 1))
        self.sharpness = nn.Parameter(torch.tensor(1.0))

    def begin_as(self, layers: Sequence[Mapping[str, Tensor]]) -> None:
        """Let the trunk's blocks begin as a language model's last layers; ValueError where they do not fit."""
        blocks = [*self.trunk, self.last]
        if len(layers) != len(blocks) or not all(isinstance(block, DecoderBlock) for block in blocks):
            raise ValueError(f"{len(layers)} layers do not fit {len(blocks)} blocks")
        for block, layer in zip(blocks, layers, strict=True):
            block.begin_as(layer)  # type: ignore[operator]

    def forward(self, z: Tensor, summary: Tensor, action: Tensor, queries: Tensor) -> Context:
        """Slots z (b, n, d), summaries (b, 2 d), action latents (b, d), indices of the slots that can change (q,)."""
        condition = action + self._situation(summary)
        for block in self.trunk:
            z = block(z, condition)
        pooled = torch.cat([F.layer_norm(z, z.shape[-1:]).mean(1), action], -1)
        slots = self.last(z, condition, queries)
        return Context(F.layer_norm(slots, slots.shape[-1:]), condition, pooled)

    def _situation(self, summary: Tensor) -> Tensor:
        """The summary's part of the condition; while training some rows do without, so that attention learns too."""
        situation = self.situation(summary)
        if self.training and self.drop_summary:
            situation = situation * (torch.rand(len(situation), 1, device=situation.device) >= self.drop_summary)
        return situation

    def choices(self, context: Context, outcomes: Tensor, mask: Tensor) -> Tensor:
        """Return logits (h, b, k) of outcomes with latents (b, k, d), by comparison; `mask` (b, k) says which exist."""
        b, d = context.condition.shape
        hidden = F.gelu(self.choose(context.pooled)).view(b, self.ensemble, d)
        wanted = torch.einsum("bhd,hde->hbe", hidden, self.choose_out)
        return torch.einsum("hbe,bke->hbk", wanted, outcomes).masked_fill(~mask, -1e9)

    def change(self, context: Context, outcomes: Tensor) -> LatentChange:
        """Return what happens under each outcome, given its latent (b, k, d)."""
        b, k, d = outcomes.shape
        condition = torch.cat([context.condition.unsqueeze(1).expand(b, k, d), outcomes], -1)
        shift, scale = self.condition(condition).unsqueeze(2).chunk(2, -1)
        x = torch.addcmul(shift, context.slots.unsqueeze(1), 1 + scale)
        read = self.down(_gelu(self.up(x)))
        pooled = context.slots.mean(1).unsqueeze(1).expand(b, k, d)
        time = self.time(torch.cat([pooled, condition], -1))
        return LatentChange(read[..., -1] - 2.0, read[..., :-1] * self.sharpness.exp(), time[..., :-1], time[..., -1])


@dataclass
class Context:
    """What the trunk makes of b pairs: slots that can change (b, q, d), the condition that action and state
    make together (b, d), and the pooled state-action features (b, 2 d)."""

    slots: Tensor
    condition: Tensor
    pooled: Tensor


@dataclass
class LatentChange:
    """What b pairs become under k outcomes, as logits: `gate` (b, k, q), `latent` (b, k, q, d), `duration`
    (b, k, m), `done` (b, k)."""

    gate: Tensor
    latent: Tensor
    duration: Tensor
    done: Tensor


class Summary(nn.Module):
    """The whole state in one vector: features summed over slots. Rules that join several facts start here; what
    attention adds is which fact goes where."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = 2 * width
        self.slots = nn.Linear(width, hidden)
        self.mix = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden))

    def forward(self, z: Tensor) -> Tensor:
        """Slots z (b, n, d) to (b, 2 d)."""
        return self.pool(self.features(z).sum(1))

    def features(self, z: Tensor) -> Tensor:
        """What each slot of z (b, n, d) adds to the sum, (b, n, 2 d)."""
        return _gelu(self.slots(z))

    def pool(self, total: Tensor) -> Tensor:
        """The features' sum (b, 2 d) to the summary (b, 2 d)."""
        return self.mix(total)


class ActionHeads(nn.Module):
    """Which actions a state accepts, and which recorded behaviour takes, for all known actions at once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.legal = nn.Linear(width, 2 * width + 1)
        self.usual = nn.Linear(width, 2 * width + 1)

    def forward(self, summary: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Summaries (b, 2 d) and action latents (a, d) to logits of legality and of behaviour, (b, a) each."""
        return self.compare(summary, self.legal(actions)), self.compare(summary, self.usual(actions))

    @staticmethod
    def compare(summary: Tensor, wanted: Tensor) -> Tensor:
        """Summaries (b, 2 d) and what a head makes of the actions (a, 2 d + 1) to logits (b, a)."""
        return torch.addmm(wanted[:, -1], summary, wanted[:, :-1].T, alpha=summary.shape[-1] ** -0.5)


def value_logits(latent: Tensor, candidates: Tensor, mask: Tensor) -> Tensor:
    """Score predicted slot latents (b, k, q, d) against the values' latents (q, v, d): (b, k, q, v) log-probs.

    This is reading by comparison; trained with the cross-entropy of the true value it is InfoNCE with the other
    values of the same fact as negatives. `mask` (q, v) is False where a slot has fewer values.
    """
    scores = torch.einsum("bkqd,qvd->bkqv", latent, candidates) * candidates.shape[-1] ** -0.5
    return F.log_softmax(scores.masked_fill(~mask, -1e9), -1)
