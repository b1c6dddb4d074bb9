"""Candidates scored over a shared prompt against reading the prompt anew for each: the same numbers, how much sooner?
Knows local language models by their public names."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from wmagent.evals.measure import versions

CANDIDATES = 32
NOTES = (
    "shared: the prompt is read once and its cache serves all candidates; naive: prompt and candidate are read "
    "together, one candidate at a time. speedup: medians of repeats, one thread.",
)


def run(lm: str = "tiny", candidates: int = CANDIDATES, repeats: int = 5) -> dict[str, Any]:
    """Return the largest difference between both ways' log-probabilities, and their times."""
    import wmagent.worlds as worlds
    from wmagent.agent.language_proposer import asked
    from wmagent.registry import resolve

    world, model = worlds.load("contract-approval"), resolve("language", "local")(lm)
    names = [action.label() for action in world.actions]
    labels = [f"{name}{extra}" for extra in ("", " now", " again") for name in names][:candidates]
    messages = asked(world.initial(0), world.goals()[0], names)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model.score(messages, labels[:1])  # it is loaded when first asked
    shared, naive, both = [], [], ([0.0], [0.0])
    for _ in range(repeats):
        began = time.perf_counter()
        one = model.score(messages, labels)
        middle = time.perf_counter()
        other = [_naive(model, model.prompt(messages), label) for label in labels]
        shared.append(middle - began)
        naive.append(time.perf_counter() - middle)
        both = one, other
    torch.set_num_threads(threads)
    return {
        "eval": "lm-scoring",
        "lm": lm,
        "candidates": len(labels),
        "prompt_tokens": len(model.ids(model.prompt(messages))),
        "largest_difference": max(abs(a - b) for a, b in zip(*both, strict=True)),
        "shared_seconds": statistics.median(shared),
        "naive_seconds": statistics.median(naive),
        "speedup": statistics.median(naive) / statistics.median(shared),
        "targets": {"largest_difference": "<= 1e-4", "speedup": ">= 5"},
        "notes": list(NOTES),
        "versions": versions(),
    }


def _naive(model: Any, prompt: str, label: str) -> float:
    before, after = model.ids(prompt), model.ids(label)
    with torch.inference_mode():
        logits = model.model(torch.cat([before, after])[None]).logits[0].float().log_softmax(-1)
    places = torch.arange(len(after)) + len(before) - 1
    return logits[places, after].sum().item()
