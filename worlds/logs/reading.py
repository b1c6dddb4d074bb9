"""Event logs in, columns and a quality report out. Knows formats by their names; must not know models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.worlds.logs.columns import TRACE, Counted, assemble, mapping
from wmagent.worlds.logs.ocel import read_json, read_sqlite
from wmagent.worlds.logs.quality import Quality, quality_of
from wmagent.worlds.logs.tabular import from_frame, read_csv, read_parquet
from wmagent.worlds.logs.xes import read_xes

XES, CSV, PARQUET = (".xes", ".xes.gz"), (".csv", ".csv.gz"), (".parquet",)
OCEL_JSON = (".jsonocel", ".jsonocel.gz", ".json", ".json.gz")
OCEL_SQLITE = (".sqlite", ".sqlite.gz")
ENDINGS = (*XES, *CSV, *PARQUET, *OCEL_JSON, *OCEL_SQLITE)


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
    encoding: str | None = None,
    skip_bad: bool = False,
    object_type: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Reading:
    """Read an event log: XES, CSV, OCEL 2.0 as JSON or SQLite (all also .gz), Parquet, or a pandas or polars frame
    shaped as pm4py's.

    The names of columns are needed where they are not the usual ones; `object_type` says which objects of an
    object-centric log are the cases. InputError says what is wrong, where, and what to write instead; with `skip_bad`
    unusable rows are left out and counted in the quality report. `progress` is told the share that was read.

    Example: `read_log("tickets.csv", case="Ticket", time="Done", delimiter=";").log`
    """
    counted = Counted()
    table = _table(source, delimiter, encoding, skip_bad, object_type, progress, counted)
    if TRACE in table.columns and case is None and "case:concept:name" not in table.columns:
        case = TRACE
    roles = mapping(
        table.columns,
        case=case,
        activity=activity,
        time=time,
        resource=resource,
        lifecycle=lifecycle,
        begun=begun,
    )
    if TRACE in table.columns and (twice := table[TRACE].n_unique() - table[roles["case"]].n_unique()) > 0:
        counted.note(f"{twice:,} traces have the name of another or none; those of one name were put together")
    log = assemble(table, roles, skip_bad, counted)
    return Reading(log, quality_of(log, counted))


def _table(
    source: str | Path | Any,
    delimiter: str | None,
    encoding: str | None,
    skip_bad: bool,
    object_type: str | None,
    progress: Callable[[float], None] | None,
    counted: Counted,
) -> pl.DataFrame:
    if not isinstance(source, str | Path):
        return from_frame(source)
    path = Path(source)
    name = path.name.lower()
    if name.endswith(OCEL_JSON):
        return read_json(path, object_type, skip_bad, counted, progress)
    if name.endswith(OCEL_SQLITE):
        return read_sqlite(path, object_type, skip_bad, counted, progress)
    if object_type is not None:
        raise InputError(f"{path}: only object-centric logs (OCEL) have object types; leave object_type out")
    if name.endswith(XES):
        table, counted.empty_cases = read_xes(path, progress)
        return table
    if name.endswith(CSV):
        return read_csv(path, delimiter, encoding, progress)
    if name.endswith(PARQUET):
        return read_parquet(path)
    raise InputError(f"{path}: unknown kind of log; known: {', '.join(ENDINGS)}")
