"""A Dynamics that imagines no (state, action) pair twice: for many searches over one model.
Knows the protocol, and how equal states are told; must not know any planner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition
from wmagent.latent.protocols import Dynamics, Latent, Prediction
from wmagent.planning.columns import Column

# What has an outcome axis, and how an outcome of no probability is filled in.
OUTCOMES: dict[str, Literal["constant", "edge"]] = {
    "probs": "constant",
    "head_probs": "constant",
    "done": "constant",
    "duration_probs": "edge",
    "codes": "edge",
}


class Coded(Dynamics, Protocol):
    """A Dynamics whose latents follow from their value codes."""

    def latent(self, codes: Tensor) -> Latent:
        """Return the latent of value codes (b, s)."""
        ...


class Remembered:
    """The model as it is, with everything that was asked kept: a search that comes by again is answered from memory.

    Kept are codes, not latents (`model.latent` makes those anew), so that a pair takes about a kilobyte; after `most`
    pairs all are forgotten. Ask it from one thread at a time.
    """

    def __init__(self, model: Coded, most: int = 300_000) -> None:
        self.model, self.most = model, most
        self._forget()

    def _forget(self) -> None:
        self._pairs: dict[bytes, int] = {}
        self._kept: dict[str, Column] = {}
        self._states: dict[bytes, int] = {}
        self._asked: dict[str, Column] = {}

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.model.actions

    @property
    def duration_values(self) -> Tensor:
        return self.model.duration_values

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        return self.model.holds(latent, conditions)

    def latent(self, codes: Tensor) -> Latent:
        return self.model.latent(codes)

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine as the model does, asking it only about pairs that it was not asked about."""
        if len(self._pairs) > self.most:
            self._forget()
        names = [key + name.tobytes() for key, name in zip(latent.keys(), action.numpy(), strict=True)]
        rows, fresh = _rows(self._pairs, names)
        if len(fresh):
            index = torch.from_numpy(fresh)
            _keep(self._kept, _columns(self.model.imagine(latent.take(index), action[index])))
        found = {name: torch.from_numpy(column.rows[rows]) for name, column in self._kept.items()}
        codes = found.pop("codes")
        heads = found.pop("head_probs").permute(2, 0, 1)
        return Prediction(next=self.model.latent(codes.flatten(0, 1)), head_probs=heads, **found)

    def legality(self, latent: Latent) -> Tensor:
        """Return the model's (b, a) legality."""
        return self._ask(latent, "legality")

    def behaviour(self, latent: Latent) -> Tensor:
        """Return the model's (b, a) behaviour."""
        return self._ask(latent, "behaviour")

    def _ask(self, latent: Latent, what: str) -> Tensor:
        rows, fresh = _rows(self._states, latent.keys())
        if len(fresh):
            new = latent.take(torch.from_numpy(fresh))
            both = {"legality": self.model.legality(new), "behaviour": self.model.behaviour(new)}
            _keep(self._asked, {name: tensor.detach().numpy() for name, tensor in both.items()})
        return torch.from_numpy(self._asked[what].rows[rows])


def _keep(kept: dict[str, Column], new: dict[str, np.ndarray]) -> None:
    """Append rows to what is kept, all made as wide as the one with the most outcomes."""
    for name, rows in new.items():
        if name not in kept:
            kept[name] = Column(rows.shape[1:], rows.dtype.type, 1024)
        if name in OUTCOMES:
            width = max(rows.shape[1], kept[name].rows.shape[1])
            if kept[name].rows.shape[1] < width:
                before, kept[name] = kept[name], Column((width, *rows.shape[2:]), rows.dtype.type, 1024)
                kept[name].append(_wide(before.rows, width, OUTCOMES[name]))
            rows = _wide(rows, width, OUTCOMES[name])
        kept[name].append(rows)


def _wide(rows: np.ndarray, width: int, mode: Literal["constant", "edge"]) -> np.ndarray:
    """Return (b, width, …) rows with outcomes of no probability added."""
    more = [(0, 0)] * rows.ndim
    more[1] = (0, width - rows.shape[1])
    return np.pad(rows, more, mode=mode)


def _rows(known: dict[bytes, int], keys: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of every key, new ones counted on, and which of the keys are the first of a new row."""
    fresh, rows = [], np.empty(len(keys), dtype=np.int64)
    for place, key in enumerate(keys):
        had = len(known)
        rows[place] = known.setdefault(key, had)
        if len(known) > had:
            fresh.append(place)
    return rows, np.array(fresh, dtype=np.int64)


def _columns(prediction: Prediction) -> dict[str, np.ndarray]:
    """Return the arrays of a prediction with the pairs as rows; next states as codes (b, k, s)."""
    b, k = prediction.probs.shape
    plain = ("probs", "legal", "done", "duration_probs", "cost", "surprise")
    found = {name: getattr(prediction, name).detach().numpy() for name in plain}
    found["codes"] = prediction.next.codes.view(b, k, -1).numpy()
    found["head_probs"] = prediction.head_probs.detach().permute(1, 2, 0).numpy()
    return found
