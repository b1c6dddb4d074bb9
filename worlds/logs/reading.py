"""Event logs in, columns and a quality report out. Knows formats by their names; must not know models."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.worlds.logs.columns import Counted, assemble, mapping
from wmagent.worlds.logs.opening import whole
from wmagent.worlds.logs.quality import Quality, quality_of
from wmagent.worlds.logs.xes import read_xes

FORMATS = (".xes", ".xes.gz", ".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Reading:
    """A log and what reading it showed."""

    log: EventLog
    quality: Quality


def read_log(
    source: str | Path | Any,
    *,
    case: str | None = None,
    activity: str | None = None,
    time: str | None = None,
    resource: str | None = None,
    lifecycle: str | None = None,
    begun: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf8",
    skip_bad: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Reading:
    """Read an event log: .xes, .csv (both also .gz) or .parquet, or a pandas or polars frame shaped as pm4py's.

    The keyword arguments name columns where they are not found by their usual names. InputError says what is wrong,
    where, and what to write instead; with `skip_bad` unusable rows are left out and counted in the quality report.
    """
    table = _table(source, delimiter, encoding, progress)
    given = {
        "case": case,
        "activity": activity,
        "time": time,
        "resource": resource,
        "lifecycle": lifecycle,
        "begun": begun,
    }
    if "trace" in table.columns and case is None and "case:concept:name" not in table.columns:
        given["case"] = "trace"
    roles, counted = mapping(table.columns, given), Counted()
    log = assemble(table, roles, skip_bad, counted)
    return Reading(log, quality_of(log, counted))


def _table(
    source: str | Path | Any, delimiter: str | None, encoding: str, progress: Callable[[float], None] | None
) -> pl.DataFrame:
    if isinstance(source, pl.DataFrame):
        return source
    if not isinstance(source, str | Path):
        if hasattr(source, "columns") and hasattr(source, "to_dict"):
            return pl.from_pandas(source)
        raise InputError(f"an event log is a file or a frame, not {type(source).__name__}")
    path = Path(source)
    name = path.name.lower()
    if name.endswith((".xes", ".xes.gz")):
        return read_xes(path, progress)
    if name.endswith((".csv", ".csv.gz")):
        return _csv(path, delimiter, encoding, progress)
    if name.endswith(".parquet"):
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        try:
            return pl.read_parquet(path)
        except pl.exceptions.PolarsError as error:
            raise InputError(f"{path}: no Parquet file ({error})") from error
    raise InputError(f"{path}: unknown kind of log; known: {', '.join(FORMATS)}")


def _csv(path: Path, delimiter: str | None, encoding: str, progress: Callable[[float], None] | None) -> pl.DataFrame:
    raw = whole(path, progress)
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf8" else encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(
            f'{path}: not in the encoding {encoding} ({error}); give another, such as encoding="cp1252" '
            "(--column encoding=cp1252)"
        ) from error
    first = text.split("\n", 1)[0]
    used = delimiter or ","
    others = [mark for mark in (";", "\t", "|") if mark in first]
    if used not in first and others:
        raise InputError(
            f"{path}: the first line has no {used!r} but {others[0]!r}; give delimiter={others[0]!r} "
            f"(--column delimiter={others[0]!r}). The line: {first[:200]!r}"
        )
    try:
        return pl.read_csv(io.BytesIO(text.encode()), separator=used, infer_schema=False, quote_char='"')
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: no CSV file that can be read ({error}); is the delimiter {used!r} right?") from error
