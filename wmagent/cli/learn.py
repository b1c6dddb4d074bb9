"""`wmagent learn`: recorded transitions, event logs or frames in, a learned model out. Knows only public names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.inputs import refuse
from wmagent.cli.logs import Columns, Lifecycle, SkipBad, is_log, learn_log
from wmagent.cli.output import AsJson, Seed, command, messages, note, show, show_json
from wmagent.cli.parts import check_place, snapshots_beside
from wmagent.cli.pixels import is_frames, learn_frames
from wmagent.cli.progress import learning_bar
from wmagent.errors import InputError

if TYPE_CHECKING:
    from wmagent import WorldModel


@command
def learn(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Transitions (.jsonl, .parquet), an event log (.xes, .csv), or frames (a folder, .npz).",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="Where the model is saved (a folder).")],
    preset: Annotated[
        str | None,
        typer.Option(
            help="Size and patience: tiny, small (default) or base; of frames tiny (default), small or paper."
        ),
    ] = None,
    seed: Seed = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Use the first N rows only; of frames N episodes.")
    ] = None,
    text: Annotated[str, typer.Option(help="Word meanings from: auto, minilm, learned, or a model folder.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep snapshots beside MODEL and go on from them if they are there.")
    ] = False,
    known: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Adapt this model of a like workflow with other names; preset, seed and text are its own.",
        ),
    ] = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    as_json: AsJson = False,
) -> None:
    """Learn a world model from recorded transitions, from an event log, or from frames and actions.

    Rows are {"case", "state", "action": {"name", "arguments"}, "next_state", "error", "duration", "cost"};
    only state, action and next_state are required.

    Frames are a folder that `wmagent world walks` wrote; a folder with one sub-folder per episode: images in the order
    of their names, actions.csv (names, then one row per frame or one fewer) and, if you like, positions.csv; or a .npz
    with pixels (rows, s, s, 3), actions (rows, a), first (the row each episode starts at, and the number of rows) and,
    if you like, positions (rows, p).

    Examples:

        wmagent learn transitions.jsonl -o contracts.wm

        wmagent learn log.parquet -o log.wm --limit 20000 --preset small --seed 1

        wmagent learn big.jsonl.gz -o big.wm --resume     (again after an interruption: it goes on)

        wmagent learn few.jsonl --from contracts.wm -o orders.wm     (a hundred rows of a like workflow are enough)

        wmagent learn loans.xes.gz -o loans.wm     (then: wmagent forecast loans.wm loans.xes.gz)

        wmagent learn walks -o rooms.wm     (then: wmagent plan rooms.wm --state now.png --goal goal.png)
    """
    if not source.is_file() and not source.is_dir():
        raise InputError(
            f"{source}: no such file; give recorded transitions as .jsonl, .jsonl.gz or .parquet, a log, or frames"
        )
    check_place(out)
    if is_frames(source):
        logs_only = {"--column": bool(columns), "--skip-bad": skip_bad, "--lifecycle": lifecycle != "complete"}
        refuse({"--text": text != "auto", "--from": known is not None, **logs_only}, "does not apply to frames")
        learn_frames(source, out, preset or "tiny", seed, limit, resume, as_json)
        return
    preset = preset or "small"
    if is_log(source):
        learn_log(source, out, preset, seed, columns, skip_bad, lifecycle, as_json)
        return
    if known is not None and resume:
        raise InputError("--from adapts in one go; leave --resume out")
    from wmagent import WorldModel

    if known is not None:
        _adapted(WorldModel.load(known), source, limit, out, as_json)
        return
    with snapshots_beside(out, resume) as snapshots:
        with learning_bar(messages()) as progress:
            model = WorldModel.learn(
                source, preset=preset, seed=seed, text=text, limit=limit, resume=snapshots, progress=progress
            )
        model.save(out)
    _show(model, f"learned from {model.n_transitions:,} transitions; saved {out}", out, as_json)


def _adapted(known: WorldModel, source: Path, limit: int | None, out: Path, as_json: bool) -> None:
    """Adapt a known model to the rows of another workflow, and save what comes of it."""
    from wmagent.worlds.recorded import read_transitions

    rows = read_transitions(source, limit=limit)
    model = known.adapt(rows)
    model.save(out)
    _show(model, f"adapted to {len(rows):,} transitions; saved {out}", out, as_json)


def _show(model: WorldModel, done: str, out: Path, as_json: bool) -> None:
    if as_json:
        show_json({"model": str(out), "card": model.card})
        return
    note(done)
    from rich.markdown import Markdown

    show(Markdown(model.card_markdown()))
