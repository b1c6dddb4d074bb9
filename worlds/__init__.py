"""Where experience comes from: simulators with exact oracles, and recorded transitions. Knows no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if __name__ != "wmagent.worlds":
    raise ImportError(f"import this package as wmagent.worlds, not as {__name__}")

if TYPE_CHECKING:
    from wmagent.worlds.behaviour import experience
    from wmagent.worlds.loading import load, names
    from wmagent.worlds.recorded import read_transitions, write_transitions
    from wmagent.worlds.restricting import restricted
    from wmagent.worlds.workflow import WorkflowWorld

__all__ = ["WorkflowWorld", "experience", "load", "names", "read_transitions", "restricted", "write_transitions"]

_HOMES = {
    "WorkflowWorld": "workflow",
    "experience": "behaviour",
    "load": "loading",
    "names": "loading",
    "read_transitions": "recorded",
    "restricted": "restricting",
    "write_transitions": "recorded",
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
