"""From recorded transitions to a world model: split, train, calibrate, remember, write the card's numbers."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmagent.domain.progress import Progress, Report
from wmagent.domain.types import Transition
from wmagent.errors import InputError, checked_seed
from wmagent.latent.threads import single_thread
from wmagent.model.calibration import calibration_curve, expected_calibration_error, fit_temperature
from wmagent.model.config import ModelConfig
from wmagent.model.imagination import marginals
from wmagent.model.losses import joint_log_probs, slot_log_probs
from wmagent.model.memory import Memory
from wmagent.model.network import Network
from wmagent.model.outcomes import Codebook, Codes, coded
from wmagent.model.precedents import STRENGTHS, Precedents
from wmagent.model.questions import log_probs
from wmagent.model.snapshots import Snapshots
from wmagent.model.tables import FactTable, Rows, bootstrap, case_ids, duration_grid, rarity_weights
from wmagent.model.training import Trainer
from wmagent.model.vocabulary import Vocabulary
from wmagent.model.world_model import WorldModel
from wmagent.registry import resolve

CHUNK = 512
STRENGTH_ROWS = 1_000  # held-out rows that the predictor's weight against the record is fitted on


def learn(
    source: Any,
    config: ModelConfig,
    seed: int,
    text: str,
    limit: int | None,
    folder: Path | None,
    report: Report | None,
) -> WorldModel:
    """Learn a world model; the arguments are those of `WorldModel.learn`."""
    started = time.monotonic()
    checked_seed(seed)
    transitions: list[Transition] = resolve("source", "transitions")(source, limit=limit)
    held = hold_out(transitions, config.holdout, seed)
    train = [t for t, out in zip(transitions, held.tolist(), strict=True) if not out]
    if not train or not any(dict(t.before.facts) != dict(t.after.facts) for t in train):
        raise InputError(f"{len(train)} training transitions, none of which changes a fact: there is nothing to learn")
    _tell(report, "embedding", 0, f"{len(transitions):,} transitions")
    backend = resolve("text-source", "auto")(text)
    vocabulary = Vocabulary.build(train)
    _add_actions(vocabulary, transitions)
    durations = duration_grid([t.duration for t in train])
    rows = Rows.build(train, vocabulary, durations)
    table = FactTable.build(vocabulary, backend.embed)
    codebook, codes = Codebook.build(rows, table, None if config.outcomes == "auto" else config.outcomes)
    rows.code = coded(rows, codes)
    _tell(report, "embedding", 1, f"{len(vocabulary.active)} facts vary, up to {codebook.outcomes} outcomes")
    rows.weight = rarity_weights(rows, config.rarity, config.rarity_most)
    torch.manual_seed(seed)
    network = Network(config, table.values.shape[-1], len(durations))
    if config.trunk_from:
        _begin_as(network, config)
    dynamic = torch.tensor([vocabulary.active.index(i) for i in vocabulary.dynamic], dtype=torch.long)
    snapshots = Snapshots(folder, _fingerprint(train, config, seed, text)) if folder else None
    trainer = Trainer(network, table, codebook, dynamic, rows, config, seed, snapshots, report)
    with single_thread():
        meters = trainer.fit()
    model = WorldModel(
        config, vocabulary, table, codebook, network, durations, _costs(train, vocabulary), seed=seed, text=text,
        embed=backend.embed,
    )  # fmt: skip
    _tell(report, "remembering", 0, "calibration and memory")
    calibrate(model, transitions, held, meters, codes)
    model.card["data"]["learn_seconds"] = round(time.monotonic() - started, 1)
    _tell(report, "remembering", 1, "")
    return model


def _begin_as(network: Network, config: ModelConfig) -> None:
    layers = resolve("language-layers", "local")(config.trunk_from, config.layers)
    try:
        network.predictor.begin_as(layers)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"the layers of {config.trunk_from!r} do not fit this predictor: {error}") from error


def hold_out(transitions: Sequence[Transition], share: float, seed: int) -> Tensor:
    """Return (N,) bool: rows of the cases held out for calibration; no case is on both sides."""
    cases = case_ids(transitions)
    names = sorted(set(cases))
    random.Random(seed).shuffle(names)
    held: set[str] = set()
    if len(names) > 1:
        held = set(names[: max(1, round(share * len(names)))])
    return torch.tensor([case in held for case in cases], dtype=torch.bool)


def calibrate(
    model: WorldModel, transitions: Sequence[Transition], held: Tensor, meters: dict[str, float], codes: Codes
) -> None:
    """Fit the temperature, find the contexts, fill the memory, and write the card's held-out numbers; what was held out
    is counted and remembered at the end, too. `codes` are the outcomes' codes."""
    vocabulary, out = model.vocabulary, held.nonzero().squeeze(1)
    before = torch.from_numpy(vocabulary.encode(t.before.facts for t in transitions))
    after = torch.from_numpy(vocabulary.encode(t.after.facts for t in transitions))
    rows = Rows.build(transitions, vocabulary, model.duration_values, (before, after))
    rows.code = coded(rows, codes)
    model.refresh()
    cases = case_ids(transitions)
    choice, joint = _held_out(model, rows, out)
    model.temperature = fit_temperature(choice, joint)
    weights = bootstrap(model.config.ensemble, len(rows), model.seed)
    precedents = model.precedents = Precedents.build(rows.take(~held), vocabulary)
    _count(model, precedents, rows.take(~held), weights[:, ~held])
    some = out[torch.randperm(len(out), generator=torch.Generator().manual_seed(model.seed))[:STRENGTH_ROWS]]
    precedents.strength = _fit_strength(model, precedents, rows, before, after, some)
    hours = torch.tensor([t.duration for t in transitions], dtype=torch.float64)
    model.memory = Memory.build(partial(_features, model), before, after, rows.action, rows.legal, hours, cases, held)
    probs, values = _marginals(model, before[out], rows.action[out])
    model.held_out_nll = (-log_probs(model, before[out], after[out], rows.action[out], rows.legal[out])).sort().values
    marginal = torch.einsum("bk,bkqv->bqv", probs, values)
    confidence, read = marginal.max(-1)
    then, now = rows.after[out][:, model.dynamic], rows.before[out][:, model.dynamic]
    right = (read == then) & (then != model.places.other[model.dynamic])  # naming no value is not naming the right one
    curve = calibration_curve(confidence.flatten(), right.flatten())
    exact = right.all(1)
    moved = (now != then).any(1)
    model.card = {
        "data": {
            "transitions": len(transitions),
            "cases": len(set(cases)),
            "held_out": len(out),
            "facts": len(vocabulary.slots),
            "facts_that_vary": len(vocabulary.active),
            "facts_that_change": len(vocabulary.dynamic),
            "actions": len(vocabulary.actions),
            "refused_attempts": int((~rows.legal).sum()),
        },
        "network": {
            "parameters": sum(p.numel() for p in model.network.parameters()),
            "outcomes": model.codebook.outcomes,
            "temperature": round(model.temperature, 3),
            "contexts": int((precedents.trees.slot < 0).sum()),
            "strength": precedents.strength,
            **{k: round(v, 4) for k, v in meters.items()},
        },
        "held_out": {
            "exact": _mean(exact),
            "exact_changed": _mean(exact[moved]),
            "nll": _mean(model.held_out_nll),
            "ece": round(expected_calibration_error(curve), 4),
            "floor_persistence_exact": _mean(~moved),
            "calibration": [[round(a, 4), round(b, 4), n] for a, b, n in curve],
        },
    }
    _count(model, precedents, rows, weights)


