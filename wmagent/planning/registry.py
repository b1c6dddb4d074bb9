"""One door for planners, built in or third-party. Knows names and settings, imports on use.

To add a planner: one file with a frozen dataclass that satisfies `Planner`, and one line in `PLANNERS` (or, from
another package, an entry point in the group `wmagent.planner`). `check_planner` says whether it keeps the contract.
"""

from __future__ import annotations

import dataclasses
import importlib
from importlib.metadata import entry_points
from typing import Any

from wmagent.errors import InputError, unknown
from wmagent.latent.protocols import Planner

PLANNERS = {
    "best-first": "wmagent.planning.best_first:BestFirst",
    "beam": "wmagent.planning.beam:Beam",
    "cem": "wmagent.planning.cem:Cem",
    "gaussian-cem": "wmagent.planning.gaussian_cem:GaussianCem",
    "greedy": "wmagent.planning.greedy:Greedy",
    "icem": "wmagent.planning.icem:ICem",
    "mcts": "wmagent.planning.mcts:Mcts",
    "mppi": "wmagent.planning.mppi:Mppi",
    "random-shooting": "wmagent.planning.random_shooting:RandomShooting",
    "simulator": "wmagent.planning.simulator:Simulator",
}


def planners() -> tuple[str, ...]:
    """Return the names that `planner` knows."""
    return tuple(sorted({*PLANNERS, *(entry.name for entry in entry_points(group="wmagent.planner"))}))


def planner(name: str = "best-first", **settings: Any) -> Planner:
    """Return the planner registered under a short name with its settings changed as given.

    Raises InputError for an unknown name or setting, with the closest known ones.

    >>> planner("best-first", batch=64).name
    'best-first'
    """
    kind = _resolve(name)
    allowed = [field.name for field in dataclasses.fields(kind) if field.init and field.name != "name"]
    for setting in settings:
        if setting not in allowed:
            raise unknown(f"setting of planner {name!r}:", setting, allowed)
    return kind(**settings)


def _resolve(name: str) -> Any:
    target = PLANNERS.get(name)
    if target is None:
        plugins = {entry.name: entry.value for entry in entry_points(group="wmagent.planner")}
        if name not in plugins:
            raise unknown("planner", name, [*PLANNERS, *plugins])
        target = plugins[name]
    module, _, attribute = target.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    if not dataclasses.is_dataclass(kind):
        raise InputError(f"planner {name!r} ({target}) must be a dataclass of settings")
    return kind
