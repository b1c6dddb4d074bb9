"""Forecasts and scores of recorded transitions, in facts. Knows the world model's tensors, no planner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wmagent.domain.answers import OddFact
from wmagent.domain.types import Action, Facts, Transition
from wmagent.errors import InputError
from wmagent.model.forecast import Forecast, ForecastOutcome, Score
from wmagent.model.imagination import marginals

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel

CHUNK = 512
ODD = 0.05  # a seen value less probable than this is odd


def forecast(model: WorldModel, facts: Sequence[Facts], actions: Sequence[Action | str]) -> list[Forecast]:
    """Forecast b pairs; see `WorldModel.forecast`."""
    index = torch.tensor([model.action_index(a) for a in actions], dtype=torch.long)
    latent = model.observe(facts, strict=False)
    found: list[Forecast] = []
    for rows in torch.arange(len(index)).split(CHUNK):
        found += _forecast(model, [facts[i] for i in rows.tolist()], latent.take(rows), index[rows])
    return found


def _forecast(model: WorldModel, facts: Sequence[Facts], latent, action: Tensor) -> list[Forecast]:
    prediction = model.imagine(latent, action)
    probs, values = marginals(model, latent, action)
    marginal = torch.einsum("bk,bkqv->bqv", probs, values).tolist()
    hours = (prediction.duration_probs @ model.duration_values).tolist()
    k = probs.shape[1]
    imagined = model.read(prediction.next)
    keys, codes = prediction.next.keys(), probs.tolist()
    done, legal, surprise = prediction.done.tolist(), prediction.legal.tolist(), prediction.surprise.tolist()
    found = []
    for i, given in enumerate(facts):
        foreign = {key: v for key, v in given.items() if key not in model.vocabulary._slot}
        merged: dict[bytes, list[float]] = {}
        for j in range(k):
            entry = merged.setdefault(keys[i * k + j], [0.0, 0.0, 0.0, i * k + j])
            p = codes[i][j]
            entry[0] += p
            entry[1] += p * hours[i][j]
            entry[2] += p * done[i][j]
        outcomes = [
            ForecastOutcome(p, imagined[int(row)] | foreign, h / max(p, 1e-12), d / max(p, 1e-12))
            for p, h, d, row in merged.values()
        ]
        slots = {
            model.slots[s]: model.vocabulary.named_chances(s, marginal[i][q], given.get(model.slots[s]))
            for q, s in enumerate(model.vocabulary.dynamic)
        }
        ranked = tuple(sorted(outcomes, key=lambda o: -o.probability))
        found.append(Forecast(ranked, slots, legal[i], surprise[i]))
    return found


def log_probs(model: WorldModel, before: Tensor, after: Tensor, action: Tensor, accepted: Tensor) -> Tensor:
    """Return (b,) log p of recorded results, and of their acceptance or refusal; codes (b, s) of all slots."""
    latent = model.latent(before)
    dynamic = list(model.vocabulary.dynamic)
    places = model.places.take(model.dynamic)
    total = []
    for rows in torch.arange(len(action)).split(CHUNK):
        probs, values = marginals(model, latent.take(rows), action[rows])
        seen = places.then(before[rows][:, dynamic], after[rows][:, dynamic])
        seen = seen[:, None, :, None].expand(-1, probs.shape[1], -1, 1)
        slots = values.gather(-1, seen).squeeze(-1).clamp(min=1e-9).log().sum(-1)
        facts = torch.logsumexp(probs.clamp(min=1e-12).log() + slots, -1)
        legal = model.legality(latent.take(rows)).gather(1, action[rows][:, None]).squeeze(1)
        passed = torch.where(accepted[rows], legal, 1 - legal).clamp(min=1e-6).log()
        frozen = torch.ones(before.shape[1], dtype=torch.bool)
        frozen[dynamic] = False
        moved = (before[rows] != after[rows])[:, frozen].sum(1)
        total.append(facts + passed - moved * math.log(model.n_transitions + 2))
    return torch.cat(total) if total else torch.zeros(0)


def score(model: WorldModel, transitions: Sequence[Transition]) -> list[Score]:
    """Score recorded transitions; see `WorldModel.score`."""
    if not transitions:
        return []
    known = [_unknown_action(model, t) is None for t in transitions]
    before = model.observe([t.before.facts for t in transitions], strict=False).codes
    after = model.observe([t.after.facts for t in transitions], strict=False).codes
    action = torch.tensor([model.action_index(t.action) if ok else 0 for t, ok in zip(transitions, known, strict=True)])
    accepted = torch.tensor([t.error is None for t in transitions])
    nll = -log_probs(model, before, after, action, accepted)
    held = model.held_out_nll
    found = []
    for i, t in enumerate(transitions):
        unknown = _unknown(model, t)
        if not known[i]:
            found.append(Score(math.inf, 1 / (len(held) + 1), (), unknown))
            continue
        p_value = (1 + int((held >= nll[i] - 1e-6).sum())) / (len(held) + 1)
        found.append(Score(nll[i].item(), p_value, _odd(model, t, before[i : i + 1], action[i]), unknown))
    return found


def _odd(model: WorldModel, t: Transition, before: Tensor, action: Tensor) -> tuple[OddFact, ...]:
    probs, values = marginals(model, model.latent(before), action.reshape(1))
    marginal = torch.einsum("bk,bkqv->bqv", probs, values)[0]
    expected = {model.slots[s]: marginal[q] for q, s in enumerate(model.vocabulary.dynamic)}
    odd = []
    for key in sorted({*t.before.facts, *t.after.facts}):
        was, seen = t.before.facts.get(key), t.after.facts.get(key)
        if key in expected:
            slot = model.vocabulary.slot_index(key)
            place = model.places.take(torch.tensor([model.vocabulary.active.index(slot)]))
            then, now = (torch.tensor([[model.vocabulary.code(slot, value)]]) for value in (seen, was))
            p = expected[key][int(place.then(now, then))].item()
            chances = model.vocabulary.named_chances(slot, expected[key].tolist(), was)
            best = max(chances, key=lambda value: chances[value])
            if p < ODD:
                odd.append(OddFact(key, best, chances[best], seen, p))
        elif was != seen:
            rare = 1 / (model.n_transitions + 2)
            odd.append(OddFact(key, was, 1 - rare, seen, rare))
    return tuple(sorted(odd, key=lambda o: o.seen_probability))


def _unknown_action(model: WorldModel, t: Transition) -> str | None:
    try:
        model.action_index(t.action)
    except InputError as error:
        return str(error)
    return None


def _unknown(model: WorldModel, t: Transition) -> tuple[str, ...]:
    vocabulary = model.vocabulary
    found = [message] if (message := _unknown_action(model, t)) else []
    for key, value in {**t.before.facts, **t.after.facts}.items():
        if key not in vocabulary._slot:
            found.append(f"fact {key!r} was never recorded")
            continue
        slot = vocabulary.slot_index(key)
        met = vocabulary.code(slot, value) < vocabulary.trained[slot] or vocabulary.covers(slot, value)
        if slot in vocabulary.active and not met:
            found.append(f"fact {key!r} was never {value!r}")
    return tuple(found)
