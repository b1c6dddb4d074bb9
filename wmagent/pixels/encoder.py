"""From frames to latents: a small convolutional encoder or a ViT, and the BatchNorm projector behind either.
Knows pixels; must not know actions or time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wmagent.model.processes import BatchNorm
from wmagent.pixels.config import PixelConfig

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, as LeWorldModel normalises


class Encoder(nn.Module):
    """Frames (b, s, s, 3) uint8 to latents (b, d)."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.body = _Vit(config) if config.encoder == "vit" else _convolutions(config)
        self.projector = projector(config.width, config)

    def forward(self, frames: Tensor) -> Tensor:
        """Encode."""
        mean, std = (255 * torch.tensor(numbers, device=frames.device)[:, None, None] for numbers in (MEAN, STD))
        return self.projector(self.body((frames.permute(0, 3, 1, 2).float() - mean) / std))


class _Vit(nn.Module):
    """The CLS token of a ViT's last layer, trained from scratch."""

    def __init__(self, config: PixelConfig) -> None:
        from transformers import ViTConfig, ViTModel

        super().__init__()
        self.vit = ViTModel(
            ViTConfig(
                hidden_size=config.width,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                intermediate_size=4 * config.width,
                image_size=config.size,
                patch_size=config.patch,
            ),
            add_pooling_layer=False,
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return self.vit(pixels).last_hidden_state[:, 0]


def _convolutions(config: PixelConfig) -> nn.Module:
    """Strided convolutions, the first by 4, then one linear layer over what is left of the frame."""
    layers: list[nn.Module] = []
    before, side = 3, config.size
    for i, channels in enumerate(config.channels):
        stride = 2 if i else 4
        layers += [nn.Conv2d(before, channels, 4 if i else 8, stride, 1 if i else 2), nn.ReLU()]
        before, side = channels, side // stride
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side * side, config.width))


def projector(width: int, config: PixelConfig) -> nn.Sequential:
    """Return Linear, BatchNorm, GELU, Linear. A LayerNorm at its end would forbid the Gaussian that SIGReg asks for."""
    hidden = config.projector
    return nn.Sequential(nn.Linear(width, hidden), BatchNorm(hidden), nn.GELU(), nn.Linear(hidden, config.width))
