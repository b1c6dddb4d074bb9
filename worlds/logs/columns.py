"""Which column is the case, the activity, the time …, and tables to event logs. Knows tables; must not know files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from wmagent.domain.event_log import Categories, Column, EventLog
from wmagent.errors import InputError, shortened
from wmagent.worlds.logs.times import microseconds

ROLES = ("case", "activity", "time", "resource", "lifecycle", "begun")
NEEDED = ROLES[:3]
USUAL = {
    "case": ("case:concept:name", "case", "case id", "caseid", "case_id", "trace", "trace id", "case number"),
    "activity": ("concept:name", "activity", "activity name", "event", "event name", "task", "action"),
    "time": ("time:timestamp", "timestamp", "complete timestamp", "end time", "end_time", "endtime", "end",
             "completed at", "time", "date", "event time"),
    "resource": ("org:resource", "resource", "user", "agent", "worker", "org:group", "org:role", "role"),
    "lifecycle": ("lifecycle:transition", "lifecycle", "transition"),
    "begun": ("start_timestamp", "start timestamp", "start time", "start_time", "starttime", "start"),
}  # fmt: skip
CASE_PREFIX = "case:"


@dataclass
class Counted:
    """What was met on reading and is told in the quality report."""

    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disordered: int = 0
    negative: int = 0


def mapping(columns: Sequence[str], given: Mapping[str, str | None]) -> dict[str, str]:
    """Return role -> column: as given, else by usual names. InputError that lists the columns and what to write."""
    lower = {name.lower().replace("_", " "): name for name in reversed(columns)}
    found: dict[str, str] = {}
    for role in ROLES:
        said = given.get(role)
        if said is not None and said not in columns:
            raise InputError(f"there is no column {said!r} for the {role}; columns: {_listed(columns)}")
        usual = next((lower[n] for name in USUAL[role] if (n := name.replace("_", " ")) in lower), None)
        if (column := said or usual) is not None and (said or column not in found.values()):
            found[role] = column
    missing = [role for role in NEEDED if role not in found]
    if missing:
        call = ", ".join(f'{role}="…"' for role in missing)
        options = " ".join(f"--column {role}=…" for role in missing)
        raise InputError(
            f"no column was recognised as the {' and the '.join(missing)}; columns: {_listed(columns)}. "
            f"Say which it is: read_log(…, {call}), on the command line {options}"
        )
    return found


def assemble(table: pl.DataFrame, roles: Mapping[str, str], skip_bad: bool, counted: Counted) -> EventLog:
    """Return a table as an event log; rows without case, activity or a readable time are an error, or with `skip_bad`
    skipped and counted."""
    time = microseconds(table[roles["time"]], roles["time"], skip_bad, counted)
    case, activity = (table[roles[role]].cast(pl.String) for role in ("case", "activity"))
    bad = pl.Series([False] * len(table), dtype=pl.Boolean)
    for role, column in (("case", case), ("activity", activity), ("time", time)):
        lacking = column.is_null() | (column == "" if column.dtype == pl.String else False)
        n = int(lacking.sum())
        if n and not skip_bad:
            row = int(lacking.arg_true()[0]) + 1
            raise InputError(
                f"row {row} has no {role} (column {roles[role]!r}; {n} such rows). Mend it, or read with skip_bad=True "
                "(--skip-bad): such rows are left out and counted"
            )
        if n:
            counted.skipped[f"no {role}"] = counted.skipped.get(f"no {role}", 0) + int((lacking & ~bad).sum())
        bad = bad | lacking
    keep = (~bad).arg_true()
    if not len(keep):
        raise InputError("no usable event is left; see that case, activity and time are the right columns")
    table, case, activity, time = table[keep], case[keep], activity[keep], time[keep]
    codes = case.rank("dense").to_numpy()  # by name; brought into the order of appearance below
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    appearance = np.empty(len(first), np.int64)
    appearance[np.argsort(first, kind="stable")] = np.arange(len(first))
    number = appearance[inverse]
    moments = time.to_numpy().astype(np.int64)
    order = np.argsort(number, kind="stable")
    back = (np.diff(moments[order]) < 0) & (np.diff(number[order]) == 0)
    if back.any():
        counted.disordered = int(back.sum())
        order = np.lexsort((moments, number))
    starts = np.concatenate([[0], np.cumsum(np.bincount(number))]).astype(np.int64)
    used = set(roles.values()) | {"trace"}
    per_case = {
        n for n in table.columns if n not in used and (n.startswith(CASE_PREFIX) or _constant(table[n], order, starts))
    }
    events = {n: _column(table[n], order) for n in table.columns if n not in used | per_case}
    cases = {n.removeprefix(CASE_PREFIX): _column(table[n], order[starts[:-1]]) for n in sorted(per_case)}
    begun = None
    if "begun" in roles:
        started = microseconds(table[roles["begun"]], roles["begun"], True, counted).fill_null(time)
        counted.negative = int((started > time).sum())
        begun = np.minimum(started.to_numpy().astype(np.int64), moments)[order]

    def texts(role: str) -> Categories | None:
        return _categories(table[roles[role]].cast(pl.String).gather(order)) if role in roles else None

    names = tuple(case.gather(order[starts[:-1]]).to_list())
    said = _categories(activity.gather(order))
    return EventLog(names, starts, said, moments[order], texts("resource"), texts("lifecycle"), begun, events, cases)


def _constant(column: pl.Series, order: np.ndarray, starts: np.ndarray) -> bool:
    """Return whether a column has one value per case, and cases differ; case attributes stand so in CSV files."""
    codes = column.cast(pl.String).fill_null("").rank("dense").to_numpy()[order]
    same = np.diff(codes) == 0
    same[starts[1:-1] - 1] = True
    return bool(same.all()) and len(starts) > 2 and bool((np.diff(starts) > 1).any())


def _column(column: pl.Series, rows: np.ndarray) -> Column:
    """Return a column as numbers where all that is said is numbers, else as categories (dates as text)."""
    column = column.gather(rows)
    if column.dtype == pl.Boolean or column.dtype.is_temporal():
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        number = column.cast(pl.Float64, strict=False)
        if number.null_count() > column.null_count() or number.null_count() == len(number):
            return _categories(column)
        column = number
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _categories(column: pl.Series) -> Categories:
    values = column.unique(maintain_order=True).drop_nulls()
    codes = column.replace_strict(values, pl.Series(range(len(values)), dtype=pl.Int32), default=-1)
    return Categories(codes.fill_null(-1).to_numpy().astype(np.int32), tuple(values.to_list()))


def _listed(columns: Sequence[str]) -> str:
    return shortened(", ".join(map(repr, columns)), 600)
