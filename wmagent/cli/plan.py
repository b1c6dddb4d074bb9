"""`wmagent plan`: a goal and the current facts, or a frame, in; a plan with its certainty out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.inputs import read_facts, refuse
from wmagent.cli.output import AsJson, Seed, command, note, show, show_json
from wmagent.cli.parts import ModelPath, PlannerName, agent_around, from_pixels, open_model
from wmagent.cli.pixels import plan_pixels

if TYPE_CHECKING:
    from wmagent.latent.protocols import Budget

GoalWords = Annotated[
    str,
    typer.Option(
        "--goal", "-g", metavar="GOAL", help="What should become true, in words; from pixels also an image or x,y."
    ),
]
State = Annotated[
    str,
    typer.Option(
        "--state", "-s", metavar="NOW",
        help="Current facts: a JSON file, inline JSON, or - for stdin; from pixels the current frame, an image.",
    ),
]  # fmt: skip


@command
def plan(
    path: ModelPath,
    goal: GoalWords,
    state: State,
    planner: PlannerName = "best-first",
    simulations: Annotated[int | None, typer.Option(min=1, help="How many imagined transitions to spend.")] = None,
    seed: Seed = 0,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write an HTML report.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add an explanation whose every claim is checked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Imagine courses of action and show the best one: steps, P(goal), evidence, and what was rejected.

    Examples:

        wmagent plan contracts.wm --goal "get the contract approved within 10 days" --state facts.json

        wmagent plan contracts.wm -g "status approved" -s '{"status": "draft", "amount": "high"}' --report plan.html

        jq .state < row.json | wmagent plan contracts.wm -g "status approved" -s - --json

    With a model from pixels, which explains every plan:

        wmagent plan rooms.wm --state now.png --goal "go to the top of the other room" --report plan.html

        wmagent plan rooms.wm --state now.png --goal 40,180     (a position; or goal.png, an image)
    """
    if from_pixels(path):
        others = {"--planner": planner != "best-first", "--simulations": simulations is not None}
        refuse(others, "does not apply to models from pixels")
        plan_pixels(path, goal, state, seed, report, as_json)
        return
    facts = read_facts(state)
    model = open_model(path)
    agent = agent_around(model, planner)
    answer = agent.plan(goal, facts, seed=seed, budget=_budget(simulations))
    explanation = agent.explain(answer) if explain else None
    if report is not None:
        from wmagent.report import render_report, write_report

        write_report(report, render_report(answer, card=model.card, title=goal))
        note(f"wrote {report}")
    if as_json:
        extra = {"explanation": explanation.to_dict()} if explanation else {}
        show_json({**answer.to_dict(), **extra})
        return
    from wmagent.cli.tables import plan_view

    show(plan_view(answer))
    if explanation:
        show(f"\n{explanation.text}")


def _budget(simulations: int | None) -> Budget | None:
    if simulations is None:
        return None
    from wmagent.latent.protocols import Budget

    return Budget(simulations=simulations)
