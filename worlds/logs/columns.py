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
TRACE = "@trace"  # numbers the traces of XES; no attribute


@dataclass
class Counted:
    """What was met on reading and is told in the quality report."""

    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disordered: int = 0
    negative: int = 0
    empty_cases: int = 0
    unreadable: int = 0  # times of the rows at hand; they are no times that are lacking
    zoned: dict[str, bool] = field(default_factory=dict)  # column -> whether its times have a zone

    def skip(self, reason: str, rows: int) -> None:
        """Count rows that are left out."""
        if rows:
            self.skipped[reason] = self.skipped.get(reason, 0) + rows

    def note(self, text: str) -> None:
        """Note something once."""
        if text not in self.notes:
            self.notes.append(text)


def mapping(columns: Sequence[str], **given: str | None) -> dict[str, str]:
    """Return role -> column: as given, else by usual names. InputError that lists the columns and what to write."""
    lower = {name.lower().replace("_", " "): name for name in reversed(columns) if name not in given.values()}
    found: dict[str, str] = {}
    for role in ROLES:
        said = given.get(role)
        if said is not None and said not in columns:
            raise InputError(f"there is no column {said!r} for the {role}; columns: {_listed(columns)}")
        names = (lower.get(name.replace("_", " ")) for name in USUAL[role])
        usual = next((name for name in names if name is not None and name not in found.values()), None)
        if (column := said or usual) is not None:
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


def assemble(
    table: pl.DataFrame, roles: Mapping[str, str], skip_bad: bool, counted: Counted, layout: Layout | None = None
) -> EventLog:
    """Return a table as an event log; rows without case, activity or a readable time are an error, or with `skip_bad`
    skipped and counted. With a `layout` the other columns come out as it says, else as they look."""
    first_row = layout.rows if layout else 0
    time = microseconds(table[roles["time"]], roles["time"], skip_bad, counted, first_row)
    case, activity = _texts(table[roles["case"]]), _texts(table[roles["activity"]])
    begun = None
    if "begun" in roles:
        begun = microseconds(table[roles["begun"]], roles["begun"], skip_bad, counted, first_row, row_is_lost=False)
    keep = _usable({"time": time, "case": case, "activity": activity}, roles, skip_bad, counted, first_row)
    if keep is not None:
        table, case, activity, time = table[keep], case[keep], activity[keep], time[keep]
        begun = None if begun is None else begun[keep]
    named = categories(case)  # numbers in the order of appearance
    moments, number = time.to_numpy().astype(np.int64), named.codes
    order = np.argsort(number, kind="stable")
    back = (np.diff(moments[order]) < 0) & (np.diff(number[order]) == 0)
    if back.any():
        counted.disordered += int(back.sum())
        order = np.lexsort((moments, number))
    starts = np.concatenate([[0], np.cumsum(np.bincount(number))]).astype(np.int64)
    if begun is not None:
        started = begun.fill_null(time).to_numpy().astype(np.int64)
        counted.negative += int((started > moments).sum())
        begun = np.minimum(started, moments)[order]

    def texts(role: str) -> Categories | None:
        return categories(_texts(table[roles[role]]).gather(order)) if role in roles else None

    layout = layout or Layout()
    rest = [n for n in table.columns if n not in roles.values() and n != TRACE and _plain(table[n], counted)]
    whole = {n for n in rest if CASE_PREFIX + n not in rest and layout.is_of_case(n, table[n], order, starts)}
    return EventLog(
        named.values,
        starts,
        categories(activity.gather(order)),
        moments[order],
        texts("resource"),
        texts("lifecycle"),
        begun,
        {n: layout.column(n, table[n], order) for n in rest if n not in whole},
        {n.removeprefix(CASE_PREFIX): layout.column(n, table[n], order[starts[:-1]]) for n in sorted(whole)},
    )


