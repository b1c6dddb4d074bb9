"""`wmagent what-if`: an intervention in, its probability beside the plan without it out."""

from __future__ import annotations

from typing import Annotated

import typer

from wmagent.cli.inputs import read_facts
from wmagent.cli.output import AsJson, Seed, command, show, show_json
from wmagent.cli.parts import ModelPath, PlannerName, State, open_agent
from wmagent.errors import InputError


@command
def what_if(
    path: ModelPath,
    state: State,
    until: Annotated[str, typer.Option("--until", "-u", metavar="WORDS", help="What should become true, in words.")],
    skip: Annotated[str | None, typer.Option(metavar="ACTION", help="Leave this action out of the plan.")] = None,
    do: Annotated[
        list[str] | None, typer.Option("--do", metavar="ACTION", help="Do exactly these, in order (repeat the option).")
    ] = None,
    insert: Annotated[str | None, typer.Option(metavar="ACTION", help="Do this first, then follow the plan.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Give a number even outside recorded experience.")] = False,
    planner: PlannerName = "best-first",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Ask what happens if something is skipped, inserted, or done instead.

    Examples:

        wmagent what-if contracts.wm -s facts.json --skip "legal review" --until approved

        wmagent what-if contracts.wm -s facts.json --do "submit" --do "approve(role=manager)" --until approved

        wmagent what-if contracts.wm -s facts.json --insert "escalate" --until "approved within 5 days" --json
    """
    if sum(choice is not None for choice in (skip, insert, do or None)) != 1:
        raise InputError("say one thing to change: --skip ACTION, --insert ACTION, or --do ACTION [--do ACTION …]")
    facts = read_facts(state)
    agent = open_agent(path, planner)
    answer = agent.what_if(
        facts, actions=tuple(do) if do else None, skip=skip, insert=insert, until=until, force=force, seed=seed
    )
    if as_json:
        show_json(answer.to_dict())
        return
    from wmagent.cli.tables import what_if_view

    show(what_if_view(answer))
