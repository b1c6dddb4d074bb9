"""Where experience comes from: simulators with exact oracles, and recorded transitions. Knows no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if __name__ != "wmagent.worlds":
    raise ImportError(f"import this package as wmagent.worlds, not as {__name__}")

if TYPE_CHECKING:
    from wmagent.worlds.behaviour import experience
    from wmagent.worlds.confounding import confounded, counterfactuals, logged
    from wmagent.worlds.generator import random_workflow
    from wmagent.worlds.loading import load, names
    from wmagent.worlds.paraphrasing import synonyms
    from wmagent.worlds.recorded import read_transitions, write_transitions
    from wmagent.worlds.renaming import Names, renamed
    from wmagent.worlds.restricting import restricted
    from wmagent.worlds.sampled import SampledOracle, truth
    from wmagent.worlds.workflow import WorkflowWorld
    from wmagent.worlds.writing import write_world

__all__ = [
    "Names",
    "SampledOracle",
    "WorkflowWorld",
    "confounded",
    "counterfactuals",
    "experience",
    "load",
    "logged",
    "names",
    "random_workflow",
    "read_transitions",
    "renamed",
    "restricted",
    "synonyms",
    "truth",
    "write_transitions",
    "write_world",
]

_HOMES = {
    "Names": "renaming",
    "SampledOracle": "sampled",
    "WorkflowWorld": "workflow",
    "confounded": "confounding",
    "counterfactuals": "confounding",
    "experience": "behaviour",
    "load": "loading",
    "logged": "confounding",
    "names": "loading",
    "random_workflow": "generator",
    "read_transitions": "recorded",
    "renamed": "renaming",
    "restricted": "restricting",
    "synonyms": "paraphrasing",
    "write_transitions": "recorded",
    "write_world": "writing",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that importing the package stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
