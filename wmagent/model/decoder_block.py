"""A language model's decoder block over slots, without its causal mask and positions: so a predictor can begin as an
LLM's upper layers (as VL-JEPA's does). Knows tensors; must not know any language model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DecoderBlock(nn.Module):
    """Llama's block without mask and rotations: slots are a set. The condition is one more thing to attend to."""

    def __init__(self, width: int, heads: int, key_value_heads: int, mlp: int) -> None:
        super().__init__()
        self.heads, self.key_value_heads = heads, key_value_heads
        size = width // heads
        self.input_layernorm, self.post_attention_layernorm = nn.RMSNorm(width, 1e-6), nn.RMSNorm(width, 1e-6)
        self.q_proj, self.o_proj = nn.Linear(width, heads * size), nn.Linear(heads * size, width)
        self.k_proj, self.v_proj = (nn.Linear(width, key_value_heads * size) for _ in range(2))
        self.gate_proj, self.up_proj = nn.Linear(width, mlp), nn.Linear(width, mlp)
        self.down_proj = nn.Linear(mlp, width)

    def forward(self, x: Tensor, condition: Tensor, queries: Tensor | None = None) -> Tensor:
        """Slots (b, n, d) and condition (b, d) to (b, n, d), or to (b, q, d) for the slots `queries` (q,)."""
        everything = self.input_layernorm(torch.cat([condition.unsqueeze(1), x], 1))
        asking = everything[:, 1:]
        if queries is not None:
            x, asking = x[:, queries], asking[:, queries]
        x = x + condition.unsqueeze(1)
        q = self._split(self.q_proj(asking), self.heads)
        k, v = (self._split(part(everything), self.key_value_heads) for part in (self.k_proj, self.v_proj))
        mixed = F.scaled_dot_product_attention(q, k, v, enable_gqa=self.heads != self.key_value_heads)
        x = x + self.o_proj(mixed.transpose(1, 2).flatten(2))
        normed = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(normed)) * self.up_proj(normed))

    def begin_as(self, layer: Mapping[str, Tensor]) -> None:
        """Take a language model layer's weights, by their names there; biases it has none of become 0."""
        with torch.no_grad():
            for name, own in self.named_parameters():
                given = [value for key, value in layer.items() if key == name or key.endswith(f".{name}")]
                if given:
                    own.copy_(given[0])
                elif name.endswith(".bias"):
                    own.zero_()
                else:
                    raise ValueError(f"the language model's layer has no {name}")

    @staticmethod
    def _split(x: Tensor, heads: int) -> Tensor:
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)
