"""Planners that search imagined futures. Knows only the latent protocols."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wmagent.planning.best_first import BestFirst
    from wmagent.planning.objective import objective_for
    from wmagent.planning.open_plans import evaluate
    from wmagent.planning.registry import planner, planners
    from wmagent.planning.tabular import TableOutcome, TabularDynamics

__all__ = ["BestFirst", "TableOutcome", "TabularDynamics", "evaluate", "objective_for", "planner", "planners"]

_HOMES = {
    "BestFirst": "best_first",
    "TableOutcome": "tabular",
    "TabularDynamics": "tabular",
    "evaluate": "open_plans",
    "objective_for": "objective",
    "planner": "registry",
    "planners": "registry",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: modules and functions of one name go to the function."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
