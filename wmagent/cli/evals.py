"""`wmagent eval …`: thin calls into wmagent.evals; every answer is one JSON object."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, open_log
from wmagent.cli.output import AsJson, Seed, command, messages, note, show, show_json
from wmagent.cli.progress import learning_bar
from wmagent.errors import MOST_SEED, InputError, unknown

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


Seeds = Annotated[
    list[int] | None, typer.Option("--seed", min=0, max=MOST_SEED, help="Repeat for several; without it 0, 1 and 2.")
]
Made = Annotated[int, typer.Option("--transitions", "-n", min=100, help="Recorded steps to learn from.")]
Models = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep learned models here, and find them again.")]
Results = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Also write JSON, Markdown, plots.")
]


@app.command("contract")
@command
def contract(
    seeds: Seeds = None,
    world: Annotated[str, typer.Option(help="A world with an oracle: a shipped name or a file.")] = "contract-approval",
    transitions: Made = 20_000,
    planner: Annotated[str, typer.Option(help="Which planner's plans are judged.")] = "best-first",
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    models: Models = None,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Compare imagined probabilities and plans with the exact oracle of a world, beside prediction controls.

    Examples:

        wmagent eval contract --seed 0 --json

        wmagent eval contract --seed 0 --seed 1 --seed 2 -n 20000 -o results
    """
    from wmagent.evals.contract import Settings, run

    _known(planner)
    settings = Settings(world=world, transitions=transitions, preset=preset, planner=planner)
    answer("contract", run(seeds or (0, 1, 2), settings, models, note), out, as_json)


@app.command("suite")
@command
def suite(
    seeds: Seeds = None,
    world: Annotated[str, typer.Option(help="A world with an oracle: a shipped name or a file.")] = "contract-approval",
    transitions: Made = 20_000,
    planners: Annotated[list[str] | None, typer.Option("--planner", help="Repeat for several.")] = None,
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    models: Models = None,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Run models and baselines x controls x planners x seeds on one world, beside floors and ceilings.

    Examples:

        wmagent eval suite --seed 0 --planner best-first --planner greedy --json

        wmagent eval suite -o results
    """
    from wmagent.evals.suite import run

    chosen = tuple(planners or ("best-first",))
    _known(*chosen)
    result = run(
        seeds or (0, 1, 2),
        world=world,
        transitions=transitions,
        planners=chosen,
        preset=preset,
        models=models,
        progress=note,
    )
    answer("suite", result, out, as_json)


@app.command("what-if")
@command
def what_if(
    world: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A shipped world, or a definition file (.yaml, .yml, .json).")
    ],
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, max=MOST_SEED, help="Repeat for several; without it 0.")
    ] = None,
    transitions: Annotated[
        int, typer.Option("--transitions", "-n", min=100, help="Recorded steps to learn from.")
    ] = 60_000,
    parts: Annotated[
        list[str] | None,
        typer.Option("--part", help="interventions, plans, controls, rollouts or flips; repeat; without it all."),
    ] = None,
    planner: Annotated[str, typer.Option(help="Which planner's plans are judged.")] = "best-first",
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    text: Annotated[str, typer.Option(help="Word meanings from: auto, minilm, learned, or a model folder.")] = "auto",
    models: Models = None,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Learn a world and compare every kind of what-if with its truth: errors, coverage, refusals, plans, controls.

    With one seed the answer is one object; with several it holds them under per_seed, and a summary with means.

    Examples:

        wmagent eval what-if --world contract-approval --seed 0 --json

        wmagent eval what-if --world my-workflow.yaml --seed 0 --part interventions --part plans --json

        wmagent eval what-if --world it-incident --seed 0 --seed 1 --seed 2 --models kept -o results
    """
    from wmagent.evals.what_if import PARTS, Settings
    from wmagent.evals.what_if_seeds import run, summary

    chosen = tuple(dict.fromkeys(parts or PARTS))
    for part in chosen:
        if part not in PARTS:
            raise unknown("part", part, PARTS)
    _usable(world, planner, preset, models, out)
    settings = Settings(transitions=transitions, preset=preset, text=text, planner=planner, parts=chosen)
    result = run(world, tuple(dict.fromkeys(seeds or (0,))), settings, models, note)
    answer("what-if", result, out, as_json, summary(result.get("per_seed", [result])))


@app.command("search-scaling")
@command
def search_scaling(
    world: Annotated[str, typer.Option(help="A world: a shipped name or a file.")] = "contract-approval",
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, max=MOST_SEED, help="Repeat for several; without it 0.")
    ] = None,
    transitions: Annotated[
        int, typer.Option("--transitions", "-n", min=100, help="Recorded steps to learn from.")
    ] = 60_000,
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    models: Models = None,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Measure true plan success against simulations and horizon: a good and a weak model, bold and pessimistic.

    Examples:

        wmagent eval search-scaling --seed 0 --json

        wmagent eval search-scaling --world purchase-to-pay --models kept -o results
    """
    from wmagent.evals.search_scaling import Settings, by_point, run

    _usable(world, "best-first", preset, models, out)
    settings = Settings(world=world, transitions=transitions, preset=preset)
    result = run(seeds or (0,), settings, models, note)
    answer("search-scaling", result, out, as_json, by_point(result))


@app.command("language")
@command
def language(
    seed: Seed = 0,
    parts: Annotated[list[str] | None, typer.Option("--part", help="Repeat for several; without it all.")] = None,
    source: Annotated[
        str, typer.Option(metavar="FILE|WORLD", help="Rows that encoders, adapters and the LLM-only peer learn from.")
    ] = "contract-approval",
    rows: Annotated[int, typer.Option(min=100, help="How many of them.")] = 4_000,
    lm: Annotated[str, typer.Option(metavar="FOLDER", help="The language model.")] = "tiny",
    second: Annotated[
        str, typer.Option(metavar="lm:FOLDER@LAYER", help="What replaces sentence embeddings under a frozen model.")
    ] = "lm:tiny@4",
    quick: Annotated[
        bool, typer.Option("--quick", help="A minute's try of everything; its numbers mean nothing.")
    ] = False,
    models: Models = None,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Judge the language side: encoders, adapters, the LLM-only peer, soft tokens, goals, proposals, explanations.

    Examples:

        wmagent eval language --seed 0 --json

        wmagent eval language --seed 0 --part goals --part scoring --json

        wmagent eval language --source telecom.jsonl.gz --rows 4000 --part peer -o results
    """
    from dataclasses import replace

    from wmagent.evals.language import PARTS, QUICK, Settings, run

    for part in parts or ():
        if part not in PARTS:
            raise unknown("part", part, PARTS)
    _usable("contract-approval", "best-first", "small", models, out)
    asked = replace(QUICK, rows=min(rows, QUICK.rows)) if quick else Settings(rows=rows)
    asked = replace(asked, lm=lm, second=second, source=source, models=models)
    result = run(seed, asked, parts, note)
    answer("language", result, out, as_json, {name: part.get("summary") for name, part in result["parts"].items()})


