"""Encoder and predictor of a world model from pixels, and the losses they are trained on.
Knows tensors; must not know files or goals."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wmagent.model.regularizers import sigreg
from wmagent.pixels.config import PixelConfig
from wmagent.pixels.encoder import Encoder
from wmagent.pixels.predictor import CausalPredictor, ResidualPredictor


class PixelNetwork(nn.Module):
    """Everything with weights that is trained on frames. A block's actions, flattened and z-scored, are one vector."""

    def __init__(self, config: PixelConfig, action_width: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        kind = ResidualPredictor if config.predictor == "residual" else CausalPredictor
        self.predictor = kind(config, config.block * action_width)

    def forward(self, frames: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return the losses of windows: frames (b, t, s, s, 3) uint8, blocks (b, t - 1, a) between them.

        As in LeWorldModel the targets are not detached; SIGReg keeps latents from collapsing. With `rollout` above 1
        the later frames are also predicted from predictions.
        """
        config = self.config
        b, t = frames.shape[:2]
        z = self.encoder(frames.flatten(0, 1)).view(b, t, -1)
        h = t - 1 if config.predictor == "residual" else config.history
        losses = {"prediction": (self.predictor(z[:, :h], actions[:, :h]) - z[:, 1 : h + 1]).square().mean()}
        if config.rollout > 1:
            losses["rollout"] = self._rollout(z, actions)
        penalty = sigreg(z.transpose(0, 1).float(), config.directions, generator=generator)
        return losses | {"sigreg": config.regularizer_weight * penalty}

    def _rollout(self, z: Tensor, actions: Tensor) -> Tensor:
        """Return the error of the 2nd to the last step when each is predicted from what was predicted before."""
        imagined, total = [z[:, 0]], z.new_zeros(())
        for step in range(self.config.rollout):
            begin = max(0, len(imagined) - self.config.history)
            following = self.predictor(torch.stack(imagined[begin:], 1), actions[:, begin : step + 1])[:, -1]
            imagined.append(following)
            if step:
                total = total + (following - z[:, step + 1]).square().mean()
        return total / (self.config.rollout - 1)