def _count(model: WorldModel, precedents: Precedents, rows: Rows, weights: Tensor) -> None:
    precedents.count(rows, weights, model.codebook.outcomes, model.dynamic, len(model.duration_values))


def _fit_strength(
    model: WorldModel, precedents: Precedents, rows: Rows, before: Tensor, after: Tensor, out: Tensor
) -> float:
    """Return for how many rows the predictor's opinion counts: the fewest that make held-out rows no less likely than
    the best number does, but for the standard error of the difference (in rare contexts the record knows better)."""
    found = []
    for strength in STRENGTHS:
        precedents.strength = strength
        found.append(log_probs(model, before[out], after[out], rows.action[out], rows.legal[out]))
    if len(out) < 2:
        return STRENGTHS[0]
    best = max(found, key=lambda one: one.mean().item())
    error = [(best - one).std().item() * len(out) ** -0.5 for one in found]
    near = [s for s, one, e in zip(STRENGTHS, found, error, strict=True) if (best - one).mean().item() <= e]
    return min(near)


@torch.inference_mode()
def _held_out(model: WorldModel, rows: Rows, out: Tensor) -> tuple[Tensor, Tensor]:
    """Return outcome logits (h, N, k) and log p(row | outcome) (N, k) of the accepted held-out rows."""
    k, dynamic, words = model.codebook.outcomes, model.dynamic, model.words
    out = out[rows.legal[out]]
    if not len(out):
        return torch.zeros(1, 0, k), torch.zeros(0, k)
    choices, joints = [], []
    for index in out.split(CHUNK):
        part = rows.take(index)
        context = model.context(words.states(part.before), part.action)
        change = model.network.predictor.change(context, words.outcomes[part.action])
        now, then = part.before[:, dynamic], part.after[:, dynamic]
        read = slot_log_probs(change, words.values[dynamic], words.mask[dynamic], now, then)
        choices.append(model.choices(context, part.action))
        joints.append(joint_log_probs(change, read, part.duration, part.done))
    return torch.cat(choices, 1), torch.cat(joints)


