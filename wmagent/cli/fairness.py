"""`wmagent eval fairness`: a thin call into wmagent.evals. Knows names only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.evals import Results, Seeds, answer
from wmagent.cli.logs import Columns, Lifecycle, SkipBad, open_log
from wmagent.cli.output import AsJson, command, note


@command
def fairness(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Event logs with a rule on an attribute.")],
    attribute: Annotated[str, typer.Option(help="The case attribute that a rule was planted on.")] = "protected",
    lifecycle: Lifecycle = "complete",
    columns: Columns = None,
    skip_bad: SkipBad = False,
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "tiny",
    seeds: Seeds = None,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Judge whether a what-if finds a rule that was planted on a case attribute: direction, size, and nothing else.

    Examples:

        wmagent eval fairness hiring.xes.gz --seed 0 --json

        wmagent eval fairness hiring.xes.gz lending.xes.gz --attribute protected -o results
    """
    from wmagent.evals.event_fairness import run

    opened = {source.name.split(".")[0]: open_log(source, columns, skip_bad, lifecycle) for source in sources}
    result = run(
        {name: log for name, (log, _) in opened.items()},
        seeds or (0, 1, 2),
        attribute,
        preset,
        {name: quality.written_back for name, (_, quality) in opened.items()},
        note,
    )
    answer("event-fairness", result, out, as_json, result["summary"])