@app.command("log")
@command
def log(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An event log: .xes, .csv (also .gz), .parquet.")],
    lifecycle: Lifecycle = "complete",
    outcome: Annotated[
        str | None, typer.Option(metavar="ACTIVITY", help="Also predict whether this still happens in a case.")
    ] = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    floors: Annotated[bool, typer.Option("--floors/--no-floors", help="Ours alone is faster.")] = True,
    parts: Annotated[
        bool, typer.Option("--parts/--no-parts", help="Also courses, the action gate, anomalies and ablations.")
    ] = True,
    seed: Seed = 0,
    out: Results = None,
    as_json: AsJson = False,
) -> None:
    """Judge on an event log by the strict temporal protocol: ours beside every floor, in one run.

    Examples:

        wmagent eval log loans.xes.gz --seed 0 --json

        wmagent eval log loans.xes.gz --lifecycle all --outcome A_APPROVED --json

        wmagent eval log export.csv --column case=Ticket --column activity=Step --column time=Done -o results
    """
    from wmagent.evals.event_log import Options, run

    events, quality = open_log(source, columns, skip_bad, lifecycle)
    result = run(events, seed, Options(outcome, preset, floors, parts), quality.written_back, note)
    result = {"source": source.name, "lifecycle": lifecycle, "quality": quality.plain(), **result}
    view = {"next event": result["next_event"], "remaining time": result["remaining"], "sets": {"90 %": result["sets"]}}
    answer(f"log-{source.name.split('.')[0]}-{lifecycle}-seed-{seed}", result, out, as_json, view)


def _usable(world: str, planner: str, preset: str, *folders: Path | None) -> None:
    """Refuse what cannot be used before minutes are spent on learning: names, a broken definition, files as folders."""
    import wmagent.worlds as worlds
    from wmagent.model.config import preset as sizes

    worlds.load(world)
    _known(planner)
    sizes(preset)
    usable_folders(*folders)


def usable_folders(*folders: Path | None) -> None:
    """Refuse files where folders are wanted."""
    for folder in folders:
        if folder is not None and folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; results and models are kept in a folder, choose another name")


def _known(*names: str) -> None:
    """Refuse unknown planners before minutes are spent on learning what they plan with."""
    from wmagent.planning import planner

    for name in names:
        planner(name)


def answer(
    name: str, result: dict[str, object], out: Path | None, as_json: bool, view: Mapping[str, object] | None = None
) -> None:
    """Show the result (people: `view`, by default its summary), and write its files where a folder is given."""
    if out is not None:
        from wmagent.evals.report import write

        words = [Path(word).name if os.sep in word else word for word in sys.argv[2:]]
        for path in write(name, result, " ".join(["wmagent", "eval", *words]), out, plots=True):
            note(f"wrote {path}")
    if as_json:
        show_json(result)
        return
    from wmagent.cli.tables import scores_view

    summary = view or result.get("summary")
    show(scores_view({"measure": summary} if isinstance(summary, Mapping) else result))
