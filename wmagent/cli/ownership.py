"""`wmagent ownership`: who chooses what in a process, as the model takes it, and where to change it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.output import AsJson, command, note, show, show_json


@command
def ownership(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Learned from an event log.")],
    as_json: AsJson = False,
) -> None:
    """Show which activities the organisation decides, which others do, and which follow by themselves.

    Plans only choose decisions. The map is a draft from labels, resources and times; correct it in the model's folder.

    Examples:

        wmagent ownership loans.wm

        wmagent ownership loans.wm --json
    """
    from wmagent.events.checkpoint import OWNERSHIP
    from wmagent.events.process_model import ProcessModel

    model = ProcessModel.load(path)
    counts: Counter[int] = Counter()
    for codes, _, times in model.courses:
        counts.update({code: n * times for code, n in Counter(codes).items()})
    rows = [
        (name, model.ownership.kinds[name], counts[code], model.ownership.reasons.get(name, ""))
        for code, name in enumerate(model.vocabulary.activities)
    ]
    if as_json:
        keys = ("activity", "kind", "events", "reason")
        show_json({"file": str(path / OWNERSHIP), "activities": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    from wmagent.cli.log_tables import ownership_view

    show(ownership_view(rows))
    note(f"to correct it, edit {path / OWNERSHIP}")
