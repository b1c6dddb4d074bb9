"""Times as people and systems write them, to microseconds since 1970 (UTC). Knows columns of a table only."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from wmagent.errors import InputError, shortened

FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S%.f",
    "%d/%m/%Y %H:%M",
    "%d-%m-%Y %H:%M:%S%.f",
    "%m/%d/%Y %I:%M:%S %p",
)
_OFFSET = r"(?:Z|UTC|[+-]\d{2}:?\d{2})$"


class Notes(Protocol):
    """Where what was met is noted."""

    skipped: dict[str, int]
    notes: list[str]


def microseconds(column: pl.Series, name: str, skip_bad: bool, counted: Notes) -> pl.Series:
    """Return times as Int64 microseconds, null where there is none. Times without a zone are taken as UTC, and a note
    says so. InputError for what cannot be read (not with `skip_bad`) and for a mixture with and without zones."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            counted.notes.append(f"{name}: times have no zone and were taken as UTC")
        return column.dt.epoch("us")
    if column.dtype.is_numeric():
        raise InputError(f"column {name!r} holds numbers, no times; give times such as 2026-03-01T09:30:00+01:00")
    said = column.cast(pl.String).str.strip_chars()
    known = said.is_not_null() & (said != "")
    zoned = said.str.contains(_OFFSET).fill_null(False) & known
    n = int(zoned.sum())
    if 0 < n < int(known.sum()):
        rows = [int((zoned).arg_true()[0]) + 1, int((known & ~zoned).arg_true()[0]) + 1]
        raise InputError(
            f"column {name!r} mixes times with a zone (row {rows[0]}: {said[rows[0] - 1]!r}) and without "
            f"(row {rows[1]}: {said[rows[1] - 1]!r}); give all of them a zone, or none"
        )
    if n:
        iso = (
            said.str.replace(r"^(\S+) ", "${1}T").str.replace("UTC$", "Z").str.replace(r"([+-]\d{2})(\d{2})$", "$1:$2")
        )
        found = iso.str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC").dt.epoch("us")
    else:
        found = _without_zone(said)
        if int(known.sum()):
            counted.notes.append(f"{name}: times have no zone and were taken as UTC")
    bad = known & found.is_null()
    if bad.any():
        row = int(bad.arg_true()[0])
        if not skip_bad:
            raise InputError(
                f"row {row + 1}, column {name!r}: {shortened(repr(said[row]))} is no time that can be read "
                f"({int(bad.sum())} such rows); write it as 2026-03-01T09:30:00+01:00, or read with skip_bad=True "
                "(--skip-bad)"
            )
        counted.skipped["unreadable time"] = counted.skipped.get("unreadable time", 0) + int(bad.sum())
    return found


def _without_zone(said: pl.Series) -> pl.Series:
    """Read with the format that reads most."""
    best = pl.Series([None] * len(said), dtype=pl.Int64)
    for form in FORMATS:
        found = said.str.to_datetime(form, strict=False, time_unit="us").dt.epoch("us")
        if found.null_count() < best.null_count():
            best = found
        if found.null_count() == said.null_count():
            break
    days = said.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.epoch("us")
    return days if days.null_count() < best.null_count() else best
