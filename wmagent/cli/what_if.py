"""`wmagent what-if`: something is otherwise, what then? One intervention or several side by side. Knows no model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from wmagent.cli.inputs import assigned, read_facts
from wmagent.cli.output import AsJson, Seed, command, show, show_json
from wmagent.cli.parts import ModelPath, PlannerName, State, open_agent
from wmagent.errors import InputError, shortened
from wmagent.worlds.strict_json import parse_json

_ONE = (
    "say one thing to change: --skip ACTION, --insert ACTION, --do ACTION [--do ACTION …], --now ACTION, "
    "--swap A B, --replace A B, --delay A HOURS or --policy TEXT, with --fact and --rule beside it or alone; "
    "or several to --compare"
)


@command
def what_if(
    path: ModelPath,
    state: State,
    until: Annotated[str, typer.Option("--until", "-u", metavar="WORDS", help="What should become true, in words.")],
    now: Annotated[
        list[str] | None, typer.Option("--now", metavar="ACTION", help="Do this now, then go on with the plan.")
    ] = None,
    do: Annotated[
        list[str] | None, typer.Option("--do", metavar="ACTION", help="Do exactly these, in order (repeat the option).")
    ] = None,
    skip: Annotated[str | None, typer.Option(metavar="ACTION", help="Leave this action out of the plan.")] = None,
    insert: Annotated[str | None, typer.Option(metavar="ACTION", help="Do this too, where it is best.")] = None,
    swap: Annotated[
        tuple[str, str] | None, typer.Option(metavar="ACTION ACTION", help="Exchange these two steps of the plan.")
    ] = None,
    replace: Annotated[
        tuple[str, str] | None, typer.Option(metavar="OLD NEW", help="Do NEW wherever the plan does OLD.")
    ] = None,
    delay: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="ACTION HOURS", help="Do a step later: 24, '3 days', or 'after OTHER'."),
    ] = None,
    fact: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Start with another fact (repeat the option).")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Let a rule read like this, or RULE=TEXT to say which one.")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="'ACTION whenever …; ACTION if …; otherwise as planned (or: as recorded)'."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Compare several: JSON (or a file) of {name: {skip: …}, …}; may be repeated."
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="HOURS,…", help="Also say P(done by) these hours from now.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Give a number even outside recorded experience.")] = False,
    warrant: Annotated[bool, typer.Option(help="Say what the record itself shows, and what could be hidden.")] = True,
    planner: PlannerName = "best-first",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Ask what happens if something is done, skipped, inserted, swapped, replaced, delayed, or is otherwise.

    Examples:

        wmagent what-if contracts.wm -s facts.json --skip "legal review" --until approved

        wmagent what-if contracts.wm -s facts.json --do "submit" --do "approve(role=manager)" --until approved

        wmagent what-if contracts.wm -s facts.json --insert "escalate" --until "approved within 5 days" --json

        wmagent what-if contracts.wm -s facts.json --now "escalate" --until approved --by 24,48

        wmagent what-if contracts.wm -s facts.json --delay "legal review" "2 days" --until "approved within 10 days"

        wmagent what-if contracts.wm -s facts.json --fact "amount=large" --until approved

        wmagent what-if contracts.wm -s facts.json --policy "escalate whenever older than 3 days" --until approved

        wmagent what-if contracts.wm -s facts.json --until approved
        --compare '{"no review": {"skip": "legal review"}, "early": {"do": "escalate"}}'
    """
    courses = {
        "actions": tuple(do) if do else None,
        "skip": skip,
        "insert": insert,
        "do": tuple(now) if now else None,
        "swap": swap,
        "replace": replace,
        "delay": _delay(delay),
        "policy": policy,
    }
    starts = {"facts": assigned("--fact", fact, "amount=large") if fact else None, "rules": _rule(rule)}
    changes = courses | starts
    given = [name for name, change in changes.items() if change is not None]
    if bool(given) == bool(compare) or sum(courses[name] is not None for name in given if name in courses) > 1:
        raise InputError(_ONE)
    spans = tuple(part.strip() for part in by.split(",")) if by else ()
    facts, several = read_facts(state), _compared(compare or [])
    agent = open_agent(path, planner)
    from wmagent.cli.tables import comparison_view, what_if_view

    if several:
        found = agent.compare(facts, several, until=until, by=spans, force=force, seed=seed)
        show_json(found.to_dict()) if as_json else show(comparison_view(found))
        return
    answer = agent.what_if(
        facts,
        until=until,
        by=spans,
        force=force,
        warrant=warrant,
        seed=seed,
        **changes,  # type: ignore[arg-type]
    )
    show_json(answer.to_dict()) if as_json else show(what_if_view(answer))


def _delay(given: tuple[str, str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    action, when = given
    return (action, "after", when.strip()[6:]) if when.strip().lower().startswith("after ") else (action, when)


def _rule(given: str | None) -> str | dict[str, str] | None:
    if given is None or "=" not in given:
        return given
    key, _, sentence = (part.strip() for part in given.partition("="))
    return {key: sentence}


def _compared(given: list[str]) -> dict[str, Any]:
    """Return the named interventions out of JSON texts and files; duplicates and other shapes are refused."""
    found: dict[str, Any] = {}
    for one in given:
        inline = one.strip().startswith("{")
        if not inline and not os.path.isfile(one):  # a Path would raise for names that are too long
            raise InputError(f"--compare {shortened(one)}: no such file, and no JSON object either")
        value = parse_json(one if inline else Path(one).read_bytes(), "--compare" if inline else one)
        if not isinstance(value, dict) or not value or not all(isinstance(change, dict) for change in value.values()):
            raise InputError(f"--compare {shortened(one)}: give {{name: {{skip: ACTION}}, name: {{do: ACTION}}, …}}")
        twice = sorted(found.keys() & value.keys())
        if twice:
            raise InputError(f"--compare: {', '.join(twice)} is given twice")
        found |= value
    return found
