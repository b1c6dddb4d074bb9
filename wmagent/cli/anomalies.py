"""`wmagent anomalies`: recorded transitions in, those that the model did not expect out, with the odd facts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.output import AsJson, command, show, show_json
from wmagent.cli.parts import ModelPath, open_agent
from wmagent.errors import InputError


@command
def anomalies(
    path: ModelPath,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Transitions: .jsonl, .jsonl.gz or .parquet.")],
    alpha: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Flag what is rarer than this among held-out transitions.")
    ] = 0.01,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Check the first N rows only.")] = None,
    show_at_most: Annotated[int, typer.Option("--show", min=1, help="How many rows to show.")] = 20,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 6 if anything is flagged.")] = False,
    as_json: AsJson = False,
) -> None:
    """Flag recorded transitions that the model finds surprising, and name the facts that are odd.

    Examples:

        wmagent anomalies contracts.wm today.jsonl

        wmagent anomalies contracts.wm today.jsonl --alpha 0.001 --json

        wmagent anomalies contracts.wm today.jsonl --exit-code && echo nothing odd
    """
    if not source.is_file():
        raise InputError(f"{source}: no such file; give recorded transitions as .jsonl, .jsonl.gz or .parquet")
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
