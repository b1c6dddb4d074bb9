"""Models that can be watched and stopped while they imagine. Knows by which method each kind does; no questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from wmagent.agent.protocols import AgentModel
from wmagent.latent.protocols import Latent, Prediction
from wmagent.service.tools import WATCH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wmagent.events.process_model import ProcessModel


class _Watched:
    """The model as it is; what it imagines is told to the watch of the running call, which may stop it."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class WatchedModel(_Watched):
    """A world model."""

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine as the model does."""
        _step(len(action))
        return self._model.imagine(latent, action)


class WatchedProcess(_Watched):
    """A process model."""

    def next_events(self, latents: NDArray[np.float32]) -> NDArray[np.float64]:
        """Tell what comes next as the model does."""
        _step(len(latents))
        return self._model.next_events(latents)


def watched(model: AgentModel) -> AgentModel:
    """Return the model, watched."""
    return cast("AgentModel", WatchedModel(model))


def watched_process(model: ProcessModel) -> ProcessModel:
    """Return the model, watched."""
    return cast("ProcessModel", WatchedProcess(model))


def _step(imagined: int) -> None:
    if (watch := WATCH.get()) is not None:
        watch.step(imagined)
