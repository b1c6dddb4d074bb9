"""How values read to a person: percentages, hours, changes. Shared by tables, the demo and the HTML report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from wmagent.domain.answers import Change, Difference, Outlook
from wmagent.domain.types import Action, Value, canonical
from wmagent.domain.warrant import Warrant

ABSENT = "—"
NOTHING = ("0 h", "0", ABSENT)  # how a time or cost reads that was never recorded

Cell = TypeVar("Cell")


def percent(probability: float | None) -> str:
    """Return a probability as text; a number that only rounds to 0 or 100 % says so."""
    if probability is None:
        return "no number"
    if 0 < probability < 0.001:
        return "< 0.1 %"
    if 0.999 < probability < 1:
        return "> 99.9 %"
    return f"{100 * probability:.1f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """Return a 90 % interval as text."""
    if bounds is None:
        return "no interval"
    return f"90 % interval {percent(bounds[0])} to {percent(bounds[1])}"


def hours(duration: float | None) -> str:
    """Return hours in the unit a person would choose."""
    if duration is None:
        return ABSENT
    if duration == 0:
        return "0 h"
    if duration < 1:
        return f"{60 * duration:.0f} min"
    if duration < 48:
        return f"{duration:.1f} h".replace(".0 ", " ")
    return f"{duration / 24:.1f} days".replace(".0 ", " ")


def amount(cost: float | None) -> str:
    """Return a cost in plain units."""
    return ABSENT if cost is None else f"{cost:,.0f}" if cost >= 100 or cost == int(cost) else f"{cost:,.2f}"


def value(given: Value | None) -> str:
    """Return a fact's value, or a dash for an absent fact."""
    return ABSENT if given is None else canonical(given)


def change(given: Change) -> str:
    """Return one change as `key: before → after`, or `key stays before` where an expected change did not come."""
    if value(given.before) == value(given.after):
        return f"{given.key} stays {value(given.before)}"
    return f"{given.key}: {value(given.before)} → {value(given.after)}"


def changes(given: Sequence[Change], limit: int = 3) -> str:
    """Return the changes in one line, the rest counted."""
    if not given:
        return "nothing changes"
    rest = f", … ({len(given) - limit} more)" if len(given) > limit else ""
    return ", ".join(change(item) for item in given[:limit]) + rest


def arrow(actions: Sequence[Action]) -> str:
    """Return a sequence of actions in one line."""
    return " → ".join(action.label() for action in actions) or "do nothing"


def recorded(
    head: Sequence[str], rows: Sequence[Sequence[Cell]], optional: Sequence[str] = ("time", "cost")
) -> tuple[list[str], list[list[Cell]]]:
    """Return head and rows without the time and cost columns that hold nothing: the record knows none."""
    kept = [i for i, name in enumerate(head) if name not in optional or any(str(row[i]) not in NOTHING for row in rows)]
    return [head[i] for i in kept], [[row[i] for i in kept] for row in rows]


def expected(duration: float, cost: float) -> str:
    """Return the expected duration and cost as far as the record knows any, as `, about 5 days, cost 120`."""
    text = f", about {hours(duration)}" if duration > 0 else ""
    return text + (f", cost {amount(cost)}" if cost > 0 else "")


def outlook(given: Outlook | None) -> list[str]:
    """Return when and at what cost the goal comes, as a line on deadlines and one on quantiles."""
    if given is None:
        return []
    lines = []
    if given.by:
        lines.append("done within " + ", ".join(f"{hours(span)}: {percent(chance)}" for span, chance in given.by))
    if any(span is not None for _, span in given.hours):
        times = ", ".join(f"{100 * share:.0f} % within {hours(span)}" for share, span in given.hours)
        costs = ", ".join(f"{100 * share:.0f} % for {amount(sum_)}" for share, sum_ in given.cost)
        lines.append(f"of the successes come {times}" + ("" if _free(given) else f"; {costs}"))
    return lines


def _free(given: Outlook) -> bool:
    return not any(spent for _, spent in given.cost)


def difference(given: Difference | None) -> str:
    """Return a difference of probabilities in percentage points with its interval."""
    if given is None:
        return ABSENT
    low, high = (f"{100 * bound:+.1f}" for bound in given.interval)
    return f"{100 * given.value:+.1f} points ({low} to {high})"


def warrant(given: Warrant | None) -> list[str]:
    """Return what stands behind a what-if's first deviating step: the statement, and what it leaves out."""
    if given is None:
        return []
    lines = [given.statement or given.estimand]
    if given.inverse_propensity is not None:
        low, high = given.inverse_propensity.interval
        number = f"{percent(given.inverse_propensity.value)} (90 % interval {percent(low)} to {percent(high)})"
        lines.append(f"Weighted by inverse propensity alone: {number}; propensity {percent(given.propensity)}.")
    return [*lines, *given.notes]
