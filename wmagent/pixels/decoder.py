"""From latents back to frames, bolted on: trained after the model and apart from it, so that people can look.
Knows latents and pixels; nothing that plans looks at what it draws."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.domain.progress import Report
from wmagent.pixels.config import PixelConfig
from wmagent.pixels.fitting import fitted
from wmagent.pixels.recording import Recording

SIDE, CHANNELS = 8, 64  # of the first map
BATCH, RATE, DECAY = 64, 2e-3, 1e-2
MOVING = 10  # how much more a pixel counts that is as far as can be from its mean: small things that move are drawn too
SEEN = 512  # frames that the mean is taken of


class Decoder(nn.Module):
    """Latents (b, d) to frames (b, 3, s, s) from 0 to 1: one linear layer, then convolutions and doublings."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.size = config.size
        self.first = nn.Linear(config.width, CHANNELS * SIDE * SIDE)
        layers: list[nn.Module] = []
        side, channels = SIDE, CHANNELS
        while side < config.size:
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, max(8, channels // 2), 3, padding=1), nn.GELU()]
            side, channels = 2 * side, max(8, channels // 2)
        self.body = nn.Sequential(*layers, nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        """Draw."""
        drawn = self.body(self.first(z).view(-1, CHANNELS, SIDE, SIDE)).sigmoid()
        return drawn if drawn.shape[-1] == self.size else F.interpolate(drawn, self.size, mode="bilinear")

    @torch.inference_mode()
    def frames(self, z: Tensor) -> np.ndarray:
        """Return frames (b, s, s, 3) uint8 of latents (b, d)."""
        return (255 * self(z)).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def learn_decoder(
    config: PixelConfig, latents: Tensor, recording: Recording, seed: int, report: Report | None = None
) -> Decoder:
    """Return a decoder of latents (rows, d), which stay as they are, to the recording's frames. What differs from the
    recording's mean frame counts more."""
    torch.manual_seed(seed)
    decoder, generator = Decoder(config), np.random.default_rng(seed)

    def drawn(count: int) -> tuple[np.ndarray, Tensor]:
        rows = generator.integers(0, len(latents), count)
        return rows, torch.from_numpy(recording.frames(rows, config.size)).permute(0, 3, 1, 2).float() / 255

    mean = drawn(SEEN)[1].mean(0)

    def loss() -> Tensor:
        rows, wanted = drawn(BATCH)
        weight = 1 + MOVING * (wanted - mean).abs().amax(1, keepdim=True)
        return (weight * (decoder(latents[rows]) - wanted).square()).mean()

    return fitted(decoder, loss, config.decoder_steps, RATE, DECAY, "drawing", report)
