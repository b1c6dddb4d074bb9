"""The model card as Markdown: what it was learned from, what it scores beside floors, where it is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel

SHOWN_VALUES = 8


def markdown(model: WorldModel) -> str:
    """Return the card; every number in it was measured on cases held out while learning."""
    data, network, held = (model.card.get(part, {}) for part in ("data", "network", "held_out"))
    lines = [
        "# World model card",
        "",
        f"Learned from {data.get('transitions', 0):,} recorded transitions of {data.get('cases', 0):,} cases "
        f"({data.get('refused_attempts', 0):,} refused attempts); {data.get('held_out', 0):,} rows of other cases "
        "held out for calibration and for the scores below.",
        "",
        f"- text backend: {model.text}; seed {model.seed}; {network.get('parameters', 0):,} parameters; "
        f"{network.get('outcomes', 1)} outcome(s) per step",
        f"- facts: {data.get('facts', 0)}, of which {data.get('facts_that_vary', 0)} vary and "
        f"{data.get('facts_that_change', 0)} change; actions: {data.get('actions', 0)}",
        "",
        "## Held-out scores",
        "",
        "| measure | model | floor (persistence) |",
        "|---|---|---|",
        f"| exact next state (likeliest value of every fact) | {_show(held.get('exact'))} "
        f"| {_show(held.get('floor_persistence_exact'))} |",
        f"| exact, transitions that change something | {_show(held.get('exact_changed'))} | 0 |",
        f"| negative log-likelihood, nats | {_show(held.get('nll'))} | – |",
        f"| expected calibration error of fact probabilities | {_show(held.get('ece'))} | – |",
        "",
        "## Calibration",
        "",
        "| stated | realised | facts |",
        "|---|---|---|",
        *(f"| {stated:.3f} | {share:.3f} | {count:,} |" for stated, share, count in held.get("calibration", [])),
        "",
        "## Domain of validity",
        "",
        "States and actions like those recorded. Values never seen are refused by `observe`; (state, action) pairs "
        "further from the record than 95 % of held-out pairs are reported as `extrapolated`.",
        "",
        *_domain(model),
        *_transfer(model),
    ]
    return "\n".join(lines) + "\n"


def _transfer(model: WorldModel) -> list[str]:
    """Return what the words stand for where the model was learned from another workflow."""
    names, adapted = model.card.get("translated"), model.card.get("adapted", {})
    if not names:
        return []
    lines = ["", "## Transfer", "", "The scores above are those of the workflow it was learned from."]
    if adapted:
        steps = f"tuned for {adapted['steps']:,} steps" if adapted["steps"] else "the network stayed as it was"
        lines.append(f"Adapted to {adapted['transitions']:,} transitions of this one; {steps}.")
    pairs = [f"- {new}: {known}" for kind in ("facts", "actions") for new, known in names[kind].items()]
    lost = [f"- standing for nothing known: {', '.join(names['unmatched'])}"] if names["unmatched"] else []
    return [*lines, "", *pairs, *lost]


def _domain(model: WorldModel) -> list[str]:
    lines = []
    for i in model.vocabulary.active:
        known = ["(absent)" if v is None else str(v) for v in model.values(model.slots[i])]
        more = f", … ({len(known)} in all)" if len(known) > SHOWN_VALUES else ""
        lines.append(f"- {model.slots[i]}: {', '.join(known[:SHOWN_VALUES])}{more}")
    return lines


def _show(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
