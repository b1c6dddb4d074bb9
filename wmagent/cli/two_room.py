"""`wmagent eval two-room`: a world learned from its pixels, planned in, and compared. Knows no model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.evals import Models, answer, usable_folders
from wmagent.cli.inputs import assigned
from wmagent.cli.output import AsJson, command, messages, note
from wmagent.cli.progress import learning_bar
from wmagent.errors import MOST_SEED


@command
def two_room(
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or paper.")] = "tiny",
    pairs: Annotated[int, typer.Option(min=2, help="Starts and goals asked of each kind.")] = 200,
    episodes: Annotated[int, typer.Option(min=20, help="Recorded walks to learn from.")] = 3_000,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also plan in all other ways; takes thrice as long.")
    ] = False,
    words: Annotated[bool, typer.Option("--words/--no-words", help="Also ask for goals in words.")] = True,
    config: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Learn with another value of a preset's setting (repeat the option)."),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, max=MOST_SEED, help="Repeat for several; without it 0.")
    ] = None,
    models: Models = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Also write JSON, Markdown, a plot, and a page per seed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn Two-Room from its pixels, plan to recorded goals, and compare with floors and ceilings.

    With one seed the answer is one object; with several it holds them under per_seed, and a summary over all pairs.

    Examples:

        wmagent eval two-room --preset tiny --pairs 200 --seed 0 --json

        wmagent eval two-room --seed 0 --seed 1 --seed 2 --ablations --models kept -o results

        wmagent eval two-room --config rollout=1 --config batch=255 --no-words     (without the multi-step loss)
    """
    import yaml

    from wmagent.evals.two_room import Settings, pooled, run

    changes = {key: yaml.safe_load(value) for key, value in assigned("--config", config or (), "rollout=1").items()}
    settings = Settings(preset, pairs, episodes, ablations, words, changes)
    settings.config()
    usable_folders(models, out)
    chosen, runs = tuple(dict.fromkeys(seeds or (0,))), []
    with learning_bar(messages()) as progress:
        for seed in chosen:
            page = out / f"two-room-{settings.name}-seed-{seed}.html" if out else None
            runs.append(run(settings, seed, models, progress, note, page))
            if page:
                note(f"wrote {page}")
    summary = pooled(runs)
    result = runs[0] if len(runs) == 1 else {"eval": "two-room", "per_seed": runs, "summary": summary}
    view = {task: {name: row["solved"] for name, row in rows.items()} for task, rows in summary.items()}
    answer("-".join(["two-room", settings.name, "seed", *map(str, chosen)]), result, out, as_json, view)
