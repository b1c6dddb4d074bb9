"""The network: fact slots and an action in, gated changes under each outcome out. Knows no files and no text.

Axis letters as in latent/protocols.py; q counts the slots that can change (queries), v the values of a slot.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.model.config import ModelConfig


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
        q = self.query(asking).view(b, -1, self.heads, d // self.heads).transpose(1, 2)
        k, v = self.key_value(normed).view(b, n, 2, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout).transpose(1, 2).reshape(b, -1, d)
        x = x + (1 + gate1) * F.dropout(self.out(mixed), self.dropout, self.training)
        hidden = F.gelu(self.up(_modulate(x, shift2, scale2)), approximate="tanh")
        return x + (1 + gate2) * F.dropout(self.down(hidden), self.dropout, self.training)


def _modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), 1 + scale)


class Predictor(nn.Module):
    """p(outcome | z, a), and under each outcome: per slot a gate and a new latent, duration and end.

    What the gate leaves is copied; a new latent is read by comparing it with the latents of known values.
    """

    def __init__(self, config: ModelConfig, outcomes: int, durations: int) -> None:
        super().__init__()
        d = config.width
        self.outcomes, self.ensemble, self.durations = outcomes, config.ensemble, durations
        blocks = [Block(d, config.heads, config.expand, config.dropout) for _ in range(config.layers)]
        self.trunk, self.last = nn.ModuleList(blocks[:-1]), blocks[-1]
        self.outcome = nn.Parameter(torch.randn(outcomes, d) * 0.5)
        self.choose_in = nn.Linear(2 * d, config.ensemble * d)
        self.choose_out = nn.Parameter(torch.randn(config.ensemble, d, outcomes) * d**-0.5)
        self.choose_bias = nn.Parameter(torch.zeros(config.ensemble, outcomes))
        self.gate = nn.Linear(d, 1)
        self.change = nn.Linear(d, d)
        self.time = nn.Linear(2 * d, durations + 1)
        self.sharpness = nn.Parameter(torch.tensor(1.0))
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, z: Tensor, action: Tensor, queries: Tensor) -> Change:
        """Slots z (b, n, d), action latents (b, d), indices of the slots that can change (q,)."""
        for block in self.trunk:
            z = block(z, action)
        b, k = len(z), self.outcomes
        pooled = torch.cat([F.layer_norm(z, z.shape[-1:]).mean(1), action], -1)
        hidden = F.gelu(self.choose_in(pooled)).view(b, self.ensemble, -1)
        choice = torch.einsum("bhd,hdk->hbk", hidden, self.choose_out) + self.choose_bias.unsqueeze(1)
        condition = (action.unsqueeze(1) + self.outcome).flatten(0, 1)
        x = self.last(z if k == 1 else z.repeat_interleave(k, 0), condition, queries)
        x = F.layer_norm(x, x.shape[-1:])
        time = self.time(torch.cat([x.mean(1), condition], -1))
        return Change(
            choice=choice,
            gate=self.gate(x).view(b, k, -1),
            latent=self.change(x).view(b, k, len(queries), -1) * self.sharpness.exp(),
            duration=time[:, :-1].view(b, k, self.durations),
            done=time[:, -1].view(b, k),
            pooled=pooled,
        )


class Change:
    """What the predictor says of b pairs, as logits: `choice` (h, b, k), `gate` (b, k, q), `latent` (b, k, q, d),
    `duration` (b, k, m), `done` (b, k), and the pooled state-action features `pooled` (b, 2 d)."""

    __slots__ = ("choice", "done", "duration", "gate", "latent", "pooled")

    def __init__(
        self, choice: Tensor, gate: Tensor, latent: Tensor, duration: Tensor, done: Tensor, pooled: Tensor
    ) -> None:
        self.choice, self.gate, self.latent = choice, gate, latent
        self.duration, self.done, self.pooled = duration, done, pooled


class ActionHeads(nn.Module):
    """Which actions a state accepts, and which recorded behaviour takes, for all known actions at once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = 2 * width
        self.slots = nn.Sequential(nn.Linear(width, hidden), nn.GELU())
        self.state = nn.Sequential(
            nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )
        self.legal = nn.Linear(width, hidden + 1)
        self.usual = nn.Linear(width, hidden + 1)

    def forward(self, z: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Slots z (b, n, d) and action latents (a, d) to logits of legality and of behaviour, (b, a) each."""
        state = self.state(self.slots(z).sum(1))
        legal, usual = self.legal(actions), self.usual(actions)
        scale = state.shape[-1] ** -0.5
        return (
            state @ legal[:, :-1].T * scale + legal[:, -1],
            state @ usual[:, :-1].T * scale + usual[:, -1],
        )


def value_logits(latent: Tensor, candidates: Tensor, mask: Tensor) -> Tensor:
    """Score predicted slot latents (b, k, q, d) against the values' latents (q, v, d): (b, k, q, v) log-probs.

    This is reading by comparison; trained with the cross-entropy of the true value it is InfoNCE with the other
    values of the same fact as negatives. `mask` (q, v) is False where a slot has fewer values.
    """
    scores = torch.einsum("bkqd,qvd->bkqv", latent, candidates) * candidates.shape[-1] ** -0.5
    return F.log_softmax(scores.masked_fill(~mask, -1e9), -1)
