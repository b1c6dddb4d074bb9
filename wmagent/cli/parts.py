"""Opens what the commands work with: a learned model and the agent around it. Imports torch only when called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wmagent import Agent, WorldModel

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A learned model, such as contracts.wm.")]
State = Annotated[
    str, typer.Option("--state", "-s", metavar="FACTS", help="Current facts: a JSON file, inline JSON, or - for stdin.")
]
PlannerName = Annotated[str, typer.Option("--planner", help="best-first, mcts, beam, cem, greedy, …")]


def open_model(path: Path) -> WorldModel:
    """Load a learned model; CheckpointError where there is none or it is damaged."""
    from wmagent import WorldModel

    return WorldModel.load(path)


def open_agent(path: Path, planner: str = "best-first") -> Agent:
    """Load a learned model and put an agent around it."""
    return agent_around(open_model(path), planner)


def agent_around(model: WorldModel, planner: str = "best-first") -> Agent:
    """Put an agent around a model that is already in memory."""
    from wmagent import Agent

    return Agent(model, planner=planner)
