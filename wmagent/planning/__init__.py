"""Planners that search imagined futures. Knows only the latent protocols."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wmagent.planning.beam import Beam
    from wmagent.planning.best_first import BestFirst
    from wmagent.planning.cem import Cem
    from wmagent.planning.check import check_planner
    from wmagent.planning.gaussian_cem import GaussianCem
    from wmagent.planning.greedy import Greedy
    from wmagent.planning.icem import ICem
    from wmagent.planning.mcts import Mcts
    from wmagent.planning.mppi import Mppi
    from wmagent.planning.objective import objective_for
    from wmagent.planning.open_plans import evaluate
    from wmagent.planning.random_shooting import RandomShooting
    from wmagent.planning.registry import planner, planners
    from wmagent.planning.shooting import ContinuousDynamics, Shooting, Shot
    from wmagent.planning.simulator import Simulator
    from wmagent.planning.tabular import TableOutcome, TabularDynamics

__all__ = [
    "Beam",
    "BestFirst",
    "Cem",
    "ContinuousDynamics",
    "GaussianCem",
    "Greedy",
    "ICem",
    "Mcts",
    "Mppi",
    "RandomShooting",
    "Shooting",
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
    "ContinuousDynamics": "shooting",
    "GaussianCem": "gaussian_cem",
    "Greedy": "greedy",
    "ICem": "icem",
    "Mcts": "mcts",
    "Mppi": "mppi",
    "RandomShooting": "random_shooting",
    "Shooting": "shooting",
    "Shot": "shooting",
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
