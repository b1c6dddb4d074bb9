"""`wmagent anomalies`: recorded transitions or an event log in, what the model did not expect out, and what is odd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, anomalies_log, is_log
from wmagent.cli.output import AsJson, command, show, show_json
from wmagent.cli.parts import ModelPath, open_agent
from wmagent.errors import InputError


@command
def anomalies(
    path: ModelPath,
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Transitions (.jsonl, .parquet) or an event log (.xes, .csv).")
    ],
    alpha: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Flag what is rarer than this: of transitions, of a log's events.")
    ] = 0.01,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Check the first N rows only.")] = None,
    show_at_most: Annotated[int, typer.Option("--show", min=1, help="How many rows to show.")] = 20,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 6 if anything is flagged.")] = False,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    as_json: AsJson = False,
) -> None:
    """Flag recorded transitions or events of a log that the model finds surprising, and name what is odd.

    Events are judged in the order of time, each before the model learns from it (not on disk): its activity, its time,
    the end of its case; alpha is then the share of all events that is flagged in the long run.

    Examples:

        wmagent anomalies contracts.wm today.jsonl

        wmagent anomalies contracts.wm today.jsonl --alpha 0.001 --json

        wmagent anomalies contracts.wm today.jsonl --exit-code && echo nothing odd

        wmagent anomalies loans.wm loans.xes.gz --alpha 0.05     (a model that was learned from an event log)
    """
    if not source.is_file():
        raise InputError(f"{source}: no such file; give recorded transitions as .jsonl, .jsonl.gz or .parquet")
    if is_log(source):
        if anomalies_log(path, source, alpha, show_at_most, columns, skip_bad, lifecycle, as_json) and exit_code:
            raise typer.Exit(6)
        return
    agent = open_agent(path)
    from wmagent.worlds.recorded import read_transitions

    checked = read_transitions(source, limit=limit)
    flagged = agent.anomalies(checked, alpha=alpha)
    if as_json:
        show_json({"checked": len(checked), "alpha": alpha, "flagged": [a.to_dict() for a in flagged]})
    else:
        from wmagent.cli.tables import anomalies_view

        show(anomalies_view(flagged[:show_at_most], checked=len(checked), flagged=len(flagged)))
    if exit_code and flagged:
        raise typer.Exit(6)
