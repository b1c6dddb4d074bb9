"""What each action does on average, whatever the state: the ground of the prior control.
Knows the Dynamics protocol only."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wmagent.latent.protocols import Dynamics, Latent, Prediction

KEEP = 16  # distinct sets of changes kept per action, the most likely ones
LIVE = 0.01  # outcomes below this probability are ignored

SlotChange = tuple[int, int, Tensor]  # slot, new code, its latent (d,)


@dataclass(frozen=True)
class Habit:
    """An action's average prediction: k sets of changes with probabilities (k,), end (k,), durations (k, m)."""

    changes: tuple[tuple[SlotChange, ...], ...]
    probs: Tensor
    done: Tensor
    durations: Tensor
    cost: float


def habits(dynamics: Dynamics, reference: Latent) -> list[Habit]:
    """Return one habit per action, averaged over the reference rows in which it is allowed (all rows if none)."""
    legal = dynamics.legality(reference)
    result = []
    for index in range(len(dynamics.actions)):
        rows = legal[:, index] >= 0.5
        states = reference.take(rows) if bool(rows.any()) else reference
        action = torch.full((len(states),), index, dtype=torch.int64)
        result.append(_habit(states, dynamics.imagine(states, action)))
    return result


def _habit(states: Latent, prediction: Prediction) -> Habit:
    b, k = prediction.probs.shape
    after = prediction.next.codes.view(b, k, -1)
    differs = after != states.codes[:, None, :]
    own = prediction.next.z.shape[1] == after.shape[2]  # else codes name facts that z leaves out; see `Controlled`
    weight: dict[tuple[tuple[int, int], ...], float] = {}
    done: dict[tuple[tuple[int, int], ...], float] = {}
    hours: dict[tuple[tuple[int, int], ...], Tensor] = {}
    vectors: dict[tuple[int, int], Tensor] = {}
    for row, outcome in (prediction.probs >= LIVE).nonzero().tolist():
        share = float(prediction.probs[row, outcome])
        slots = differs[row, outcome].nonzero()[:, 0].tolist()
        key = tuple((slot, int(after[row, outcome, slot])) for slot in slots)
        for pair in key:
            vectors.setdefault(pair, prediction.next.z[row * k + outcome, pair[0]] if own else prediction.next.z[0, 0])
        weight[key] = weight.get(key, 0.0) + share
        done[key] = done.get(key, 0.0) + share * float(prediction.done[row, outcome])
        spread = share * prediction.duration_probs[row, outcome].float()
        hours[key] = hours[key] + spread if key in hours else spread
    kept = sorted(weight, key=lambda key: (-weight[key], key))[:KEEP]
    mass = torch.tensor([weight[key] for key in kept])
    return Habit(
        changes=tuple(tuple((slot, code, vectors[slot, code]) for slot, code in key) for key in kept),
        probs=mass / mass.sum(),
        done=torch.tensor([done[key] for key in kept]) / mass,
        durations=torch.stack([hours[key] for key in kept]) / mass[:, None],
        cost=float(prediction.cost.mean()),
    )
