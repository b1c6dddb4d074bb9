"""What imagined futures come to: how likely an outcome is and by when, how long a case goes on, its typical course.
Knows an imagination and a critic; must not know logs or questions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.events.rollouts import Imagination
from wmagent.events.values import Value

LAMBDA = 0.8  # how much a later value counts beside the one before it
STEPS = 8  # events imagined before the critic takes over


@dataclass(frozen=True)
class Aim:
    """What is hoped for: one of some activities (their codes, the end among them) within hours."""

    codes: tuple[int, ...]
    within: float = np.inf


def chances(imagined: Imagination, aim: Aim, value: Value | None, steps: int = STEPS) -> NDArray[np.float64]:
    """Return P(aim) (n, draws) of futures of so many steps: the lambda-return of what the critic says along imagined
    courses (Hafner et al. 2020), certain where the aim is reached or the case is over. Without a critic: whether the
    aim is reached within these steps and in time."""
    total, weight = np.zeros(len(imagined.hours)), 1.0
    for step in range(steps):
        imagined.step()
        if value is None:
            if imagined.over.all():
                break
            continue
        reached = _reached(imagined, aim)
        now, going = reached.astype(float), ~reached & ~imagined.over
        if going.any():
            now[going] = value(imagined.latents[torch.from_numpy(going)].numpy())
        share = weight if step == steps - 1 else weight * (1 - LAMBDA)
        total += share * now
        weight -= share
    if value is None:
        total = _reached(imagined, aim).astype(float)
    return total.reshape(imagined.n, imagined.draws)


def _reached(imagined: Imagination, aim: Aim) -> NDArray[np.bool_]:
    first = imagined.when[:, list(aim.codes)].min(1)
    return np.isfinite(first) & (first <= aim.within)


@dataclass(frozen=True)
class Course:
    """How imagined futures go on: hours to the end (.1, .5 and .9 quantiles), the events of the typical one (codes; the
    end is left out), and the share of futures that end within the horizon."""

    hours: tuple[float, float, float]
    typical: tuple[int, ...]
    ended: float


def course(imagined: Imagination, horizon: int) -> Course:
    """Follow the futures of one prefix to their ends, at most `horizon` events on."""
    for _ in range(horizon):
        imagined.step()
        if imagined.over.all():
            break
    low, middle, high = np.quantile(imagined.hours, [0.1, 0.5, 0.9])
    typical = Counter(map(tuple, imagined.courses)).most_common(1)[0][0]
    return Course((float(low), float(middle), float(high)), typical, float(imagined.over.mean()))
