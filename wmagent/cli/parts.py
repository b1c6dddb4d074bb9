"""Opens what the commands work with: a learned model and the agent around it. Imports torch only when called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.output import note
from wmagent.errors import InputError

if TYPE_CHECKING:
    from wmagent import Agent, WorldModel

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A learned model, such as contracts.wm.")]
State = Annotated[
    str, typer.Option("--state", "-s", metavar="FACTS", help="Current facts: a JSON file, inline JSON, or - for stdin.")
]
PlannerName = Annotated[str, typer.Option("--planner", help="best-first, mcts, beam, cem, greedy, …")]


def check_place(path: Path) -> None:
    """Refuse a place where no model can be saved before minutes are spent on learning one."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; a model is a folder, choose another name")
    if path.is_dir() and not (path / "config.json").is_file():
        raise InputError(f"{path} exists and is not a world model; choose another name or remove it")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path} cannot be made: {parent} is no folder that can be written to")


@contextmanager
def snapshots_beside(out: Path, resume: bool) -> Iterator[Path | None]:
    """Give the folder for snapshots of learning, None without `resume`; it is removed when the block has saved the
    model, and after an interruption it is said how to go on."""
    folder = out.with_name(out.name + ".training") if resume else None
    try:
        yield folder
    except KeyboardInterrupt:
        if folder and (folder / "progress.json").is_file():
            note(f"the last snapshot is in {folder}; the same command goes on from it")
        raise
    if folder:
        from wmagent.model.snapshots import remove

        remove(folder)


def from_pixels(path: Path) -> bool:
    """Return whether a folder says that its model was learned from pixels; opening it checks the rest."""
    from wmagent.service.opening import PIXELS, kind_of

    return kind_of(path) == PIXELS


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
