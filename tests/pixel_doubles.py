"""A world model from pixels that is exact: it finds the dot, walks by the rules and draws by them. For tests only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from wmagent.latent.protocols import Latent
from wmagent.pixels.config import PixelConfig
from wmagent.pixels.memory import Memory
from wmagent.pixels.probe import Probe
from wmagent.pixels.recording import Scale, check_frames
from wmagent.pixels.world_model import PixelModel
from wmagent.worlds.two_room import TwoRoom

SIZE, STEP = 64, 12.0  # pixels that a block is taken to go


class ExactModel(PixelModel):
    """Latents (n, 4) are the dot's position over 100 and two zeros."""

    def __init__(self, world: TwoRoom | None = None) -> None:
        self.world = world or TwoRoom()
        self.config = PixelConfig(size=SIZE, width=4, history=1, predictor="residual")
        one = torch.ones(2)
        self.scale = Scale(torch.zeros(2), one, -one, one)
        self.action_bounds = self.scale.bounds(self.config.block)
        self.probe = Probe(torch.eye(4)[:, :2] * 100, torch.zeros(2))
        positions = self.world.goals(2_000, 0)
        self.memory = Memory(self.latents(positions), torch.from_numpy(positions))
        self.usual = torch.linspace(0, 1e-3, 1_000)
        self.decoder = cast(Any, SimpleNamespace(frames=lambda z: self.world.render(self.positions(z), SIZE)))

    def latents(self, positions: np.ndarray) -> Tensor:
        return torch.cat([torch.from_numpy(positions).float() / 100, torch.zeros(len(positions), 2)], 1)

    def positions(self, z: Tensor) -> np.ndarray:
        return 100 * z[..., :2].numpy()

    def encode(self, frames: ArrayLike) -> Tensor:
        seen = check_frames(np.asarray(frames), SIZE).astype(np.float64)
        red = np.maximum(seen[..., 0] - seen[..., 1], 0)
        total = red.sum((1, 2))
        pixel = np.arange(SIZE) + 0.5
        x, y = (red.sum(1) @ pixel) / total, (red.sum(2) @ pixel) / total
        return self.latents((np.stack([x, y], 1) * self.world.size / SIZE - 0.5).astype(np.float32))

    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        here = self.positions(latent.z[:, -1])
        for action in self.scale.actions(vectors).numpy().swapaxes(0, 1):
            here = self.world.step(here, action)
        return self.latent(torch.cat([self.latents(here), torch.zeros_like(vectors)], 1)[:, None])

    def distance(self, z: Tensor, goal: Tensor) -> Tensor:
        return 100 / STEP * (z - goal)[..., :2].norm(dim=-1) + 0.7  # as learned distances, not 0 at the goal

    def surprise(self, frames: ArrayLike, actions: ArrayLike) -> Tensor:
        before, after = (self.encode(np.asarray(frames)[:, at]) for at in (-2, -1))
        blocks = self.scale.blocks(torch.as_tensor(np.asarray(actions)[:, -1]).float())
        start = self.latent(torch.cat([before, torch.zeros_like(blocks)], 1)[:, None])
        return (self.now(self.imagine_continuous(start, blocks)) - after).square().mean(-1)
