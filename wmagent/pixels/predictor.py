"""From latents and actions to the next latents: LeWorldModel's causal transformer (arXiv 2603.19312), or an MLP.
Knows latents and action blocks; must not know pixels or goals."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.pixels.config import PixelConfig
from wmagent.pixels.encoder import projector


class CausalBlock(nn.Module):
    """A transformer block over time; each step's norms and gates come from that step's action (Peebles & Xie 2023)."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        d, inner = config.width, config.predictor_heads * config.head_width
        self.heads, self.dropout = config.predictor_heads, config.dropout
        self.modulation = nn.Linear(d, 6 * d)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.query_key_value = nn.Linear(d, 3 * inner)
        self.out = nn.Linear(inner, d)
        self.mlp = nn.Sequential(nn.Linear(d, config.predictor_mlp), nn.GELU(), nn.Linear(config.predictor_mlp, d))

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (b, t, d) under conditions (b, t, d) to (b, t, d); no step sees later ones."""
        b, t = z.shape[:2]
        shift, scale, gate, shift2, scale2, gate2 = self.modulation(F.silu(condition)).chunk(6, -1)
        q, k, v = (
            part.view(b, t, self.heads, -1).transpose(1, 2)
            for part in self.query_key_value(_modulated(z, shift, scale)).chunk(3, -1)
        )
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True).transpose(1, 2)
        z = z + gate * F.dropout(self.out(mixed.reshape(b, t, -1)), self.dropout, self.training)
        return z + gate2 * F.dropout(self.mlp(_modulated(z, shift2, scale2)), self.dropout, self.training)


def _modulated(z: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift, F.layer_norm(z, z.shape[-1:]), 1 + scale)


class CausalPredictor(nn.Module):
    """Latents z (b, t, d) and z-scored action blocks (b, t, a) to the latents one block later (b, t, d), t up to the
    history."""

    def __init__(self, config: PixelConfig, action_width: int) -> None:
        super().__init__()
        d, hidden = config.width, config.action_hidden
        self.history = config.history
        self.position = nn.Parameter(0.02 * torch.randn(config.history, d))
        self.act = nn.Sequential(
            nn.Linear(action_width, action_width), nn.Linear(action_width, hidden), nn.SiLU(), nn.Linear(hidden, d)
        )
        self.blocks = nn.ModuleList(CausalBlock(config) for _ in range(config.predictor_layers))
        self.projector = projector(d, config)

    def forward(self, z: Tensor, actions: Tensor) -> Tensor:
        """Predict."""
        condition, x = self.act(actions), z + self.position[: z.shape[1]]
        for block in self.blocks:
            x = block(x, condition)
        return self.projector(x.flatten(0, 1)).view_as(z)


class ResidualPredictor(nn.Module):
    """The same from the last latent alone, by an MLP that adds what changes: for worlds where a frame tells the whole
    state, an eighth of the transformer's time."""

    history = 1

    def __init__(self, config: PixelConfig, action_width: int) -> None:
        super().__init__()
        d, hidden = config.width, config.predictor_mlp
        layers: list[nn.Module] = []
        before = d + action_width
        for _ in range(config.predictor_layers):
            layers += [nn.Linear(before, hidden), nn.SiLU()]
            before = hidden
        self.change = nn.Sequential(*layers, nn.Linear(before, d))

    def forward(self, z: Tensor, actions: Tensor) -> Tensor:
        """Predict."""
        return z + self.change(torch.cat([z, actions], -1))
