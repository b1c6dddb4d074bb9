"""The places and actions of a walk as tables for the terminal. Knows the walk's plain data and nothing behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmagent.report.wording import ABSENT, amount, changes, hours, interval, percent, recorded, value

if TYPE_CHECKING:
    from rich.console import RenderableType

    from wmagent.agent.walk import Choice, Place
    from wmagent.domain.types import Goal


def place_view(place: Place, goal: Goal | None) -> RenderableType:
    """Return the facts (changed ones marked), P(goal), and the allowed actions with their likeliest result."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [
        Text(f"\nsteps done: {place.steps}, time {hours(place.duration)}, cost {amount(place.cost)}")
    ]
    if goal is not None:
        parts.append(_outlook(place, goal))
    facts = [("*" if key in place.changed else "", key, value(given)) for key, given in place.facts.items()]
    facts += [("*", key, ABSENT) for key in place.changed if key not in place.facts]
    parts.append(_grid(("", "fact", "value"), facts, bold=[row[0] == "*" for row in facts]))
    if place.choices:
        parts.append(_choices(place))
    else:
        parts.append(Text("the case has ended" if place.ended else "nothing is allowed here", style="bold"))
    return Group(*parts, *(Text(f"note: {text}", style="yellow") for text in place.warnings))


def choice_view(choice: Choice, compared: bool) -> RenderableType:
    """Return what an action can lead to, with the true probabilities beside where there are some."""
    from rich.console import Group
    from rich.text import Text

    numbered = [(str(i), result) for i, result in enumerate(choice.results, 1)]
    numbered += [("not imagined", result) for result in choice.missing]
    rows = [
        (
            number,
            changes(result.changes, 8) + (", the case ends" if result.ends else ""),
            percent(result.probability),
            *((ABSENT if result.truth is None else percent(result.truth),) if compared else ()),
            hours(result.duration),
            amount(result.cost),
        )
        for number, result in numbered
    ]
    head = ("", "result", "P", *(("P in truth",) if compared else ()), "time", "cost")
    support = f"{choice.action.label()}: {choice.n:,} similar cases, {choice.support}"
    notes = [Text(f"note: {text}", style="yellow") for text in choice.warnings]
    return Group(Text(support, style="bold"), _grid(*recorded(head, rows)), *notes)


def _outlook(place: Place, goal: Goal) -> RenderableType:
    from rich.text import Text

    words = goal.words or " and ".join(condition.words() for condition in goal.conditions)
    if place.reached:
        return Text(f"{words}: reached", style="bold green")
    sure = f" ({interval(place.interval)})" if place.interval else ""
    advice = f"; a plan would now do: {place.advice.label()}" if place.advice else ""
    return Text(f"{words}: {percent(place.probability)}{sure}{advice}", style="bold cyan")


def _choices(place: Place) -> RenderableType:
    rows = []
    for number, choice in enumerate(place.choices, 1):
        best = choice.results[0]
        cases = f"{choice.n:,}" if choice.support == "observed" else f"{choice.n:,} ({choice.support})"
        what = changes(best.changes) + (", the case ends" if best.ends else "")
        mark = "!" if choice.warnings else ""
        row = (str(number), choice.action.label(), what, percent(best.probability), hours(best.duration))
        rows.append((*row, amount(best.cost), f"{cases} {mark}".strip()))
    return _grid(*recorded(("", "action", "most likely", "P", "time", "cost", "similar cases"), rows))


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], bold: Sequence[bool] = ()) -> RenderableType:
    """Return a table of plain text: brackets in somebody's facts are no markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in head:
        right = name in ("P", "P in truth", "time", "cost", "similar cases")
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for number, row in enumerate(rows):
        table.add_row(*(Text(cell) for cell in row), style="bold" if number < len(bold) and bold[number] else "")
    return table
