"""A Dynamics with some actions taken away: what could be done without them. Knows only the Dynamics protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition
from wmagent.latent.protocols import Dynamics, Latent, Prediction


@dataclass(frozen=True)
class RestrictedDynamics:
    """The model as it is, except that only the `allowed` action indices are ever legal."""

    model: Dynamics
    allowed: frozenset[int]

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.model.actions

    @property
    def duration_values(self) -> Tensor:
        return self.model.duration_values

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine as the model does; actions outside `allowed` come back with legality 0."""
        prediction = self.model.imagine(latent, action)
        return replace(prediction, legal=prediction.legal * self._mask(prediction.legal)[action])

    def legality(self, latent: Latent) -> Tensor:
        """Return the model's (b, a) legality, 0 for actions outside `allowed`."""
        legal = self.model.legality(latent)
        return legal * self._mask(legal)

    def behaviour(self, latent: Latent) -> Tensor:
        """Return the model's (b, a) behaviour over the allowed actions, summing to 1 where any mass is left."""
        weights = self.model.behaviour(latent)
        weights = weights * self._mask(weights)
        return weights / weights.sum(-1, keepdim=True).clamp_min(1e-12)

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        return self.model.holds(latent, conditions)

    def _mask(self, like: Tensor) -> Tensor:
        mask = torch.zeros(len(self.model.actions), dtype=like.dtype, device=like.device)
        mask[sorted(self.allowed)] = 1.0
        return mask
