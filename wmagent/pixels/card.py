"""The card of a model from pixels as Markdown: what it was learned from, what was measured, which goals it takes.
Knows the model; must not know worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wmagent.pixels.world_model import PixelModel


def goals(model: PixelModel) -> dict[str, bool]:
    """Return which kinds of goals a model takes: frames always, positions and words where they were learned."""
    return {"frame": True, "position": model.memory.positions is not None, "words": model.language is not None}


def markdown(model: PixelModel) -> str:
    """Return the card; its scores were measured on episodes held out while learning."""
    data, network, held = (model.card.get(part, {}) for part in ("data", "network", "held_out"))
    config, takes = model.config, goals(model)
    explained = ["–" if number is None else f"{number:.3f}" for number in held.get("probe_r2", [])]
    bounds = zip(model.scale.low.tolist(), model.scale.high.tolist(), strict=True)
    lines = [
        "# World model card",
        "",
        f"Learned from {data.get('frames', 0):,} frames of {data.get('episodes', 0):,} recorded episodes; "
        f"{data.get('held_out', 0):,} episodes held out for the scores below and for what is usual.",
        "",
        f"- frames: {config.size} × {config.size} pixels; a block of {config.block} actions leads from one to the next",
        f"- actions: {len(model.scale.mean)} numbers, recorded from "
        + ", ".join(f"{low:g} to {high:g}" for low, high in bounds),
        f"- encoder {config.encoder}, predictor {config.predictor}, latents of {config.width} numbers; seed "
        f"{model.seed}; {network.get('parameters', 0):,} parameters; learned in "
        f"{model.card.get('learn_seconds', 0):,.0f} s",
        f"- goals: {', '.join(kind for kind, can in takes.items() if can)}; imagined frames are "
        + ("drawn" if model.decoder is not None else "not drawn"),
        "",
        "## Held-out scores",
        "",
        "| measure | model |",
        "|---|---|",
        f"| R² of each recorded position, read off the latents by a line | {', '.join(explained) or '–'} |",
        f"| usual surprise of a block, median | {model.usual.median().item():.4f} |",
        "",
        "## Domain of validity",
        "",
        "Frames and actions like those recorded: plans stay within the recorded bounds of actions; goals are places of "
        "which frames were recorded.",
    ]  # fmt: skip
    return "\n".join(lines)
