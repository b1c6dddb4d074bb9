"""How far a goal is: the number of action blocks that recorded behaviour took from one latent to another.

What flat planning lacks: the straight distance of latents does not know that a wall is in the way. Learned by
hindsight (Andrychowicz et al. 2017) from pairs of one episode, on latents that stay as they are. Knows latents only.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.domain.progress import Report
from wmagent.pixels.fitting import fitted

HIDDEN, BATCH, RATE, DECAY = 256, 512, 1e-3, 1e-3


class Reach(nn.Module):
    """Latents (..., d) and goals (..., d) to expected blocks (...), at least 0."""

    def __init__(self, width: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2 * width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def forward(self, z: Tensor, goal: Tensor) -> Tensor:
        """Tell how far."""
        return F.softplus(self.net(torch.cat([z, goal], -1)).squeeze(-1))


def learn_reach(
    latents: Tensor, first: np.ndarray, block: int, seed: int, steps: int, report: Report | None = None
) -> Reach:
    """Return what was learned from latents (rows, d) of episodes that start at `first`; `block` rows are one block.

    Two rows of an episode are drawn evenly; the earlier is so many blocks away from the later. Behaviour that dawdles
    makes all distances longer alike, which changes no plan.
    """
    torch.manual_seed(seed)
    reach, generator = Reach(latents.shape[1]), np.random.default_rng(seed)
    lengths = np.diff(first)

    def loss() -> Tensor:
        episode = generator.integers(0, len(lengths), BATCH)
        pair = np.sort(generator.integers(0, lengths[episode][:, None], (BATCH, 2)), 1)
        z, goal = (latents[first[episode] + pair[:, side]] for side in (0, 1))
        return F.mse_loss(reach(z, goal), torch.from_numpy((pair[:, 1] - pair[:, 0]) / block).float())

    return fitted(reach, loss, steps, RATE, DECAY, "distances", report)
