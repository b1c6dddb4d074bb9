"""The language model exchanged under a frozen world model: an adapter trained afterwards against joint training.
Knows recorded rows, splits, and models and adapters by their public names."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wmagent.domain.types import Transition
from wmagent.evals.encoders import next_states, without_contexts
from wmagent.evals.measure import versions
from wmagent.evals.sources import Source, named, recorded
from wmagent.evals.splits import split_by_case

log = logging.getLogger(__name__)

NOTES = (
    "first: the world model learned jointly on the first text backend; joint: learned jointly on the second; "
    "afterwards: the first one frozen, with an adapter from the second backend to its latents; LoRA: the same, with "
    "low-rank weights in the language model; untrained: an adapter of random weights, the floor. All are scored "
    "without contexts (the network alone), on cases held out of the file.",
    "error: distance of the words' latents from the frozen model's own, relative to their spread.",
)


def run(
    source: Source,
    second: str,
    first: str = "minilm",
    seeds: Sequence[int] = (0, 1, 2),
    rows: int = 4_000,
    preset: str = "small",
    steps: int = 600,
    share: float = 0.125,
    lora: bool = True,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Exchange the text backend `first` for `second` (such as lm:FOLDER@LAYER); one JSON-ready object."""
    from wmagent import WorldModel
    from wmagent.language.interfaces import InterfaceFitting, LoRA, fit_interface
    from wmagent.model.config import ModelConfig
    from wmagent.model.config import preset as preset_of

    say, known, per_seed = progress or log.info, recorded(source, round(1.3 * rows)), []
    config = ModelConfig.model_validate(preset_of(preset).model_dump() | {"steps": steps})
    for seed in seeds:
        kept, held = split_by_case(known, share, seed)
        kept, found = kept[:rows], dict[str, Any]()
        texts = {"first": first, "joint": second}
        models = {n: WorldModel.learn(kept, seed=seed, text=text, config=config) for n, text in texts.items()}
        for name, model in models.items():
            found[name] = _alone(model, kept, held, seed)
        with tempfile.TemporaryDirectory() as folder:
            ways = {"afterwards": (None, 1_500), "untrained": (None, 0)} | ({"LoRA": (LoRA(), 1_500)} if lora else {})
            for name, (low_rank, fitted) in ways.items():
                began = time.perf_counter()
                adapter = fit_interface(
                    models["first"], second, InterfaceFitting(fitted), low_rank, Path(folder) / name, seed
                )
                seconds = time.perf_counter() - began
                found[name] = _alone(adapter.attach(models["first"]), kept, held, seed)
                found[name] |= {"error": adapter.error, "seconds": round(seconds, 1)}
        say(f"seed {seed}: {found}")
        per_seed.append({"seed": seed, "n_test": len(held), **found})
    arms = [name for name in per_seed[0] if name not in ("seed", "n_test")]
    summary = {arm: {"exact": sum(row[arm]["exact"] for row in per_seed) / len(per_seed)} for arm in arms}
    summary["points behind joint"] = {"exact": 100 * (summary["joint"]["exact"] - summary["afterwards"]["exact"])}
    return {
        "eval": "swapping",
        "source": named(source),
        "first": first,
        "second": second,
        "rows": rows,
        "seeds": list(seeds),
        "targets": {"points behind joint": "<= 1"},
        "summary": summary,
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


def _alone(model: Any, kept: Sequence[Transition], held: Sequence[Transition], seed: int) -> dict[str, Any]:
    scores = next_states(without_contexts(model), kept, held, seed)
    return {"exact": scores["exact"], "exact_changed": scores["exact_changed"]}
