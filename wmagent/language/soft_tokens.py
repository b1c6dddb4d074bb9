"""Questions about imagined futures, answered by a language model from soft tokens: what it is trained on, asked, and
told only where something moved. Knows world models and the reverse adapter; knows no planner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

import torch
from torch import Tensor

from wmagent.adapters.local_lm import LocalLM
from wmagent.adapters.reverse import PLACE, Asked, ReverseAdapter, ReverseFitting, answers, fit_reverse
from wmagent.agent.language import Message
from wmagent.domain.types import Action, Facts, canonical
from wmagent.errors import InputError
from wmagent.language.prompts import what_is
from wmagent.latent.protocols import Latent
from wmagent.model.world_model import WorldModel

MOVED = 1e-6  # squared distance from which on a slot counts as moved


def asked(lm: LocalLM, z: Tensor, key: str, answer: str = "") -> Asked:
    """Return the question what a fact is in the state whose slot latents are z (n, d)."""
    return Asked(z, lm.prompt([Message("user", f"Facts: {PLACE}\n{what_is(key)}")]), answer)


def train_reverse(
    model: WorldModel,
    lm: LocalLM,
    states: Sequence[Facts],
    fitting: ReverseFitting | None = None,
    seed: int = 0,
    said: Callable[[int, int, float], None] | None = None,
) -> ReverseAdapter:
    """Train soft tokens for a world model's latents on questions about recorded states; minutes on one core.

    Every fact that varies is asked about, its values equally often.
    """
    draw = Random(seed)
    torch.manual_seed(seed)
    adapter = ReverseAdapter.beside(lm, model.config.width)
    questions = balanced(states, [model.slots[i] for i in model.vocabulary.active], 6_000, draw)
    latents = model.observe([states[place] for place, _ in questions], strict=False).z
    rows = [
        asked(lm, z, key, canonical(states[place][key])) for z, (place, key) in zip(latents, questions, strict=True)
    ]
    fit_reverse(lm, adapter, rows, fitting, seed, said)
    return adapter


def balanced(states: Sequence[Facts], keys: Sequence[str], n: int, draw: Random) -> list[tuple[int, str]]:
    """Return n (place of a state, fact) pairs: facts in turn, their values equally likely."""
    places: dict[str, dict[str, list[int]]] = {key: {} for key in keys}
    for place, facts in enumerate(states):
        for key in keys:
            if key in facts:
                places[key].setdefault(canonical(facts[key]), []).append(place)
    varying = [key for key in keys if len(places[key]) > 1]
    if not varying:
        raise InputError("no fact has two values in these states; there is nothing to ask")
    found = []
    for number in range(n):
        key = varying[number % len(varying)]
        found.append((draw.choice(places[key][draw.choice(sorted(places[key]))]), key))
    return found


def imagined(model: WorldModel, facts: Facts, actions: Sequence[Action | str]) -> list[Latent]:
    """Return the latents after every step of the likeliest imagined course."""
    latent, found = model.observe(facts), []
    for action in actions:
        prediction = model.imagine(latent, torch.tensor([model.action_index(action)]))
        latent = prediction.next.take(prediction.probs.argmax(-1))
        found.append(latent)
    return found


def answer(lm: LocalLM, adapter: ReverseAdapter, latent: Latent, keys: Sequence[str]) -> dict[str, str]:
    """Return what the language model reads from one latent's soft tokens for each fact."""
    return dict(zip(keys, answers(lm, adapter, [asked(lm, latent.z[0], key) for key in keys]), strict=True))


def moved(model: WorldModel, facts: Facts, course: Sequence[Latent]) -> Tensor:
    """Return (t, n) bool: which slots' latents each imagined step of a course from `facts` moved."""
    z = torch.cat([model.observe(facts).z, *(latent.z for latent in course)])
    return ((z[1:] - z[:-1]) ** 2).sum(-1) > MOVED


def narrated(
    model: WorldModel, lm: LocalLM, adapter: ReverseAdapter, facts: Facts, actions: Sequence[Action | str]
) -> list[Mapping[str, str]]:
    """Return, per imagined step, what the language model says of the facts whose latents moved; of others it is not
    asked (selective decoding, as VL-JEPA does for video)."""
    course = imagined(model, facts, actions)
    slots = [model.slots[i] for i in model.vocabulary.active]
    told = list[Mapping[str, str]]()
    for latent, changed in zip(course, moved(model, facts, course).tolist(), strict=True):
        new = [key for key, is_new in zip(slots, changed, strict=True) if is_new]
        told.append(answer(lm, adapter, latent, new))
    return told
