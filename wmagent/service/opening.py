"""Opens the tools of a model folder, whatever it was learned from. Knows folders and both kinds of tools."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from wmagent.errors import CheckpointError, InputError
from wmagent.service.tools import Toolbox

if TYPE_CHECKING:
    from wmagent.domain.event_log import EventLog


def kind_of(path: Path) -> str:
    """Return the kind of a model folder; CheckpointError where it is none."""
    config = path / "config.json"
    try:
        kind = json.loads(config.read_text("utf-8"))["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path} is no learned model: it has no readable config.json") from None
    return str(kind)


def open_toolbox(path: Path, log: EventLog | None = None, planner: str = "best-first") -> Toolbox:
    """Return the tools of a model; models of event logs need the `log` whose cases they are asked about."""
    kind = kind_of(path)
    version = hashlib.sha256((path / "config.json").read_bytes()).hexdigest()[:12]
    if kind == "process-model":
        from wmagent.events.process_model import ProcessModel
        from wmagent.service.process import ProcessTools

        if log is None:
            raise InputError(
                f"{path} was learned from an event log; give the log with the cases to ask about: --log FILE"
            )
        return ProcessTools(ProcessModel.load(path), log, path).toolbox(path.name, version)
    from wmagent.service.world import open_world

    return open_world(path, planner).toolbox(path.name, version)
