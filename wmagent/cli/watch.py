"""`wmagent watch`: a growing log in, one JSON line per event out. Knows the watcher and the lines by their names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, named
from wmagent.cli.output import command, note, show_line
from wmagent.errors import InputError

NAMED = ("case", "activity", "time", "resource", "lifecycle", "begun", "delimiter", "encoding")


@command
def watch(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Learned from an event log.")],
    source: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSON lines that grow; - for stdin.")] = "-",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for what is still to be written.")] = False,
    alpha: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of all events that is flagged in the long run.")
    ] = 0.05,
    columns: Columns = None,
    lifecycle: Lifecycle = "complete",
) -> None:
    """Watch a log while it grows: one JSON line per event, with what is odd about it and what comes next in its case.

    Each event is judged before the model learns from it (not on disk). A case that ends oddly, or is silent for longer
    than expected by the log's own clock, gets a line of its own (kind end or overdue). Lines that cannot be used are
    reported on stderr. Times may also be seconds or milliseconds since 1970. Ctrl-C ends it with a summary.

    Examples:

        wmagent watch loans.wm today.csv --follow

        tail -f today.jsonl | wmagent watch loans.wm -      ({"case": "4711", "activity": "check", "time": "…"})

        wmagent watch loans.wm today.csv --column case=Ticket --alpha 0.01 | grep '"kind": "'
    """
    from wmagent.worlds.logs.growing import Growing

    if lifecycle not in ("complete", "all"):
        raise InputError(f"lifecycle is complete or all, not {lifecycle!r}")
    growing = Growing(named(columns, NAMED), note, lifecycle)
    lines = _lines(source, follow)
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.watching import Watcher

    watcher = Watcher(ProcessModel.load(path), alpha)
    events = 0
    try:
        for event in growing.events(lines):
            events += 1
            for found in watcher.see(event):
                show_line(found.plain())
    except KeyboardInterrupt:
        pass  # how one ends it
    finally:
        alarms = watcher.detector.alarms
        left_out = f", {growing.left_out:,} not completed" if growing.left_out else ""
        note(
            f"{events:,} events, {growing.bad:,} bad lines{left_out}; {alarms.raised:,} alarms among {alarms.events:,} "
            f"events and ends ({alarms.realised:.1%}; alpha is {alpha:.1%}); {watcher.overdue:,} cases overdue"
        )


def _lines(source: str, follow: bool) -> Iterator[bytes | None]:
    from wmagent.worlds.logs.growing import PACKED, lines_of, split

    if source == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed; give a file, or pipe lines into this command")
        return split(iter(lambda: sys.stdin.buffer.readline(1 << 16), b""))
    if source.lower().endswith(".gz"):
        raise InputError(f"{source}: {PACKED}")
    if not source.lower().endswith((".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".log")):
        raise InputError(f"{source}: only CSV and JSON lines grow line by line; `wmagent anomalies` reads other logs")
    if not Path(source).is_file():
        raise InputError(f"{source}: no such file; give a CSV or JSON-lines file, or - for stdin")
    return lines_of(Path(source), follow)
