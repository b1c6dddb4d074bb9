"""Answers as tables for the terminal. Knows the answers of `wmagent.domain` and nothing that computes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from wmagent.domain.answers import Anomaly, Comparison, Evidence, Plan, WhatIf
from wmagent.report.wording import (
    amount,
    arrow,
    changes,
    difference,
    expected,
    hours,
    interval,
    outlook,
    percent,
    recorded,
    value,
    warrant,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def plan_view(plan: Plan) -> RenderableType:
    """Return everything a person wants to see of a plan: steps, certainty, evidence, what was rejected and why."""
    from rich.console import Group

    parts: list[RenderableType] = [_headline(plan), _steps(plan)]
    if plan.contingencies:
        parts.append(_contingencies(plan))
    if plan.alternatives:
        parts.append(_alternatives(plan))
    if any(step.evidence.cases for step in plan.steps):
        parts.append(_evidence(plan))
    parts.extend(_warnings(plan.warnings))
    parts.append(small(f"{plan.imagined:,} imagined transitions in {plan.milliseconds:.0f} ms ({plan.planner})"))
    return Group(*parts)


def what_if_view(answer: WhatIf) -> RenderableType:
    """Return a what-if beside the plan without it and the best that remains."""
    from rich.console import Group
    from rich.text import Text

    table = table_of("", "course", "P(goal)", caption=None)
    add_row(table, "as planned", arrow(answer.baseline_actions), percent(answer.baseline_probability))
    add_row(table, "what if", arrow(answer.actions), percent(answer.probability))
    if answer.replanned_probability is not None:
        add_row(table, "best that remains", arrow(answer.replanned_actions), percent(answer.replanned_probability))
    head = Text(f"{answer.question} ", style="bold")
    if answer.probability is None:
        head.append("No number: this is outside what the model knows.", style="yellow")
    else:
        head.append(f"{percent(answer.probability)} ({interval(answer.interval)}, {answer.wording})", style="bold cyan")
    said = [Text(line) for line in outlook(answer.outlook)]
    behind = [Text(line) for line in warrant(answer.warrant)]
    if behind:
        behind.insert(0, Text("\nWarrant", style="bold"))
    took = f"{answer.imagined:,} imagined transitions in {answer.milliseconds:.0f} ms; support: {answer.support}"
    took += f"; {answer.n:,} similar cases of the first step that deviates" if answer.n is not None else ""
    took += f", which the record chooses with {percent(answer.propensity)}" if answer.propensity is not None else ""
    return Group(head, table, *said, *behind, *_warnings(answer.warnings), small(took))


def comparison_view(found: Comparison) -> RenderableType:
    """Return several what-ifs side by side, the most promising first."""
    from rich.console import Group

    table = table_of("", "what if", "P(goal)", "90 % interval", "against the plan", "time", "support")
    plan = percent(found.baseline_probability)
    bounds = interval(found.baseline_interval).removeprefix("90 % interval ")
    add_row(table, "as planned", arrow(found.baseline_actions), plan, bounds, "", "", "", style="dim")
    for one in found.ranked:
        answer = one.answer
        bounds = interval(answer.interval).removeprefix("90 % interval ")
        question = answer.question.removeprefix("what if ").removesuffix("?")
        add_row(
            table,
            one.name,
            question,
            percent(answer.probability),
            bounds,
            difference(one.to_plan),
            hours(answer.duration),
            answer.support,
        )
    notes = [f"{one.name}: {text}" for one in found.ranked for text in one.answer.warnings]
    return Group(table, *_warnings(notes))


def anomalies_view(found: Sequence[Anomaly], checked: int, flagged: int) -> RenderableType:
    """Return the given anomalies, the most surprising first, with the facts that are odd."""
    from rich.console import Group

    table = table_of("row", "action", "surprise", "p", "odd facts")
    for anomaly in found:
        odd = "\n".join(
            f"{fact.key}: expected {value(fact.expected)} ({percent(fact.expected_probability)}), "
            f"saw {value(fact.seen)} ({percent(fact.seen_probability)})"
            for fact in anomaly.odd[:3]
        )
        style = "" if anomaly.flagged else "dim"
        add_row(
            table,
            str(anomaly.index),
            anomaly.action.label(),
            f"{anomaly.surprise:.1f}",
            f"{anomaly.p_value:.4f}",
            odd or anomaly.note or "—",
            style=style,
        )
    text = f"{flagged:,} of {checked:,} transitions flagged"
    return Group(table, small(text)) if found else small(text)


def pairs_view(rows: Iterable[tuple[str, str]], head: tuple[str, str]) -> RenderableType:
    """Return two plain columns under the given heads."""
    table = table_of(*head)
    for name, meaning in rows:
        add_row(table, name, meaning)
    return table


def scores_view(scores: Mapping[str, object]) -> RenderableType:
    """Return an evaluation's numbers: plain ones first, then one table per group (floors, controls)."""
    from rich.console import Group

    tables: list[RenderableType] = []
    plain = [(name, _number(item)) for name, item in scores.items() if isinstance(item, int | float | None)]
    if plain:
        tables.append(pairs_view(plain, ("measure", "value")))
    for name, group in scores.items():
        if isinstance(group, Mapping) and group and all(isinstance(row, Mapping) for row in group.values()):
            tables.append(_group_view(name, group))
    return Group(*tables)


