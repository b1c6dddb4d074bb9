"""Planners that search imagined futures. Knows only the latent protocols."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wmagent.planning.beam import Beam
    from wmagent.planning.best_first import BestFirst
    from wmagent.planning.cem import Cem
    from wmagent.planning.check import check_planner
    from wmagent.planning.gaussian_cem import ContinuousDynamics, GaussianCem, Shot
    from wmagent.planning.greedy import Greedy
    from wmagent.planning.mcts import Mcts
    from wmagent.planning.objective import objective_for
    from wmagent.planning.open_plans import evaluate
    from wmagent.planning.random_shooting import RandomShooting
    from wmagent.planning.registry import planner, planners
    from wmagent.planning.simulator import Simulator
    from wmagent.planning.tabular import TableOutcome, TabularDynamics

__all__ = [
    "Beam",
    "BestFirst",
    "Cem",
    "ContinuousDynamics",
    "GaussianCem",
    "Greedy",
    "Mcts",
    "RandomShooting",
    "Shot",
    "Simulator",
    "TableOutcome",
    "TabularDynamics",
    "check_planner",
    "evaluate",
    "objective_for",
    "planner",
    "planners",
]

_HOMES = {
    "Beam": "beam",
    "BestFirst": "best_first",
    "Cem": "cem",
    "ContinuousDynamics": "gaussian_cem",
    "GaussianCem": "gaussian_cem",
    "Greedy": "greedy",
    "Mcts": "mcts",
    "RandomShooting": "random_shooting",
    "Shot": "gaussian_cem",
    "Simulator": "simulator",
    "TableOutcome": "tabular",
    "TabularDynamics": "tabular",
    "check_planner": "check",
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
