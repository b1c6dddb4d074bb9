"""Why an action is not allowed in a state: the facts in its way, and what is allowed. Knows the model, no plans."""

from __future__ import annotations

from wmagent.agent.protocols import AgentModel
from wmagent.agent.readings import known_values
from wmagent.domain.types import Action, Facts, Value, canonical
from wmagent.errors import InputError

LOOKED_AT = 512  # states with one fact changed that are looked at
SHOWN = 4


def require_allowed(model: AgentModel, facts: Facts, action: Action, least: float) -> None:
    """Raise InputError if an action is not allowed in a state, naming the single facts that would allow it."""
    legal = model.legality(model.observe(facts))[0].tolist()
    if legal[model.action_index(action)] >= least:
        return
    allowed = [known.label() for known, chance in zip(model.actions, legal, strict=True) if chance >= least]
    obstacles = in_the_way(model, facts, action, least)
    why = f"; in the way: {'; '.join(obstacles)}" if obstacles else ""
    raise InputError(
        f"{action.label()} is not allowed in this state{why}; allowed are: {', '.join(allowed) or 'no actions'}"
    )


def in_the_way(model: AgentModel, facts: Facts, action: Action, least: float) -> list[str]:
    """Return the facts that alone keep an action from being allowed, each with a value that would allow it."""
    changes: list[tuple[str, Value]] = []
    for key in model.slots:
        others = [value for value in known_values(model, key) if value != facts.get(key)]
        if 0 < len(others) <= 32:
            changes += [(key, value) for value in others]
    changes = changes[:LOOKED_AT]
    if not changes:
        return []
    states = model.observe([{**facts, key: value} for key, value in changes])
    legal = (model.legality(states)[:, model.action_index(action)] >= least).tolist()
    helps: dict[str, list[str]] = {}
    for (key, value), allowed in zip(changes, legal, strict=True):
        if allowed:
            helps.setdefault(key, []).append(canonical(value))
    return [
        f"{key} is {canonical(facts[key]) if key in facts else 'absent'} (allowed with {' or '.join(values[:3])})"
        for key, values in list(helps.items())[:SHOWN]
    ]
