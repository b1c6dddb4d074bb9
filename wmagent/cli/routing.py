"""`wmagent routing`: a model and its event log in, what everybody's going one way instead of another comes to.
Knows the answer by name and no model."""

from __future__ import annotations

from typing import Annotated

import typer

from wmagent.cli.case import Model, Source, recorded
from wmagent.cli.logs import Columns, Lifecycle, SkipBad
from wmagent.cli.output import AsJson, Seed, command, show, show_json


@command
def routing(
    path: Model,
    source: Source,
    after: Annotated[str, typer.Option("--after", metavar="ACTIVITY", help="Where the cases part: right after this.")],
    do: Annotated[str, typer.Option("--do", metavar="ACTIVITY", help="Had this come next in all of them …")],
    instead: Annotated[str, typer.Option("--instead", metavar="ACTIVITY", help="… instead of this.")],
    reach: Annotated[
        str | None,
        typer.Option("--reach", "-u", metavar="ACTIVITY", help="Also: how often does this follow? * matches several."),
    ] = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Ask what a routing change would do: all cases after one activity, had one thing come next instead of another.

    Answers hours to the end and how often an outcome follows, for either way and their difference: as recorded (naive),
    by inverse propensity, and doubly robust, each with 95 %. Fewer than 20 cases that went either way get no number.

    Examples:

        wmagent routing loans.wm loans.xes.gz --after W_Assess --do O_SENT --instead A_DECLINED

        wmagent routing loans.wm loans.xes.gz --after W_Assess --do O_SENT --instead A_DECLINED --reach "A_APP*" --json
    """
    from wmagent.events.routing import routing as answer

    found = answer(recorded(path, source, columns, skip_bad, lifecycle), after, do, instead, reach, seed)
    if as_json:
        show_json(found.to_dict())
        return
    from wmagent.cli.log_tables import routing_view

    show(routing_view(found))
