"""`wmagent eval …`: thin calls into wmagent.evals; every answer is one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.output import AsJson, Seed, command, messages, show, show_json
from wmagent.cli.progress import learning_bar

app = typer.Typer(help="Measure models and planners beside floors, ceilings and controls.", no_args_is_help=True)


@app.command("transitions")
@command
def transitions(
    train: Annotated[Path, typer.Option(metavar="FILE", help="Transitions to learn from.")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="Transitions to predict.")],
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Use the first N training rows only.")] = None,
    seed: Seed = 0,
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    text: Annotated[str, typer.Option(help="Word meanings from: auto, minilm, learned, or a model folder.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Learn from one file, predict the next states of another, and print scores beside floors and controls.

    Examples:

        wmagent eval transitions --train train.jsonl.gz --test test.jsonl.gz --seed 0 --json

        wmagent eval transitions --train train.jsonl --test test.jsonl --limit 1000
    """
    from wmagent.evals.transitions import run

    with learning_bar(messages()) as progress:
        scores = run(train, test, seed=seed, limit=limit, progress=progress, preset=preset, text=text)
    if as_json:
        show_json(scores)
        return
    from wmagent.cli.tables import scores_view

    show(scores_view(scores))
