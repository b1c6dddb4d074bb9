"""Makes the embedded language model from nothing: text out of the shipped worlds, a tokenizer, and training.
Knows the corpus and how models are trained; knows no question that is asked of the model later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from wmagent.adapters.lm_training import Fitting, Size, fit, make, save
from wmagent.adapters.local_lm import LocalLM
from wmagent.language.corpus import SHARES, SHIPPED, documents
from wmagent.model.files import write_json

DOCUMENTS = 56_000
TOKENIZER_DOCUMENTS = 6_000
CARD = "training.json"


def make_tiny(
    folder: Path,
    n: int = DOCUMENTS,
    seed: int = 0,
    size: Size | None = None,
    fitting: Fitting | None = None,
    workers: int = 1,
    said: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train a small language model on n conversations from the shipped worlds and save it; returns its card.

    Weights are stored in bfloat16. Minutes to an hour on one core, by n and size. The same arguments on the same
    machine give the same model.
    """
    say, size, fitting = said or (lambda text: None), size or Size(), fitting or Fitting()
    say(f"writing {n:,} conversations")
    mixed = documents(SHIPPED, n, seed, workers)
    say("training the tokenizer")
    make(folder, (turn.content for each in mixed[:TOKENIZER_DOCUMENTS] for turn in each), size, seed)
    lm = LocalLM(folder, dtype="float32")
    torch.manual_seed(seed)

    def report(read: int, total: int, loss: float) -> None:
        say(f"read {read / 1e6:.2f} of {total / 1e6:.2f} million tokens; loss per answer token {loss:.3f}")

    measured = fit(lm, mixed, fitting, seed, report)
    save(lm.model.to(torch.bfloat16), folder)
    card = {
        "what": "a demonstration model: trained from nothing on text that the shipped worlds generate; it knows little "
        "else, and its answers are only ever used where they can be checked",
        "worlds": list(SHIPPED),
        "shares": SHARES,
        "documents": len(mixed),
        "seed": seed,
        "size": size.__dict__,
        "fitting": fitting.__dict__,
        "parameters": sum(p.numel() for p in lm.model.parameters()),
        **measured,
    }
    write_json(folder / CARD, json.loads(json.dumps(card)))
    return card
