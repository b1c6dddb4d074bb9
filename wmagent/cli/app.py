"""The list of commands. Knows their names and nothing of what they do."""

from __future__ import annotations

from typing import Annotated

import typer

from wmagent.cli import (
    anomalies,
    attribute,
    case,
    demo,
    describe,
    drift,
    evals,
    fairness,
    goal,
    learn,
    lm,
    logs,
    ownership,
    plan,
    play,
    routing,
    serve,
    studio,
    two_room,
    watch,
    what_if,
    world,
)
from wmagent.cli.output import Commands

app = typer.Typer(
    cls=Commands,
    help="Imagine before you act: learn a world model from what really happened, then plan and ask what-if.",
    epilog="Start with: wmagent demo. Every command has examples in its --help and answers in JSON with --json.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("wmagent"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Imagine before you act: learn a world model from what really happened, then plan and ask what-if."""


app.command("demo")(demo.demo)
app.command("learn")(learn.learn)
app.command("goal")(goal.goal)
app.command("plan")(plan.plan)
app.command("play")(play.play)
app.command("what-if")(what_if.what_if)
app.command("anomalies")(anomalies.anomalies)
app.command("forecast")(logs.forecast)
app.add_typer(case.app, name="case")
app.command("attribute")(attribute.attribute)
app.command("routing")(routing.routing)
app.command("drift")(drift.drift)
app.command("watch")(watch.watch)
app.command("ownership")(ownership.ownership)
app.command("describe")(describe.describe)
app.command("serve")(serve.serve)
app.command("studio")(studio.studio)
app.command("schema")(serve.schema)
app.add_typer(world.app, name="world")
app.add_typer(lm.app, name="lm")
evals.app.command("fairness")(fairness.fairness)
evals.app.command("two-room")(two_room.two_room)
app.add_typer(evals.app, name="eval")
