"""Opens the tools of a model folder, whatever it was learned from, here or in processes of their own.
Knows folders and both kinds of tools."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmagent.errors import CheckpointError, InputError, other_kind
from wmagent.service.offers import Read, Run, process_documents, process_tools, world_documents, world_tools
from wmagent.service.tools import Answered, Toolbox

if TYPE_CHECKING:
    from wmagent.domain.event_log import EventLog

PROCESS, WORLD, PIXELS = "process-model", "wmagent.world-model", "pixel-model"


def open_toolbox(path: Path, log: EventLog | None = None, planner: str = "best-first") -> Toolbox:
    """Return the tools of a model; models of event logs need the `log` whose cases they are asked about."""
    kind = _kind(path, log is not None)
    if kind == PROCESS:
        from wmagent.events.process_model import ProcessModel
        from wmagent.service.process import ProcessTools

        assert log is not None
        return ProcessTools(ProcessModel.load(path), log, path).toolbox(path.name, version_of(path))
    from wmagent.service.world import open_world

    return open_world(path, planner).toolbox(path.name, version_of(path))


def spread_toolbox(
    path: Path, count: int, planner: str = "best-first", log: Mapping[str, Any] | None = None
) -> Toolbox:
    """Return the tools of a model, answered by `count` processes. `log` says how they read theirs: file, columns,
    skip_bad, lifecycle."""
    from wmagent.service.workers import spread

    _kind(path, log is not None)
    return spread(offered(path), {"model": str(path), "planner": planner, "log": log}, count)


def offered(path: Path) -> Toolbox:
    """Return the tools of a model without what answers them: names, descriptions, schemas."""
    process = _kind(path, True) == PROCESS
    names = ("plan", "what_if", "predict", "check_anomaly", "describe_world", "explain", "kept")
    runs: dict[str, Run] = dict.fromkeys(names, _elsewhere)
    reads: dict[str, Read] = dict.fromkeys(("card", "ownership", "examples"), str)
    if process:
        return Toolbox(path.name, process_tools(runs), process_documents(reads), version_of(path))
    return Toolbox(path.name, world_tools(runs), world_documents(reads), version_of(path))


def _elsewhere(question: Any, key: str) -> Answered:
    raise AssertionError("answered by a process of its own")


def kind_of(path: Path) -> str | None:
    """Return the kind of model that a folder says it holds, None where it says none; opening it checks the rest."""
    try:
        return str(json.loads((path / "config.json").read_text("utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _kind(path: Path, with_log: bool) -> str:
    """Return the kind of a model folder; CheckpointError where it is none, InputError where it lacks a log."""
    kind = kind_of(path)
    if kind is None:
        raise CheckpointError(f"{path} is no learned model: it has no readable config.json")
    if kind not in (PROCESS, WORLD):
        raise other_kind(path, kind, WORLD, PROCESS)
    if kind == PROCESS and not with_log:
        raise InputError(f"{path} was learned from an event log; give the log that holds its cases: --log FILE")
    return kind


def version_of(path: Path) -> str:
    """Return what tells a model folder from others."""
    return hashlib.sha256((path / "config.json").read_bytes()).hexdigest()[:12]
