"""`wmagent world …`: shipped, described and made-up worlds, and Two-Room in frames. Loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from wmagent.cli.output import AsJson, Seed, command, messages, note, show, show_json
from wmagent.cli.progress import learning_bar
from wmagent.domain.progress import Progress
from wmagent.errors import InputError

app = typer.Typer(
    help="Worlds that experience comes from: workflows, and Two-Room, which is seen in frames.", no_args_is_help=True
)

WorldName = Annotated[str, typer.Argument(metavar="WORLD", help="A shipped name, or a YAML/JSON file.")]
Size = Literal["tiny", "small", "medium", "large", "huge"]


@app.command("list")
@command
def list_worlds(as_json: AsJson = False) -> None:
    """List the shipped worlds.

    Example:

        wmagent world list
    """
    from wmagent import worlds

    names = list(worlds.names())
    if as_json:
        show_json({"worlds": names})
        return
    for name in names:
        typer.echo(name)


@app.command("show")
@command
def show_world(name: WorldName, as_json: AsJson = False) -> None:
    """Show a world: where a case starts, its actions and goals.

    Examples:

        wmagent world show contract-approval

        wmagent world show my-process.yaml --json
    """
    from wmagent import worlds

    world = worlds.load(name)
    start = dict(world.observe(world.initial(0)).facts)
    actions = [action.label() for action in world.actions]
    goals = [
        {"words": goal.words, "conditions": [condition.words() for condition in goal.conditions]}
        for goal in world.goals()
    ]
    if as_json:
        show_json({"world": world.name, "start": start, "actions": actions, "goals": goals})
        return
    from wmagent.cli.tables import pairs_view

    show(f"{world.name}: {len(actions)} actions, {len(goals)} goals\n")
    show(pairs_view([(key, str(value)) for key, value in start.items()], ("fact", "at the start (one example)")))
    show(pairs_view([(goal["words"], " and ".join(goal["conditions"])) for goal in goals], ("goal", "means")))
    show("actions: " + ", ".join(actions))


@app.command("check")
@command
def check_world(
    name: WorldName,
    max_states: Annotated[int, typer.Option(min=1, metavar="N", help="Count at most this many states.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Check a definition: its facts, actions and reachable states; problems are named with their line, exit code 2.

    Examples:

        wmagent world check my-process.yaml

        wmagent world check contract-approval --max-states 10000 --json
    """
    from wmagent import worlds
    from wmagent.worlds.sampled import count_states

    world = worlds.load(name)
    states = count_states(world, max_states)
    counts = {
        "facts": len(world.domains),
        "actions": len(world.actions),
        "rules": len(world.definition.rules),
        "events": len(world.definition.events),
        "goals": len(world.goals()),
    }
    if as_json:
        show_json(
            {"world": world.name, **counts, "states": states, "more_than": max_states if states is None else None}
        )
        return
    show(f"{world.name}: no problems found")
    show(", ".join(f"{count} {what}" for what, count in counts.items()))
    if states is None:
        show(f"more than {max_states:,} reachable states: beyond that, truth is sampled, with intervals")
    else:
        show(f"{states:,} reachable states: truth is exact")