def _group_view(name: str, group: Mapping[str, Mapping[str, object]]) -> RenderableType:
    columns = list(dict.fromkeys(key for row in group.values() for key in row))
    table = table_of(name, *columns)
    for label, row in group.items():
        add_row(table, label, *(_number(row.get(column)) for column in columns))
    return table


def _number(item: object) -> str:
    if isinstance(item, float):
        return f"{item:.4g}"
    if isinstance(item, list | tuple):
        return ", ".join(_number(part) for part in item)
    return "—" if item is None else str(item)


def _headline(plan: Plan) -> RenderableType:
    from rich.text import Text

    words = plan.goal.words or " and ".join(condition.words() for condition in plan.goal.conditions)
    text = Text(f"{words}: ", style="bold")
    text.append(f"{percent(plan.probability)} ", style="bold green" if plan.probability >= 0.5 else "bold yellow")
    text.append(f"({interval(plan.interval)}){expected(plan.duration, plan.cost)}, support: {plan.support}")
    understood = " and ".join(condition.words() for condition in plan.goal.conditions)
    limits = f", within {hours(plan.goal.deadline)}" if plan.goal.deadline is not None else ""
    limits += f", at most {amount(plan.goal.max_cost)}" if plan.goal.max_cost is not None else ""
    avoid = "".join(f", never {condition.words()}" for condition in plan.goal.forbidden)
    text.append(f"\nunderstood as {understood}{limits}{avoid}", style="dim")
    return text


def _steps(plan: Plan) -> RenderableType:
    rows = [
        (
            str(number),
            step.action.label(),
            percent(step.probability),
            changes(step.changes),
            hours(step.duration),
            amount(step.cost),
            _cases(step.evidence),
        )
        for number, step in enumerate(plan.steps, 1)
    ]
    names = ("", "step", "P(reached)", "most likely change", "time", "cost", "similar cases")
    head, cells = recorded(names, rows)
    table = table_of(*head, title="Plan")
    for row in cells or [["", "nothing to do", *[""] * (len(head) - 2)]]:
        add_row(table, *row)
    return table


def _contingencies(plan: Plan) -> RenderableType:
    table = table_of("after step", "if instead", "P", "then", title="If it turns out differently")
    for branch in plan.contingencies:
        add_row(
            table,
            str(branch.after_step + 1),
            changes(branch.changes),
            percent(branch.probability),
            arrow(branch.actions),
        )
    return table


def _alternatives(plan: Plan) -> RenderableType:
    rows = [
        (arrow(other.actions), percent(other.probability), hours(other.duration), amount(other.cost), other.reason)
        for other in plan.alternatives
    ]
    head, cells = recorded(("course", "P(goal)", "time", "cost", "why not"), rows)
    table = table_of(*head, title="Considered and rejected")
    for row in cells:
        add_row(table, *row)
    return table


def _evidence(plan: Plan) -> RenderableType:
    table = table_of("step", "case", "distance", "what happened then", title="Nearest recorded cases")
    for step in plan.steps:
        for case in step.evidence.cases[:2]:
            add_row(table, step.action.label(), case.case or "—", f"{case.distance:.2f}", changes(case.changes))
    return table


def _cases(evidence: Evidence) -> str:
    return f"{evidence.n:,} ({evidence.support})" if evidence.support != "observed" else f"{evidence.n:,}"


def _warnings(texts: Sequence[str]) -> list[RenderableType]:
    from rich.text import Text

    return [Text(f"note: {text}", style="yellow") for text in texts]


def small(text: str) -> RenderableType:
    """Return a line in dim print."""
    from rich.text import Text

    return Text(text, style="dim")


def table_of(*columns: str, title: str | None = None, caption: str | None = None) -> Table:
    """Return an empty table with these columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    heading = Text(title, style="bold") if title else None
    table = Table(box=SIMPLE_HEAD, title=heading, title_justify="left", caption=caption, pad_edge=False)
    for name in columns:
        right = name.startswith(("P", "p", "surprise", "distance", "cost", "time", "similar", "row"))
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    return table


def add_row(table: Table, *cells: str, style: str = "") -> None:
    """Add a row of plain text: brackets in somebody's facts are no markup."""
    from rich.text import Text

    table.add_row(*(Text(cell) for cell in cells), style=style)
