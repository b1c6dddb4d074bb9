"""The same workflow with other starts: which values its facts, policies among them, begin with.

Knows definitions; knows no simulation and no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wmagent.domain.types import Value
from wmagent.errors import InputError, unknown
from wmagent.worlds.workflow import WorkflowWorld


def restricted(world: WorkflowWorld, starts: Mapping[str, Sequence[Value] | Mapping[Any, float]]) -> WorkflowWorld:
    """Return the world whose cases start with these values: a list (all equally likely) or `{value: chance}` per fact.

    Values of a policy are the values behind its sentences. Everything else stays as it is.
    """
    facts = dict(world.definition.facts)
    for key, given in starts.items():
        if key not in facts:
            raise unknown("fact", key, facts)
        if isinstance(given, str) or not given or len(set(given)) != len(given):
            raise InputError(f"the starts of {key!r} must be a list of different values, or {{value: chance}}")
        chances = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, 1 / len(given))
        facts[key] = facts[key].model_copy(update={"start": chances})
    return WorkflowWorld(world.definition.model_copy(update={"facts": facts}))
