"""A world model that can be watched and stopped while it imagines. Knows the agent's model protocol."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from wmagent.agent.protocols import AgentModel
from wmagent.latent.protocols import Latent, Prediction
from wmagent.service.tools import WATCH


class WatchedModel:
    """The model as it is; what it imagines is told to the watch of the running call, which may stop it."""

    def __init__(self, model: AgentModel) -> None:
        self._model = model

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine as the model does."""
        if (watch := WATCH.get()) is not None:
            watch.step(len(action))
        return self._model.imagine(latent, action)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def watched(model: AgentModel) -> AgentModel:
    """Return the model, watched."""
    return cast("AgentModel", WatchedModel(model))
