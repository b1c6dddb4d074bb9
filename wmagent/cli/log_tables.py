"""Answers about event logs as tables for the terminal. Knows the answers and nothing that computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmagent.cli.tables import add_row, small, table_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from wmagent.causal.differences import Bounded
    from wmagent.events.anomalies import Checked
    from wmagent.events.forecasts import CaseForecast
    from wmagent.events.plans import CasePlan, Option
    from wmagent.events.routing import Effect, RoutingEffect
    from wmagent.events.what_if import CaseWhatIf, Outlook


def forecasts_view(found: Sequence[CaseForecast], n: int) -> RenderableType:
    """Return what comes next in open cases, one row each."""
    table = table_of("case", "so far", "next", "set of 90 %", "remaining (80 %)", caption=f"{n} open cases")
    for one in found:
        following = ", ".join(f"{name} {chance:.0%}" for name, chance in one.next[:3])
        low, middle, high = (hours / 24 for hours in one.remaining_hours)
        add_row(
            table,
            one.case,
            f"{one.events} events, {one.last}",
            following,
            ", ".join(one.likely),
            f"{middle:.1f} days ({low:.1f} to {high:.1f})",
        )
    return table


def odd_events_view(found: Checked, alpha: float, most: int) -> RenderableType:
    """Return the odd events of a log, the rarest first, then cases that are overdue; at most so many of each."""
    from rich.console import Group

    table = table_of("case", "event", "time", "p", "odd", "expected instead")
    for one in (*found.anomalies[:most], *found.overdue[:most]):
        expected = ", ".join(f"{name} {chance:.0%}" for name, chance in one.expected)
        what = f"{one.event}, {one.activity}"
        add_row(table, one.case, what, one.time[:19].replace("T", " "), f"{one.p_value:.4f}", one.kind, expected)
    text = (
        f"{len(found.anomalies):,} alarms among {found.judged:,} events and ends ({found.alarm_rate:.1%}; alpha is "
        f"{alpha:.1%}); {len(found.overdue):,} cases overdue"
    )
    return Group(table, small(text)) if found.anomalies or found.overdue else small(text)


def ownership_view(rows: Sequence[tuple[str, str, int, str]]) -> RenderableType:
    """Return who chooses each activity, how often it happened, and why that is thought."""
    table = table_of("activity", "who chooses", "events", "because")
    for name, kind, n, reason in rows:
        add_row(
            table, name, kind, f"{n:,}", reason or "said in ownership.yaml", style="" if kind == "decision" else "dim"
        )
    return table


def case_what_if_view(answer: CaseWhatIf) -> RenderableType:
    """Return both futures of a case side by side, what supports them, and what the record says beside."""
    from rich.console import Group

    within = "" if answer.within_hours is None else f" within {answer.within_hours:g} h"
    table = table_of("", f"P({answer.outcome}{within})", "90 %", "days to the end (80 %)", "typically then")
    add_row(table, "as it is", *_outlook(answer.as_is))
    if answer.if_done is not None:
        add_row(table, answer.question, *_outlook(answer.if_done))
    lines = [_supported(answer)]
    if (told := answer.estimates) is not None:
        done, other = told.doubly_robust
        lines.append(
            f"{answer.wording}; like cases that did it {told.taken}, that did not {told.otherwise}: doubly robust "
            f"{done.value:.0%} ({done.interval[0]:.0%} to {done.interval[1]:.0%}) beside {other.value:.0%} "
            f"({other.interval[0]:.0%} to {other.interval[1]:.0%}); an unlogged cause would need a risk ratio of "
            f"{told.e_value:.1f} with both to explain it away"
        )
    head = f"case {answer.case}, after {answer.events} events, the last {answer.last}"
    return Group(small(head), table, *(small(line) for line in [*lines, *answer.notes]))


def case_plan_view(plan: CasePlan) -> RenderableType:
    """Return the decisions that are proposed, what is expected between them, and what was rejected."""
    from rich.console import Group

    table = table_of("", "decide", "P", "90 %", "hours", "support", "then expected")
    for number, step in enumerate(plan.steps, 1):
        add_row(table, str(number), *_option(step.chosen), ", ".join(step.expected) or "—")
    rejected = table_of("instead of the first", "P", "90 %", "hours", "support")
    for option in plan.rejected:
        add_row(rejected, *_option(option), style="dim")
    low, high = plan.interval
    head = (
        f"case {plan.case}, after {plan.events} events, the last {plan.last}: {plan.goal}; P {plan.probability:.0%} "
        f"({low:.0%} to {high:.0%}), as recorded behaviour goes on {plan.as_is:.0%}"
    )
    parts = [small(head), table, *([rejected] if plan.rejected else []), *(small(note) for note in plan.notes)]
    return Group(*parts)


def routing_view(answer: RoutingEffect) -> RenderableType:
    """Return both ways and their difference by every estimator, then what supports them."""
    from rich.console import Group

    table = table_of("", f"all: {answer.do}", f"all: {answer.instead}", "difference", caption="in brackets: 95 %")
    lines = []
    for what, effect, unit in ((answer.outcome, answer.reached, ".1%"), ("hours to the end", answer.hours, ".2f")):
        if effect is None:
            continue
        told = effect.estimates
        for name, one in (
            ("doubly robust", told.doubly_robust),
            ("inverse propensity", told.inverse_propensity),
            ("as recorded (naive)", told.naive),
        ):
            cells = (_bounded(part, unit) for part in (one.do, one.instead, one.difference))
            add_row(table, f"{what}: {name}", *cells, style="" if name == "doubly robust" else "dim")
        lines.append(_explained_away(str(what), effect))
    head = (
        f"{answer.decisions:,} decisions after {answer.after} in {answer.cases:,} cases: {answer.did:,} cases went on "
        f"with {answer.do}, {answer.did_instead:,} with {answer.instead}; {answer.others:.0%} of the decisions were "
        f"others, {answer.left_out:,} were too late to know; both ways were possible at {answer.overlap:.0%}"
    )
    notes = [f"{answer.wording}; {lines[0]}", *lines[1:], *answer.notes]
    return Group(small(head), table, *(small(note) for note in notes))


def _bounded(told: Bounded, unit: str) -> str:
    low, high = told.interval
    return f"{told.value:{unit}} ({low:{unit}} to {high:{unit}})"


def _explained_away(what: str, effect: Effect) -> str:
    return (
        f"{what}: an unlogged cause would need a risk ratio of {effect.e_value:.1f} with both to explain the "
        f"difference away, of {effect.e_value_limit:.1f} to move its interval to none"
    )


def _outlook(told: Outlook) -> tuple[str, str, str, str]:
    low, middle, high = (hours / 24 for hours in told.hours)
    return (
        f"{told.probability:.0%}",
        f"{told.interval[0]:.0%} to {told.interval[1]:.0%}",
        f"{middle:.1f} ({low:.1f} to {high:.1f})",
        ", ".join(told.typical) or "nothing more",
    )


def _option(option: Option) -> tuple[str, str, str, str, str]:
    low, high = option.interval
    support = f"{option.support.kind}: {option.support.acted} of {option.support.cases} cases"
    return option.decision, f"{option.probability:.0%}", f"{low:.0%} to {high:.0%}", f"{option.hours:.1f}", support


def _supported(answer: CaseWhatIf) -> str:
    told = answer.support
    return (
        f"{told.kind}: {told.cases:,} recorded cases were in such a state, {told.acted:,} of them did this; nearest: "
        f"{', '.join(told.nearest) or 'none'}"
    )
