"""Anti-collapse by name: SIGReg, VICReg, EMA targets, InfoNCE; and the meters that show collapse. Only tensors."""

from __future__ import annotations

import copy
import math
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.model.processes import summed

Part = TypeVar("Part", bound=nn.Module)


def sigreg(z: Tensor, directions: int = 1024, knots: int = 17, generator: torch.Generator | None = None) -> Tensor:
    """Return how far embeddings (n, d), or (t, n, d) averaged over t, are from N(0, I); about 1 when they match.

    Epps-Pulley statistic along random unit directions, as in LeWorldModel (arXiv 2603.19312): the projections are
    not standardised, because a standardised statistic cannot see scale. With torch.distributed the means are
    taken over the rows of all processes; directions come from `generator`, which must then be seeded alike everywhere.
    """
    z = z if z.dim() == 3 else z.unsqueeze(0)
    u = torch.randn(z.shape[-1], directions, generator=generator, device=z.device, dtype=z.dtype)
    h = z @ (u / u.norm(dim=0))
    t = torch.linspace(0, 3, knots, device=z.device, dtype=z.dtype)
    step = 3 / (knots - 1)
    weight = torch.full_like(t, 2 * step)
    weight[0] = weight[-1] = step
    gaussian = torch.exp(-t.square() / 2)
    angle = h.unsqueeze(-1) * t
    count = summed(torch.tensor(float(z.shape[1]), device=z.device))
    cosine, sine = summed(angle.cos().sum(1)) / count, summed(angle.sin().sum(1)) / count
    error = (cosine - gaussian).square() + sine.square()
    return count * (error * weight * gaussian).sum(-1).mean()


def vicreg(z: Tensor, target_std: float = 1.0) -> Tensor:
    """Return VICReg's variance hinge plus covariance penalty (Bardes et al. 2022) of embeddings (n, d)."""
    centred = z - z.mean(0)
    std = (centred.square().mean(0) + 1e-4).sqrt()
    covariance = centred.T @ centred / max(1, len(z) - 1)
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    return F.relu(target_std - std).mean() + off_diagonal.square().sum() / z.shape[1]


def info_nce(predicted: Tensor, target: Tensor, temperature: float = 0.1) -> Tensor:
    """Return InfoNCE of predicted (n, d) against targets (n, d); the other rows are the negatives."""
    scores = F.normalize(predicted, dim=-1) @ F.normalize(target, dim=-1).T / temperature
    return F.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


class EMATarget(Generic[Part]):
    """A slowly following, detached copy of an encoder, whose outputs are the prediction targets (BYOL, I-JEPA)."""

    def __init__(self, online: Part, decay: float = 0.996) -> None:
        self.decay = decay
        self.module: Part = copy.deepcopy(online).requires_grad_(False)

    @torch.no_grad()
    def follow(self, online: Part) -> None:
        """Move the copy a step towards the online encoder."""
        for mine, theirs in zip(self.module.parameters(), online.parameters(), strict=True):
            mine.lerp_(theirs.detach(), 1 - self.decay)


def effective_rank(z: Tensor) -> float:
    """Return exp of the entropy of the normalised singular values of centred embeddings (n, d); 1 is collapse."""
    values = torch.linalg.svdvals((z - z.mean(0)).float())
    share = values / values.sum().clamp(min=1e-12)
    return math.exp(-(share * share.clamp(min=1e-12).log()).sum().item())


def collapse_meters(z: Tensor) -> dict[str, float]:
    """Return the effective rank and the smallest and mean per-dimension std of embeddings (n, d)."""
    std = z.float().std(0, correction=0)
    return {"effective_rank": effective_rank(z), "std_min": std.min().item(), "std_mean": std.mean().item()}
