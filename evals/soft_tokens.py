"""Imagined futures told to a language model as soft tokens: does it answer from them, or would it have guessed?
Knows worlds, models, the reverse adapter and language models by their public names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

from wmagent.domain.types import Action, Facts, canonical
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap

log = logging.getLogger(__name__)

STEPS = 3
NOTES = (
    "Each question asks what a fact is after three imagined steps (the likeliest outcome of each) of a recorded "
    "course; its values are asked about equally often. right: the answer, written freely, is the fact as imagined; "
    "true: it is the fact as it really was after those steps.",
    "real: soft tokens of the imagined latent; shuffled: those of another question's; none: no soft tokens. Chance is "
    "the larger of guessing each fact's most frequent asked value and of what shuffled latents agree on (agreement).",
    "selective: of the facts that vary, the share about which the language model is asked at all, because their "
    "latents moved in a step.",
)


def run(
    worlds: Sequence[str] = ("contract-approval",),
    seeds: Sequence[int] = (0,),
    lm: str = "tiny",
    transitions: int = 20_000,
    preset: str = "small",
    questions: int = 300,
    steps: int = 600,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train soft tokens on recorded states and ask about imagined ones; one JSON-ready object."""
    say, per_seed = progress or log.info, []
    for seed in seeds:
        for world in worlds:
            found = _asked(world, seed, lm, transitions, preset, questions, steps, models, say)
            say(f"seed {seed}, {world}: {found}")
            per_seed.append({"seed": seed, "world": world, **found})
    arms = ("real", "shuffled", "none", "chance")
    summary = {arm: {"right": sum(row[arm]["right"] for row in per_seed) / len(per_seed)} for arm in arms}
    return {
        "eval": "soft-tokens",
        "lm": lm,
        "seeds": list(seeds),
        "targets": {"real": ">= 0.95", "shuffled, none": "at chance"},
        "summary": summary,
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


def _asked(
    name: str,
    seed: int,
    lm_source: str,
    transitions: int,
    preset: str,
    n: int,
    steps: int,
    models: Path | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    import wmagent.worlds as worlds
    from wmagent.adapters.reverse import ReverseFitting, answers
    from wmagent.language.soft_tokens import asked, balanced, imagined, moved, train_reverse
    from wmagent.registry import resolve

    world, draw = worlds.load(name), Random(f"soft {seed}")
    rows = worlds.experience(world, transitions=transitions, seed=seed)
    model = learned(name, rows, seed, preset, "auto", models)[0]
    lm = resolve("language", "local")(lm_source)
    states = [row.after.facts for row in rows]
    adapter = train_reverse(
        model, lm, states, ReverseFitting(steps=steps), seed, lambda at, of, loss: say(f"{at} of {of}: {loss:.3f}")
    )
    courses = _courses(world, seed)
    latents = [imagined(model, start, actions) for start, actions, _ in courses]
    ends = model.read(type(latents[0][-1]).cat([course[-1] for course in latents]))
    picked = balanced(ends, [model.slots[i] for i in model.vocabulary.dynamic], n, draw)
    right = [canonical(ends[place][key]) for place, key in picked]
    true = [canonical(courses[place][2][key]) if key in courses[place][2] else "" for place, key in picked]
    order = list(range(n))
    draw.shuffle(order)
    z = [latents[place][-1].z[0] for place, _ in picked]
    arms = {"real": z, "shuffled": [z[i] for i in order], "none": [one[:0] for one in z]}
    found: dict[str, Any] = {"n": n}
    for arm, given in arms.items():
        said = answers(lm, adapter, [asked(lm, one, key) for one, (_, key) in zip(given, picked, strict=True)])
        hits = [float(a == b) for a, b in zip(said, right, strict=True)]
        found[arm] = {
            "right": sum(hits) / n,
            "right_interval": bootstrap(hits, seed=seed),
            "true": sum(a == b for a, b in zip(said, true, strict=True)) / n,
        }
    agreed = [ends[picked[i][0]].get(key) for i, (_, key) in zip(order, picked, strict=True)]
    by_chance = sum(a is not None and canonical(a) == b for a, b in zip(agreed, right, strict=True)) / n
    found["chance"] = {"right": max(_majority(picked, right), by_chance), "agreement": by_chance}
    shares = [
        moved(model, start, course).float().mean().item()
        for (start, _, _), course in zip(courses, latents, strict=True)
    ]
    return found | {"selective": sum(shares) / len(shares)}


def _courses(world: Any, seed: int) -> list[tuple[Facts, list[Action], Facts]]:
    """Return starts with three recorded actions and the facts after them, of cases that nobody learned from."""
    import wmagent.worlds as worlds

    rows = worlds.experience(world, transitions=3_000, seed=30_000 + seed)
    found = []
    for _, case in groupby(rows, key=lambda row: row.case):
        done = [row for row in case if row.error is None]
        for first in range(0, len(done) - STEPS + 1, STEPS):
            part = done[first : first + STEPS]
            found.append((part[0].before.facts, [row.action for row in part], part[-1].after.facts))
    return found[:400]


def _majority(picked: Sequence[tuple[int, str]], right: Sequence[str]) -> float:
    by_key: dict[str, Counter[str]] = {}
    for (_, key), value in zip(picked, right, strict=True):
        by_key.setdefault(key, Counter())[value] += 1
    return sum(counts.most_common(1)[0][1] for counts in by_key.values()) / len(right)
