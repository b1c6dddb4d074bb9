"""Environments by name for gymnasium: `gymnasium.make("wmagent.gym:wmagent/Imagined-v0", model=…, goal=…)`.

Importing this file registers them. Knows models and worlds by their names; must not know how they are learned.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmagent.domain.types import Facts, Goal
from wmagent.errors import unknown
from wmagent.worlds.environment import WorldEnv, gymnasium  # through it, a missing gymnasium is a clear error

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel


def imagined_env(
    model: str | os.PathLike[str] | WorldModel, goal: str | Goal, state: Facts | None = None, **settings: Any
) -> WorldEnv:
    """Return the world that a model imagines, for a goal in words; `settings` are those of `WorldEnv`.

    `model` is a saved model's path or the model itself; without `state` a case starts as some recorded one did.
    """
    from wmagent.agent.goals import understand
    from wmagent.agent.imagined import ImaginedWorld, recorded_starts
    from wmagent.model.world_model import WorldModel

    learned = WorldModel.load(Path(model)) if isinstance(model, str | os.PathLike) else model
    wanted = understand(goal, learned).goal if isinstance(goal, str) else goal
    starts = recorded_starts(learned) if state is None else (state,)
    return WorldEnv(ImaginedWorld(learned, starts, (wanted,)), wanted, **settings)


def world_env(world: str | os.PathLike[str], goal: str | Goal, **settings: Any) -> WorldEnv:
    """Return a shipped world, or the world of a file, for one of its goals by its words or for a Goal."""
    from wmagent.worlds.loading import load

    true = load(world)
    if isinstance(goal, str):
        known = {wanted.words: wanted for wanted in true.goals()}
        if goal not in known:
            raise unknown(f"goal of {true.name}", goal, known)
        goal = known[goal]
    return WorldEnv(true, goal, **settings)


for _name, _maker in (("Imagined", "imagined_env"), ("World", "world_env")):
    if f"wmagent/{_name}-v0" not in gymnasium.registry:
        gymnasium.register(f"wmagent/{_name}-v0", entry_point=f"wmagent.gym:{_maker}")
