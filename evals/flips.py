"""Anomalies made by flipping one fact: does the model notice, and does it name the fact?
Knows worlds, oracles and world models by their public names; knows no planner."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wmagent.domain.types import Observation, Transition, Value, key_of
from wmagent.domain.world import Oracle
from wmagent.evals.metrics import auroc, bootstrap


@dataclass(frozen=True)
class Flip:
    """A recorded step and the same with one fact after it replaced by a value that cannot follow."""

    normal: Transition
    odd: Transition
    key: str


def flips(
    rows: Sequence[Transition], domains: Mapping[str, Sequence[Value]], oracle: Oracle, n: int, seed: int
) -> list[Flip]:
    """Return up to n accepted steps, each with one fact flipped so that the world could not have made it."""
    draw = random.Random(f"flips {seed}")
    several = [key for key, values in domains.items() if len(values) > 1]
    accepted = [row for row in rows if row.error is None]
    found: list[Flip] = []
    for row in draw.sample(accepted, min(2 * n, len(accepted))):
        key = draw.choice(several)
        after = dict(row.after.facts)
        after[key] = draw.choice([value for value in domains[key] if value != after[key]])
        possible = {key_of(outcome.facts) for outcome in oracle.outcomes(row.before.facts, row.action)}
        if key_of(after) not in possible:
            found.append(Flip(row, replace(row, after=Observation(after)), key))
    return found[:n]


def flip_scores(model: Any, found: Sequence[Flip], seed: int = 0) -> dict[str, Any]:
    """Return the AUROC of surprise between steps and their flipped twins, and how often the fact named first as odd is
    the flipped one, with bootstrap 95 % intervals."""
    if not found:
        return {"n": 0}
    normal = [score.nll for score in model.score([flip.normal for flip in found])]
    odd = model.score([flip.odd for flip in found])
    named = [float(bool(score.odd) and score.odd[0].key == flip.key) for score, flip in zip(odd, found, strict=True)]
    surprise = [score.nll for score in odd]
    return {
        "n": len(found),
        "auroc": auroc(normal, surprise),
        "localised": float(np.mean(named)) if named else None,
        "localised_interval": bootstrap(named, seed=seed),
    }
