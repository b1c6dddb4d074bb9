"""`wmagent drift`: an event log in, what changed in the process from one day on out. Knows names only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, open_log
from wmagent.cli.output import AsJson, command, note, show, show_json
from wmagent.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from wmagent.worlds.logs.drift import Drift

PICTURES = (".png", ".svg", ".pdf")


@command
def drift(
    source: Annotated[Path, typer.Argument(metavar="LOG", help="An event log.")],
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Compare what was before with what was from then on: 2026-03-01.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Leave out what was from then on.")] = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Also draw a picture: .png, .svg or .pdf.")
    ] = None,
    show_at_most: Annotated[int, typer.Option("--show", min=1, help="How many changes to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say what changed in a process, such as since March; without a day, the one with the largest difference is found.

    Cases from before and after are observed equally long; only changes that are no chance are told, with all
    comparisons accounted for. Of people only their number is told.

    Examples:

        wmagent drift loans.xes.gz --since 2012-03-01

        wmagent drift tickets.csv --column case=Ticket --out drift.png --json
    """
    if out is not None and out.suffix.lower() not in PICTURES:
        raise InputError(f"{out}: a picture ends in {', '.join(PICTURES)}")
    from wmagent.worlds.logs.drift import drift as compare

    log, quality = open_log(source, columns, skip_bad, lifecycle)
    found = compare(log, since, until, quality.written_back)
    if out is not None:
        from wmagent.report.drift_picture import save_drift_picture

        note(f"wrote {save_drift_picture(found, log, out)}")
    if as_json:
        show_json(found.plain())
        return
    show(found.headline())
    if found.changes:
        show(_table(found, show_at_most))


def _table(found: Drift, most: int) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    more = len(found.changes) - most
    caption = "effect: Cliff's delta, p corrected for all comparisons" + (f"; {more} more changes" if more > 0 else "")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    table.add_column("change", overflow="fold")
    for name in ("before", "after", "effect", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.changes[:most]:
        p = f"{one.p:.4f}" if one.p >= 1e-4 else "< 0.0001"
        table.add_row(Text(one.sentence), f"n {one.n_before:,}", f"n {one.n_after:,}", f"{one.effect:+.2f}", p)
    return table