def _marginals(model: WorldModel, before: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    index = torch.arange(len(action)).split(CHUNK)
    probs, values = zip(*(marginals(model, model.latent(before[i]), action[i]) for i in index), strict=True)
    return torch.cat(probs), torch.cat(values)


@torch.inference_mode()
def _features(model: WorldModel, before: Tensor, action: Tensor) -> Tensor:
    parts = [model.context(model.latent(before[i]).z, action[i]).pooled for i in torch.arange(len(action)).split(CHUNK)]
    return torch.cat(parts)


def _add_actions(vocabulary: Vocabulary, transitions: Sequence[Transition]) -> None:
    """Let held-out rows use actions that no training row has; they are known by their words only."""
    labels = {a.label() for a in vocabulary.actions}
    new = {t.action.label(): t.action for t in transitions if t.action.label() not in labels}
    vocabulary.actions = (*vocabulary.actions, *(new[label] for label in sorted(new)))
    vocabulary.__post_init__()


def _costs(transitions: Sequence[Transition], vocabulary: Vocabulary) -> Tensor:
    total, count = torch.zeros(len(vocabulary.actions)), torch.zeros(len(vocabulary.actions))
    for t in transitions:
        if t.error is None:
            index = vocabulary.action_index(t.action)
            total[index] += t.cost
            count[index] += 1
    return total / count.clamp(min=1)


def _fingerprint(transitions: Sequence[Transition], config: ModelConfig, seed: int, text: str) -> str:
    digest = hashlib.sha256(json.dumps([config.model_dump(), seed, text], sort_keys=True).encode())
    for t in transitions:
        facts = sorted(t.before.facts.items()), sorted(t.after.facts.items())
        digest.update(repr((facts, t.action.label(), t.duration, t.cost, t.done, t.error, t.case)).encode())
    return digest.hexdigest()


def _mean(values: Tensor) -> float | None:
    return round(values.float().mean().item(), 4) if len(values) else None


def _tell(report: Report | None, stage: str, done: int, message: str) -> None:
    if report:
        report(Progress(stage, done, 1, message))