@dataclass
class Layout:
    """How the columns without a role come out. While a log is read in parts, the first part decides for all
    (`fixed`), and only `case:…` columns belong to cases; `rows` counts the rows that came before."""

    fixed: bool = False
    rows: int = 0
    numbers: dict[str, bool] = field(default_factory=dict)

    def is_of_case(self, name: str, column: pl.Series, order: np.ndarray, starts: np.ndarray) -> bool:
        """Return whether a column belongs to cases."""
        return name.startswith(CASE_PREFIX) or (not self.fixed and _constant(column, order, starts))

    def column(self, name: str, column: pl.Series, rows: np.ndarray) -> Column:
        """Return some rows of a column: as numbers where all that is said is numbers, else as categories."""
        column = column.gather(rows)
        if not column.dtype.is_numeric():
            column = _texts(column)
            found = column.cast(pl.Float64, strict=False)
            said = found.null_count() == column.null_count()
            numbers = said and found.null_count() < len(found)
            if self.fixed:
                numbers = self.numbers.setdefault(name, numbers)
                if numbers and not said:
                    odd = column.filter(column.is_not_null() & found.is_null())[0]
                    raise InputError(f"column {name!r} held numbers so far and now {shortened(repr(odd))}")
            if not numbers:
                return categories(column)
            column = found
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _usable(
    needed: Mapping[str, pl.Series], roles: Mapping[str, str], skip_bad: bool, counted: Counted, first_row: int
) -> pl.Series | None:
    """Return the rows that have all that is needed, None for all of them."""
    bad = pl.Series([False] * len(needed["time"]), dtype=pl.Boolean)
    for role, column in needed.items():
        lacking = column.is_null() | (column == "" if column.dtype == pl.String else False)
        n = int(lacking.sum())
        if n and not skip_bad:
            row = int(lacking.arg_true()[0]) + 1 + first_row
            raise InputError(
                f"row {row} has no {role} (column {roles[role]!r}; {n} such rows). Mend it, or read with skip_bad=True "
                "(--skip-bad): such rows are left out and counted"
            )
        if n:
            lost = int((lacking & ~bad).sum()) - (counted.unreadable if role == "time" else 0)
            counted.skip(f"no {role}", lost)
        bad = bad | lacking
    counted.unreadable = 0
    keep = (~bad).arg_true()
    if not len(keep):
        raise InputError("no usable event is left; see that case, activity and time are the right columns")
    return None if len(keep) == len(bad) else keep


def _constant(column: pl.Series, order: np.ndarray, starts: np.ndarray) -> bool:
    """Return whether a column has one value per case; case attributes stand so in CSV files."""
    column = column.gather(order)
    same = column.eq_missing(column.shift(1)).to_numpy().copy()
    same[starts[:-1]] = True
    return bool(same.all()) and len(starts) > 2 and bool((np.diff(starts) > 1).any())


def _plain(column: pl.Series, counted: Counted) -> bool:
    """Return whether a column has one text, number or moment a row; others are left out, and a note says so."""
    kept = not column.dtype.is_nested() and column.dtype not in (pl.Binary, pl.Object)
    if not kept:
        counted.note(f"column {column.name!r} holds neither texts nor numbers and was left out")
    return kept


def _texts(column: pl.Series) -> pl.Series:
    """Return a column as texts: whole numbers without a point, times as ISO 8601."""
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            column = column.dt.convert_time_zone("UTC")
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00")
    if column.dtype.is_float() and bool((column.fill_nan(None).drop_nulls() % 1 == 0).all()):
        column = column.fill_nan(None).cast(pl.Int64, strict=False)
    return column.cast(pl.String)


def categories(column: pl.Series) -> Categories:
    """Return texts as codes in the order in which the texts first appear."""
    found = column.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    codes = found.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Categories(codes, tuple(found.dictionary.to_pylist()))


def _listed(columns: Sequence[str]) -> str:
    return shortened(", ".join(map(repr, columns)), 600)
