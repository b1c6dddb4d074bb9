"""`wmagent lm …`: language models beside a world model: make the tiny one, exchange one, see what fits on a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wmagent.cli.output import AsJson, Seed, command, note, show, show_json
from wmagent.cli.parts import check_place, open_model
from wmagent.errors import InputError

app = typer.Typer(help="Language models beside a world model.", no_args_is_help=True)


@app.command("make")
@command
def make(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the model is written.")],
    documents: Annotated[
        int, typer.Option("--documents", "-n", min=5, help="Conversations out of the shipped worlds.")
    ] = 46_000,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that write the conversations.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Train the tiny demonstration model from nothing: conversations, a tokenizer, weights. About an hour on one core.

    Examples:

        wmagent lm make my-lm -n 2000

        wmagent lm make adapters/tiny --seed 0
    """
    from wmagent.language.making import make_tiny

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; a language model is a folder, choose another name")
    card = make_tiny(folder, documents, seed, workers=workers, said=note)
    if as_json:
        show_json(card)
        return
    show(f"{folder}: {card['parameters']:,} parameters, {card['tokens']:,} tokens read, loss {card['loss']}")


@app.command("reader")
@command
def reader(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the low-rank weights are written.")],
    epochs: Annotated[int, typer.Option(min=1, help="Times through the phrases.")] = 4,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train what reads phrases that rules cannot: low-rank weights for MiniLM, on phrases of made-up businesses.

    Some ten minutes on one core. It is measured on businesses that it did not learn from.

    Examples:

        wmagent lm reader adapters/phrase_reader

        wmagent lm reader my-reader --epochs 1 --json
    """
    from wmagent.language.phrase_reading import make_reader

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; the weights are kept in a folder, choose another name")
    card = make_reader(folder, epochs, seed, said=note)
    if as_json:
        show_json(card)
        return
    held = card["held_out"]
    show(
        f"{folder}: of {held['n']} phrases of other businesses {held['exact']:.0%} right, {held['answered']:.0%} surely"
    )


@app.command("memory")
@command
def memory(
    cards: Annotated[list[float] | None, typer.Option("--gpu", min=1, help="GB of a card; repeat for several.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="FOLDER", help="A model of your own instead of the known ones.")
    ] = None,
    prompt: Annotated[int, typer.Option(min=1, help="Tokens of a prompt.")] = 2048,
    candidates: Annotated[int, typer.Option(min=1, help="Candidates that are scored at once.")] = 8,
    lora: Annotated[int, typer.Option(min=0, help="LoRA rank to train with; 0 trains nothing.")] = 0,
    check: Annotated[bool, typer.Option("--check", help="Build a small model here and compare sizes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Which language models fit on a GPU beside a world model, at which precision.

    Examples:

        wmagent lm memory --gpu 8 --gpu 12 --gpu 24

        wmagent lm memory --model ./my-llm --gpu 12 --lora 8 --json
    """
    from wmagent.language.memory import Shape, Use, measured, plan, shape_of

    shapes = None
    if model is not None:
        from wmagent.registry import resolve

        shapes = {Path(model).name: shape_of(resolve("language", "local")(model).model.config)}
    sizes = cards or [8.0, 12.0, 24.0]
    rows = plan(sizes, shapes, Use(prompt, candidates, lora_rank=lora))
    checked = measured(Shape(512, 8, 8, 2, 1408, 16_000, tied=True)) if check else None
    if as_json:
        show_json({"rows": rows, **({"measured": checked} if checked else {})})
        return
    from rich.table import Table

    table = Table(
        "model", "precision", "weights", "cache", "scoring", "training", "total GiB", *(f"{s:g} GB" for s in sizes)
    )
    for row in rows:
        parts = [f"{row[part]:.2f}" for part in ("weights", "cache", "scoring", "training", "total")]
        table.add_row(
            row["model"], row["precision"], *parts, *("fits" if fits else "–" for fits in row["fits"].values())
        )
    show(table)
    if checked:
        wrong = checked["worst relative error"]
        show(f"checked against a model built here: weights and cache differ by at most {100 * wrong:.2f} %")


@app.command("adapt")
@command
def adapt(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A learned world model; it stays as it is.")],
    lm: Annotated[str, typer.Option("--lm", metavar="FOLDER", help="The language model that is to speak to it.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="The same world, read through it.")],
    layer: Annotated[int, typer.Option(help="Which layer's hidden states; 0 are token embeddings.")] = -1,
    lora: Annotated[int, typer.Option(min=0, help="Rank of LoRA weights trained in the language model; 0: none.")] = 0,
    adapter: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the adapter alone here, too (needed with --lora).")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Exchange the language model under a frozen world model: train an adapter to its latents. Seconds to minutes.

    Examples:

        wmagent lm adapt contracts.wm --lm tiny --layer 4 -o contracts-tiny.wm

        wmagent lm adapt contracts.wm --lm ./my-llm --lora 8 --adapter my-adapter -o contracts-my-llm.wm
    """
    from wmagent.language.interfaces import LoRA, fit_interface

    check_place(out)
    if lora and adapter is None:
        raise InputError("LoRA weights need a folder of their own: add --adapter FOLDER")
    low_rank = LoRA(rank=lora, alpha=2 * lora) if lora else None
    world = open_model(model)
    found = fit_interface(world, f"lm:{lm}@{layer}", lora=low_rank, folder=adapter, seed=seed)
    found.attach(world).save(out)
    if as_json:
        show_json({"model": str(out), "text": found.text, "error": found.error})
        return
    show(f"{out}: {found.text}, {100 * found.error:.2f} % of the latents' spread away from {model}")
