"""Imagined rollouts of many steps beside exact simulation: are facts still right after 1, 5, 10, 20 steps?
Knows worlds, oracles and world models by their public names; knows no planner."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch

from wmagent.domain.types import Action, Facts, Transition, canonical
from wmagent.domain.world import Oracle
from wmagent.evals.metrics import bootstrap
from wmagent.latent.protocols import Latent

STEPS = (1, 5, 10, 20)
CERTAIN = 0.999  # a fact whose exact distribution gives one value at least this much is deterministic
LEAST = 1e-4  # what is less likely is no longer followed

Marginals = dict[str, dict[str, float]]  # fact -> value -> probability
Rollout = Callable[[Facts, Sequence[Action]], Iterator[Marginals]]


def courses(
    cases: Sequence[Transition], n: int, seed: int, length: int = max(STEPS)
) -> list[tuple[Facts, list[Action]]]:
    """Return n starts with what was really done from there; shorter cases go on with actions of other ones, which are
    skipped where they are not allowed."""
    draw = random.Random(f"courses {seed}")
    runs = [[row for row in rows if row.error is None] for _, rows in groupby(cases, key=lambda row: row.case)]
    runs = [rows for rows in runs if rows]
    found = []
    for _ in range(n):
        rows = draw.choice(runs)
        actions = [row.action for row in rows]
        while len(actions) < length:
            actions += [row.action for row in draw.choice(runs)]
        found.append((rows[0].before.facts, actions[:length]))
    return found


def exact(oracle: Oracle) -> Rollout:
    """Return rollouts by a world's own definition: the exact distribution of every fact after every step."""

    def follow(start: Facts, actions: Sequence[Action]) -> Iterator[Marginals]:
        belief: dict[tuple[str, ...], tuple[float, Facts]] = {_key(start): (1.0, start)}
        for action in actions:
            ahead: dict[tuple[str, ...], tuple[float, Facts]] = {}
            for mass, facts in belief.values():
                results = [(o.probability, o.facts) for o in oracle.outcomes(facts, action)] or [(1.0, facts)]
                for share, after in results:
                    known = ahead.get(_key(after), (0.0, after))
                    ahead[_key(after)] = (known[0] + mass * share, after)
            belief = {key: found for key, found in ahead.items() if found[0] >= LEAST}
            yield _marginals(belief.values())

    return follow


def imagined(model: Any) -> Rollout:
    """Return rollouts by a world model: its belief over imagined states, actions it holds for refused being skipped."""

    def follow(start: Facts, actions: Sequence[Action]) -> Iterator[Marginals]:
        latent, mass, ended = model.observe(start), np.ones(1), np.zeros(1, dtype=bool)
        for action in actions:
            latent, mass, ended = _imagine(model, latent, mass, ended, model.action_index(action))
            yield _marginals(zip(mass, model.read(latent), strict=True))

    return follow


def _imagine(
    model: Any, latent: Latent, mass: np.ndarray, ended: np.ndarray, action: int
) -> tuple[Latent, np.ndarray, np.ndarray]:
    acting = ~ended & (model.legality(latent)[:, action].numpy() >= 0.5)
    if not acting.any():
        return latent, mass, ended
    index = torch.from_numpy(np.flatnonzero(acting))
    prediction = model.imagine(latent.take(index), torch.full((len(index),), action))
    share = (mass[acting][:, None] * prediction.probs.numpy()).ravel()
    kept = np.flatnonzero(share >= LEAST)
    parts = [latent.take(torch.from_numpy(np.flatnonzero(~acting))), prediction.next.take(torch.from_numpy(kept))]
    everything = Latent.cat(parts)
    weights = np.concatenate([mass[~acting], share[kept]])
    over = np.concatenate([ended[~acting], prediction.done.numpy().ravel()[kept] >= 0.5])
    places: dict[tuple[bytes, bool], int] = {}
    group = np.array(
        [places.setdefault(key, len(places)) for key in zip(everything.keys(), over.tolist(), strict=True)]
    )
    first = np.unique(group, return_index=True)[1]
    merged = np.bincount(group, weights, len(places))
    return everything.take(torch.from_numpy(first)), merged / merged.sum(), over[first]


def rollout_scores(
    truth: Rollout, others: dict[str, Rollout], asked: Sequence[tuple[Facts, list[Action]]], seed: int = 0
) -> dict[str, Any]:
    """Return, per way of rolling out and number of steps, the accuracy of the facts that are certain in truth (those
    that differ from the start beside), with its bootstrap 95 % interval over courses, and the mean total variation of
    the others' distributions."""
    starts = [{key: canonical(value) for key, value in start.items()} for start, _ in asked]
    exact_ = [list(truth(start, actions)) for start, actions in asked]
    result: dict[str, Any] = {"n": len(asked)}
    for name, roll in others.items():
        said = [list(roll(start, actions)) for start, actions in asked]
        result[name] = {
            str(k): _compare(starts, [e[k - 1] for e in exact_], [s[k - 1] for s in said], seed) for k in STEPS
        }
    return result


def _compare(
    starts: Sequence[dict[str, str]], truths: Sequence[Marginals], said: Sequence[Marginals], seed: int
) -> dict[str, Any]:
    right, moved, distance = [], [], []
    for start, true, guess in zip(starts, truths, said, strict=True):
        hits = []
        for key, shares in true.items():
            other = guess.get(key, {})
            value, share = max(shares.items(), key=lambda item: item[1])
            if share >= CERTAIN:
                hits.append(bool(other) and max(other, key=lambda v: other[v]) == value)
                if value != start.get(key):
                    moved.append(hits[-1])
            else:
                distance.append(sum(abs(shares.get(v, 0.0) - other.get(v, 0.0)) for v in {*shares, *other}) / 2)
        right.append(float(np.mean(hits)) if hits else 1.0)
    return {
        "accuracy": float(np.mean(right)),
        "accuracy_interval": bootstrap(right, seed=seed),
        "accuracy_changed": float(np.mean(moved)) if moved else None,
        "changed_facts": len(moved),
        "distance": float(np.mean(distance)) if distance else None,
        "uncertain_facts": len(distance),
    }


def persistence(start: Facts, actions: Sequence[Action]) -> Iterator[Marginals]:
    """The floor: nothing ever changes."""
    for _ in actions:
        yield _marginals([(1.0, start)])


def _key(facts: Facts) -> tuple[str, ...]:
    return tuple(canonical(value) for value in facts.values())


def _marginals(belief: Any) -> Marginals:
    found: Marginals = {}
    for mass, facts in belief:
        for key, value in facts.items():
            shares = found.setdefault(key, {})
            shares[canonical(value)] = shares.get(canonical(value), 0.0) + float(mass)
    return found
