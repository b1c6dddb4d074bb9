"""Event logs on the command line: opened, learned from, and what comes next in their open cases. Knows names only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wmagent.cli.output import AsJson, command, messages, note, show, show_json
from wmagent.cli.progress import learning_bar
from wmagent.errors import InputError

if TYPE_CHECKING:
    from wmagent.domain.event_log import EventLog

NAMED = ("case", "activity", "time", "resource", "lifecycle", "begun", "delimiter", "encoding", "object_type")
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="ROLE=NAME", help="Of event logs, repeated: case=Ticket, time=Done, delimiter=; …"
    ),
]
Lifecycle = Annotated[
    str, typer.Option("--lifecycle", help="Of event logs. complete: completed events; all: with their transition.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out unusable rows of event logs, and count them.")]


def is_log(path: Path) -> bool:
    """Return whether a file is an event log: by its ending, Parquet by its columns."""
    if path.name.lower().endswith(".parquet"):
        import polars as pl

        return not {"state", "action"} & set(pl.read_parquet_schema(path))
    from wmagent.worlds.logs import ENDINGS

    return path.name.lower().endswith(ENDINGS)


def open_log(
    path: Path, columns: list[str] | None = None, skip_bad: bool = False, lifecycle: str = "complete"
) -> tuple[EventLog, Any]:
    """Return the events of a file and its quality report; InputError says what is wrong with it."""
    from wmagent.domain.event_log import with_transitions
    from wmagent.worlds.logs import read_log

    reading = read_log(path, skip_bad=skip_bad, **named(columns))  # type: ignore[arg-type]
    for line in reading.quality.lines():
        note(line)
    return with_transitions(reading.log, lifecycle), reading.quality


def named(columns: list[str] | None, known: tuple[str, ...] = NAMED) -> dict[str, str]:
    """Return what --column said, by role; InputError for other roles than the `known` ones."""
    said: dict[str, str] = {}
    for column in columns or ():
        role, _, name = column.partition("=")
        said[role] = name
        if role not in known or not name:
            raise InputError(f"--column takes ROLE=NAME with one of {', '.join(known)}, not {role}={name}")
    return said


def learn_log(
    source: Path,
    out: Path,
    preset: str,
    seed: int,
    columns: list[str] | None,
    skip_bad: bool,
    lifecycle: str,
    as_json: bool,
) -> None:
    """Learn a process model from an event log and save it; an ownership map that is there keeps what it says."""
    from wmagent.events.checkpoint import OWNERSHIP
    from wmagent.events.ownership import Ownership
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.settings import event_preset

    event_preset(preset)
    edited = Ownership.listed(out / OWNERSHIP) if (out / OWNERSHIP).is_file() else Ownership({}, {})
    log, quality = open_log(source, columns, skip_bad, lifecycle)
    with learning_bar(messages()) as progress:
        model = ProcessModel.learn(log, seed, preset, unknown_at_start=quality.written_back, progress=progress)
    drafted = model.ownership
    model = replace(model, ownership=drafted.corrected(edited))
    model.save(out)
    both = [name for name in drafted.kinds if name in edited.kinds]
    counts = {
        "kept": len(both),
        "other_than_drafted": sum(edited.kinds[name] != drafted.kinds[name] for name in both),
        "drafted": len(drafted.kinds) - len(both),
        "gone": len(edited.kinds) - len(both),
    }
    if as_json:
        told = {"model": str(out), "quality": quality.plain(), "card": model.card}
        show_json({**told, "ownership": {"file": str(out / OWNERSHIP), **counts}})
        return
    note(f"learned from {len(log):,} events of {len(log.cases):,} cases; saved {out}")
    if edited.kinds:
        note(
            f"{out / OWNERSHIP}: kept for {counts['kept']} activities ({counts['other_than_drafted']} say other than a "
            f"new draft); {counts['drafted']} drafted; {counts['gone']} no longer occur and were left out"
        )
    note(f"next: wmagent forecast {out} {source}")


@command
def forecast(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Learned from an event log.")],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An event log with cases that are still open.")],
    cases: Annotated[list[str] | None, typer.Option("--case", help="Only these; repeat for several.")] = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    show_at_most: Annotated[int, typer.Option("--show", min=1, help="How many cases to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say what comes next in the open cases of an event log, and when they end.

    The model goes through the log first and learns from what it shows (without being changed on disk).

    Examples:

        wmagent forecast loans.wm loans.xes.gz

        wmagent forecast loans.wm today.csv --case 4711 --json
    """
    from wmagent.events.forecasts import forecasts
    from wmagent.events.process_model import ProcessModel

    model = ProcessModel.load(path)
    log, _ = open_log(source, columns, skip_bad, lifecycle)
    found = forecasts(model, log, cases)
    if as_json:
        show_json({"model": str(path), "open": len(found), "cases": [one.plain() for one in found]})
        return
    from wmagent.cli.log_tables import forecasts_view

    show(forecasts_view(found[:show_at_most], len(found)))


def anomalies_log(
    path: Path,
    source: Path,
    alpha: float,
    show_at_most: int,
    columns: list[str] | None,
    skip_bad: bool,
    lifecycle: str,
    as_json: bool,
) -> bool:
    """Show the odd events of an event log; returns whether there are any."""
    from wmagent.events.anomalies import anomalies
    from wmagent.events.process_model import ProcessModel

    model = ProcessModel.load(path)
    log, _ = open_log(source, columns, skip_bad, lifecycle)
    found = anomalies(model, log, alpha)
    if as_json:
        show_json({"model": str(path), "alpha": alpha, **found.plain()})
    else:
        from wmagent.cli.log_tables import odd_events_view

        show(odd_events_view(found, alpha, show_at_most))
    return bool(found.anomalies or found.overdue)