@app.command("generate")
@command
def generate(
    name: WorldName,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write: .jsonl, .jsonl.gz, .parquet.")
    ],
    transitions: Annotated[int, typer.Option("--transitions", "-n", min=1, help="How many transitions.")] = 10_000,
    attempts: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of refused attempts among them.")] = 0.1,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Generate recorded experience: cases of the world under a varied logging policy.

    Examples:

        wmagent world generate contract-approval -n 20000 -o transitions.jsonl

        wmagent world generate my-process.yaml -n 5000 --seed 7 -o cases.parquet
    """
    from wmagent import worlds
    from wmagent.worlds.recorded import write_transitions

    rows = worlds.experience(worlds.load(name), transitions=transitions, seed=seed, attempts=attempts)
    write_transitions(out, rows)
    if as_json:
        show_json({"world": name, "file": str(out), "transitions": len(rows), "cases": len({row.case for row in rows})})
        return
    note(f"wrote {len(rows):,} transitions to {out}")


@app.command("random")
@command
def random_world(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write: .yaml, .yml.")],
    size: Annotated[Size, typer.Option(help="From hundreds of reachable states to most of a million.")] = "small",
    branching: Annotated[int, typer.Option(help="Ways there are to do every check, 1 to 4.")] = 2,
    stochasticity: Annotated[float, typer.Option(help="0: nothing is left to chance; 1: very much.")] = 0.5,
    rule_depth: Annotated[int, typer.Option(help="How many hidden rules set each other off.")] = 2,
    policies: Annotated[int, typer.Option(help="Rules that are facts to be read, 0 to 3.")] = 0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Make up a workflow and write it to a file that every command takes as a world.

    Examples:

        wmagent world random --seed 7 --size medium -o made-up.yaml

        wmagent world random --seed 7 --stochasticity 0.8 --rule-depth 3 -o made-up.yaml
    """
    from wmagent.worlds.generator import random_workflow
    from wmagent.worlds.writing import write_world

    world = random_workflow(
        seed,
        size=size,
        branching=branching,
        stochasticity=stochasticity,
        rule_depth=rule_depth,
        policies=policies,
    )
    write_world(out, world)
    facts, actions = len(world.domains), len(world.actions)
    if as_json:
        show_json({"world": world.name, "file": str(out), "facts": facts, "actions": actions})
        return
    note(f"wrote {world.name} to {out}: {facts} facts, {actions} actions")


@app.command("walks")
@command
def walks(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write: a new or begun folder.")],
    count: Annotated[int, typer.Option("--walks", "-n", min=1, help="How many walks.")] = 3_000,
    strict: Annotated[bool, typer.Option("--strict", help="No corner of the wall can be cut.")] = False,
    size: Annotated[
        int | None,
        typer.Option(min=8, metavar="N", help="Also write frames, N pixels a side; else they are drawn when needed."),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Record walks through Two-Room, a dot in two rooms with a door, to learn a world model from pixels.

    After an interruption the same command goes on where it was.

    Examples:

        wmagent world walks -n 3000 -o walks     (then: wmagent learn walks -o rooms.wm)

        wmagent world walks -n 500 -o walks --strict --size 56 --seed 7
    """
    from wmagent.worlds.two_room import TwoRoom, collect

    drawn = {} if size is None else {"size": size, "frames": True}
    with learning_bar(messages()) as progress:
        made = collect(
            TwoRoom(strict=strict), count, seed, out=out, **drawn,
            progress=lambda done, total: progress(Progress("walking", done, total)),
        )  # fmt: skip
    rows = len(made.positions)
    if as_json:
        show_json({"folder": str(out), "walks": count, "frames": rows, "size": size})
        return
    note(f"recorded {count:,} walks of {rows:,} frames in {out}; next: wmagent learn {out} -o rooms.wm")


@app.command("frame")
@command
def frame(
    x: Annotated[float, typer.Argument(help="Where the dot is, in pixels to the right.")],
    y: Annotated[float, typer.Argument(help="Where the dot is, in pixels down.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.png", help="Where to write.")],
    size: Annotated[int, typer.Option(min=8, help="Pixels a side.")] = 64,
    as_json: AsJson = False,
) -> None:
    """Draw a frame of Two-Room with the dot at a position, 0 to 224 pixels right and down.

    Examples:

        wmagent world frame 40 180 -o now.png

        wmagent world frame 180 60 -o goal.png --size 224
    """
    from PIL import Image

    from wmagent.worlds.two_room import TwoRoom

    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: a frame is written as .png, which keeps every pixel")
    world = TwoRoom()
    drawn = world.render(world.check_free("the dot", [(x, y)]), size)[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn).save(out)
    if as_json:
        show_json({"file": str(out), "position": [x, y], "size": size})
        return
    note(f"wrote {out}: {size} × {size} pixels")
