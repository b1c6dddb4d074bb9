"""`wmagent attribute`: what would have happened had an attribute of the cases been another. Knows names only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, open_log
from wmagent.cli.output import AsJson, Seed, command, show, show_json
from wmagent.cli.tables import add_row, small, table_of
from wmagent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from wmagent.causal.differences import Bounded
    from wmagent.domain.event_log import EventLog
    from wmagent.events.attributes import AttributeEffect, AttributeScan

SURE = 0.05  # corrected p-values up to this are no chance
CAUTION = (
    "predicted association, all else known at the start alike: no proof of a cause; p is corrected for all that is "
    "compared here"
)


@command
def attribute(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Learned from an event log.")],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An event log with finished cases.")],
    name: Annotated[
        str | None, typer.Argument(metavar="ATTRIBUTE", help="Of the cases; without it, all are ranked.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--value", metavar="VALUE", help="Twice: instead of the first, the second. Default: most frequent."
        ),
    ] = None,
    reach: Annotated[
        str | None, typer.Option("--reach", "-u", metavar="ACTIVITY", help="Of this only. Default: all that vary.")
    ] = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    show_at_most: Annotated[int, typer.Option("--show", min=1, help="How many rows to show.")] = 20,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say what would have happened more or less often, had an attribute of the cases been another.

    It is a predicted association: all else that is known at the start is held alike, what was not recorded is not.
    The two most frequent values are compared, or the quartiles of a number. Large effects that are no chance are first.

    Examples:

        wmagent attribute loans.wm loans.xes.gz                                (all attributes, ranked)

        wmagent attribute loans.wm loans.xes.gz AMOUNT_REQ                     (one, on every activity)

        wmagent attribute loans.wm loans.xes.gz AMOUNT_REQ --value 5000 --value 20000 --reach A_APPROVED --json
    """
    if name is None and (values or reach):
        raise InputError("--value and --reach are about one attribute; name it after FILE")
    if values and len(values) != 2:
        raise InputError(f"--value is given twice or not at all, not {len(values)} times: --value home --value abroad")
    from wmagent.events.attributes import attribute_effect, scan, scan_attributes
    from wmagent.events.process_model import ProcessModel
    from wmagent.worlds.logs.measures import telling_persons

    model = ProcessModel.load(path)
    log, _ = open_log(source, columns, skip_bad, lifecycle)
    hidden = telling_persons(log)
    if name in hidden:
        raise InputError(f"{name!r} says who worked on a case; persons are not compared")
    if name is None:
        scans = [_sorted(one) for one in scan_attributes(model, log, seed=seed, leave_out=hidden)]
        plain, view = {"attributes": [one.plain() for one in scans]}, _ranked(scans, show_at_most)
    elif reach is None:
        found = _sorted(scan(model, log, name, _read(log, name, values), seed))
        plain, view = found.plain(), _effects(found, show_at_most)
    else:
        effect = attribute_effect(model, log, name, _read(log, name, values), reach, seed)
        plain, view = effect.plain(), _effect(effect)
    if as_json:
        show_json({"model": str(path), **plain})
    else:
        show(view)


def _read(log: EventLog, name: str, values: list[str] | None) -> tuple[str, str] | tuple[float, float] | None:
    """Return the two values as they stand in the log: texts, or numbers where the attribute is one."""
    from wmagent.domain.event_log import Categories

    if not values:
        return None
    first, second = values
    if isinstance(log.case_attributes.get(name, log.event_attributes.get(name)), Categories | None):
        return first, second
    try:
        return float(first), float(second)
    except ValueError:
        raise InputError(f"{name!r} is a number; --value takes two, such as 5000 and 20000, not {values}") from None


def _sorted(found: AttributeScan) -> AttributeScan:
    """Return a scan with the largest effects first, those that may be chance after the others."""
    ordered = sorted(found.effects, key=lambda one: (one.adjusted_p_value > SURE, -abs(one.difference.value)))
    return replace(found, effects=tuple(ordered))


def _ranked(scans: Sequence[AttributeScan], most: int) -> RenderableType:
    """Return a row for each attribute, with its largest sure effect."""
    from rich.console import Group

    table = table_of("attribute", "instead of", "activity", "P then", "points (95 %)", "p")
    for one in scans[:most]:
        if (best := one.largest) is not None:
            add_row(table, one.attribute, _instead(one.values), best.outcome, *_row(best), style=_dimmed(best))
    more = f"; {len(scans) - most} more attributes" if len(scans) > most else ""
    return Group(table, small(f"{CAUTION}{more}"))


def _effects(found: AttributeScan, most: int) -> RenderableType:
    """Return a row for each activity."""
    from rich.console import Group

    table = table_of("activity", "P then", "points (95 %)", "p", title=f"{found.attribute}: {_instead(found.values)}")
    for one in found.effects[:most]:
        add_row(table, one.outcome, *_row(one), style=_dimmed(one))
    skipped = f"; too rare or too common to compare: {', '.join(found.skipped)}" if found.skipped else ""
    return Group(table, small(f"{CAUTION}{skipped}"))


def _effect(one: AttributeEffect) -> RenderableType:
    """Return a sentence, what stands beside it, and how strong an unrecorded cause would have to be."""
    from rich.console import Group

    table = table_of("estimate", "points (95 %)")
    beside = {"predicted": one.difference, "naive": one.naive, "inverse propensity": one.inverse_propensity}
    for name, told in {**beside, "doubly robust": one.doubly_robust}.items():
        if told is not None:
            add_row(table, name, _points(told))
    cases = f"{one.cases:,} cases, {one.support[0]:,} and {one.support[1]:,} with these values"
    unseen = (
        f"something unrecorded would need a risk ratio of {one.e_value:.1f} with both to explain it away "
        f"({one.e_value_limit:.1f} for the interval)"
    )
    return Group(one.words(), table, small(f"{cases}; p {_chance(one.p_value)}; {unseen}"))


def _row(one: AttributeEffect) -> tuple[str, str, str]:
    before, after = one.predicted
    return f"{after:.1%} instead of {before:.1%}", _points(one.difference), _chance(one.adjusted_p_value)


def _chance(p: float) -> str:
    return f"{p:.4f}" if p >= 1e-4 else "< 0.0001"


def _points(told: Bounded) -> str:
    low, high = told.interval
    return f"{100 * told.value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _instead(values: tuple[str | float, str | float]) -> str:
    before, after = (value if isinstance(value, str) else f"{value:g}" for value in values)
    return f"{after} instead of {before}"


def _dimmed(one: AttributeEffect) -> str:
    return "" if one.adjusted_p_value <= SURE else "dim"
