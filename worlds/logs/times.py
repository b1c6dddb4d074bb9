"""Times as people and systems write them, to microseconds since 1970 (UTC). Knows columns of a table only."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from wmagent.errors import InputError, shortened

ISO = (  # the year first: one meaning only, so one column may use several
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M",
)
OTHERS = tuple(
    f"{day} {clock}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y")
    for clock in ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p")
)
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_OFFSET = r":\d{2}(?:\.\d+)?\s*(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)$"


class Notes(Protocol):
    """Where what was met is noted."""

    unreadable: int
    zoned: dict[str, bool]

    def skip(self, reason: str, rows: int) -> None: ...

    def note(self, text: str) -> None: ...


def microseconds(
    column: pl.Series, name: str, skip_bad: bool, counted: Notes, first_row: int = 0, row_is_lost: bool = True
) -> pl.Series:
    """Return times as Int64 microseconds, null where there is none. Times without a zone are taken as UTC, and a note
    says so. InputError for what cannot be read (not with `skip_bad`) and for a mixture with and without zones."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            counted.note(f"{name}: times have no zone and were taken as UTC")
        return column.dt.epoch("us")
    if column.dtype.is_numeric():
        raise InputError(f"column {name!r} holds numbers, no times; give times such as 2026-03-01T09:30:00+01:00")
    said = column.cast(pl.String).str.strip_chars()
    known = said.is_not_null() & (said != "")
    zoned = said.str.contains(_OFFSET).fill_null(False) & known
    n = int(zoned.sum())
    found = _with_zone(said) if n else _without_zone(said, name, counted)
    if n or int(known.sum()):
        before = counted.zoned.setdefault(name, n > 0)
        if before != (n > 0):
            raise InputError(
                f"column {name!r} had times {'with' if before else 'without'} a zone up to row {first_row}, not after "
                "it; give all of them a zone, or none"
            )
    if 0 < n < int(known.sum()):
        _refuse_mixture(said, zoned, name, counted, first_row)
    bad = known & found.is_null()
    if bad.any():
        row = int(bad.arg_true()[0])
        if not skip_bad:
            raise InputError(
                f"row {row + 1 + first_row}, column {name!r}: {shortened(repr(said[row]))} is no time that can be read "
                f"({int(bad.sum())} such rows); write it as 2026-03-01T09:30:00+01:00, or read with skip_bad=True "
                "(--skip-bad)"
            )
        if row_is_lost:
            counted.skip("unreadable time", int(bad.sum()))
            counted.unreadable = int(bad.sum())
        else:
            counted.note(f"{name}: {int(bad.sum()):,} unreadable times; these events count as instants")
    return found


def _refuse_mixture(said: pl.Series, zoned: pl.Series, name: str, counted: Notes, first_row: int) -> None:
    """Raise InputError where some times have a zone and others, readable as times, have none."""
    bare = (~zoned & _without_zone(said, name, counted, say=False).is_not_null()).arg_true()
    if len(bare):
        row, other = int(zoned.arg_true()[0]), int(bare[0])
        raise InputError(
            f"column {name!r} mixes times with a zone (row {row + 1 + first_row}: {said[row]!r}) and without "
            f"(row {other + 1 + first_row}: {said[other]!r}); give all of them a zone, or none"
        )


def _with_zone(said: pl.Series) -> pl.Series:
    found = said.str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
    if found.null_count() == said.null_count():
        return found.dt.epoch("us")
    iso = (
        said.str.replace(r"^(\S+) ", "${1}T")
        .str.replace(r"\s*(?:UTC|Z)$", "Z")
        .str.replace(r"\s*([+-]\d{2})$", "$1:00")
        .str.replace(r"\s*([+-]\d{2})(\d{2})$", "$1:$2")
    )
    for form in ("%+", "%Y-%m-%dT%H:%M%#z"):
        found = _filled(found, iso.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC"))
    return found.dt.epoch("us")


def _without_zone(said: pl.Series, name: str, counted: Notes, say: bool = True) -> pl.Series:
    """Read with year-first formats, else with the one other format that reads most, and say which."""
    best = pl.Series([None] * len(said), dtype=pl.Datetime("us"))
    used = ""
    for form in ISO:
        best = _filled(best, said.str.to_datetime(form, strict=False, time_unit="us"))
        if best.null_count() == said.null_count():
            break
    else:
        best = _filled(best, said.str.to_date(DAYS[0], strict=False).cast(pl.Datetime("us")))
    if best.null_count() == len(said) > said.null_count():
        for form in (*OTHERS, *DAYS[1:]):
            days = form in DAYS
            found = said.str.to_date(form, strict=False) if days else said.str.to_datetime(form, strict=False)
            if found.null_count() < best.null_count():
                best, used = found.cast(pl.Datetime("us")), form
    if say and best.null_count() < len(said):
        counted.note(f"{name}: times have no zone and were taken as UTC")
        if used:
            counted.note(f"{name}: times were read as {used}; see that day and month are meant so")
    return best.dt.epoch("us")


def _filled(best: pl.Series, found: pl.Series) -> pl.Series:
    """Return times, with another reading where there was none."""
    return found if best.null_count() == len(best) else best.zip_with(best.is_not_null(), found)
