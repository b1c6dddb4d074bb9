"""State encoders side by side: sentence embeddings, a language model's hidden states, embeddings learned end to end.
Knows recorded rows, splits and the public learner; every arm gets the same predictor, rows and steps."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wmagent.domain.types import Transition
from wmagent.evals.forecasting import by_model, changing_slots
from wmagent.evals.measure import versions
from wmagent.evals.metrics import score
from wmagent.evals.sources import Source, named, recorded
from wmagent.evals.splits import split_by_case, walks

log = logging.getLogger(__name__)

NOTES = (
    "exact: the whole next state is right, on cases held out of the file (another draw per seed). Contexts: what was "
    "recorded where the deciding facts are alike corrects the predictor, the same way for every encoder; network: the "
    "predictor without that correction, which is where encoders differ.",
    "the layer of the hidden states is chosen by short runs on a part of the training rows of seed 0, never by test "
    "rows; probe: their exact share, by layer (0: token embeddings).",
    "decoder arms: the trunk is made of blocks of the language model's kind, without its causal mask and positions, "
    "begun as its upper layers or at random; both read the same hidden states.",
)
PROBE = {"width": 32, "layers": 2, "batch": 128}


@dataclass(frozen=True)
class Arm:
    """One encoder: its text backend ({lm} is the language model, {layer} the probed layer) and what of the settings
    is its own."""

    text: str
    config: dict[str, Any] = field(default_factory=dict)


ARMS = {
    "sentence": Arm("minilm"),
    "hidden states": Arm("lm:{lm}@{layer}"),
    "learned": Arm("learned"),
    "learned, reconstruction": Arm("learned", {"reconstruction": 0.5}),
}


def run(
    source: Source,
    seeds: Sequence[int] = (0, 1, 2),
    sizes: Sequence[int] = (1_000, 12_000),
    lm: str = "tiny",
    arms: Sequence[str] | None = None,
    preset: str = "small",
    steps: int = 600,
    decoder_steps: int = 300,
    probe_steps: int = 200,
    share: float = 0.125,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Learn with every encoder from the first rows of a file, predict its held-out cases; one JSON-ready object.

    Every arm learns for `steps` optimizer steps, fewer than the preset's own. `decoder_steps` > 0 adds the predictor
    that begins as the language model's upper layers beside the same one begun at random, on the smallest size.
    InputError for unknown arms.
    """
    from wmagent.errors import unknown

    say, rows = progress or log.info, recorded(source)
    chosen = list(ARMS if arms is None else arms)
    for name in chosen:
        if name not in ARMS:
            raise unknown("encoder", name, ARMS)
    layer, probed = _layer(rows, lm, share, probe_steps, say) if "hidden states" in chosen or decoder_steps else (0, {})
    per_seed = []
    for seed in seeds:
        kept, held = split_by_case(rows, share, seed)
        found: dict[str, Any] = {}
        for name in chosen:
            for size in sizes:
                arm = ARMS[name]
                text = arm.text.format(lm=lm, layer=layer)
                own = {"steps": steps, **arm.config}
                found[f"{name}, {size} rows"] = _scored(kept[:size], held, text, seed, preset, own)
                say(f"seed {seed}, {name}, {size} rows: {found[f'{name}, {size} rows']}")
        for name, begun in (
            (("decoder, begun as the LLM", lm), ("decoder, begun at random", "")) if decoder_steps else ()
        ):
            config = _decoder(lm) | {"trunk_from": begun, "steps": decoder_steps}
            found[f"{name}, {min(sizes)} rows"] = _scored(
                kept[: min(sizes)], held, f"lm:{lm}@{layer}", seed, preset, config
            )
            say(f"seed {seed}, {name}: {found[f'{name}, {min(sizes)} rows']}")
        per_seed.append({"seed": seed, "n_test": len(held), "arms": found})
    return {
        "eval": "encoders",
        "source": named(source),
        "lm": lm,
        "layer": layer,
        "probe": probed,
        "seeds": list(seeds),
        "summary": _summary(per_seed),
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


def _layer(
    rows: Sequence[Transition], lm: str, share: float, steps: int, say: Callable[[str], None]
) -> tuple[int, dict[str, float]]:
    """Return the layer whose hidden states let a short run predict best, and every layer's exact share."""
    from wmagent.adapters.local_lm import LocalLM

    kept, held = split_by_case(split_by_case(rows, share, 0)[0], share, 1)
    found: dict[str, float] = {}
    for layer in range(LocalLM(lm).model.config.num_hidden_layers + 1):
        found[str(layer)] = _scored(
            kept[:1_000], held[:1_000], f"lm:{lm}@{layer}", 0, "tiny", PROBE | {"steps": steps}
        )["network"]
        say(f"layer {layer}: {found[str(layer)]:.3f}")
    return int(max(found, key=lambda layer: found[layer])), found


def _decoder(lm: str) -> dict[str, Any]:
    """Return the settings of a trunk of the language model's kind: its widths and two of its layers."""
    from wmagent.adapters.local_lm import LocalLM

    config = LocalLM(lm).model.config
    return {
        "trunk": "decoder",
        "width": config.hidden_size,
        "layers": 2,
        "heads": config.num_attention_heads,
        "key_value_heads": config.num_key_value_heads,
        "mlp": config.intermediate_size,
    }


def _scored(
    rows: Sequence[Transition], held: Sequence[Transition], text: str, seed: int, preset: str, config: dict[str, Any]
) -> dict[str, Any]:
    from wmagent import WorldModel
    from wmagent.model.config import ModelConfig
    from wmagent.model.config import preset as preset_of

    settings = ModelConfig.model_validate(preset_of(preset).model_dump() | config)
    began = time.perf_counter()
    model = WorldModel.learn(list(rows), seed=seed, text=text, config=settings)
    seconds = time.perf_counter() - began
    whole, alone = (next_states(one, rows, held, seed) for one in (model, without_contexts(model)))
    return {
        "exact": whole["exact"],
        "exact_changed": whole["exact_changed"],
        "network": alone["exact"],
        "network_changed": alone["exact_changed"],
        "network_interval": alone["intervals"]["exact"],
        "rank": model.card["network"].get("effective_rank"),
        "learn_seconds": round(seconds, 1),
    }


def next_states(model: Any, kept: Sequence[Transition], held: Sequence[Transition], seed: int) -> dict[str, Any]:
    """Return the scores of a model learned from `kept` on the rows `held`."""
    forecasts = by_model(model, [row.before.facts for row in held], [row.action for row in held])
    return score(held, forecasts.rows, changing_slots(kept), walks(held), seed=seed)


def without_contexts(model: Any) -> Any:
    """Return the model as its network alone predicts, without what the record of like contexts corrects."""
    alone = copy.copy(model)
    alone.precedents = None
    return alone


def _summary(per_seed: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in per_seed[0]["arms"]:
        rows = [seed["arms"][name] for seed in per_seed]
        keys = ("exact", "exact_changed", "network", "network_changed", "learn_seconds")
        found[name] = {key: round(sum(row[key] for row in rows) / len(rows), 4) for key in keys}
    return found
