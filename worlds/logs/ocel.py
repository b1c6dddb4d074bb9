"""Object-centric logs (OCEL 2.0) seen from one type of object: its objects are the cases. Knows JSON and SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from wmagent.errors import InputError, unknown
from wmagent.worlds.logs.columns import CASE_PREFIX, Counted
from wmagent.worlds.logs.opening import whole
from wmagent.worlds.logs.times import microseconds

CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"
Progress = Callable[[float], None] | None


@dataclass
class _Objects:
    """Objects by their names: type, and attributes as they are first."""

    types: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


@dataclass
class _Event:
    activity: str | None
    time: str | None
    objects: list[str]
    attributes: dict[str, Any]


def read_json(
    path: Path, object_type: str | None, skip_bad: bool, counted: Counted, progress: Progress
) -> pl.DataFrame:
    """Return a row per event and object of that type, from OCEL 2.0 as JSON; InputError where it is none."""
    try:
        data = json.loads(whole(path, progress))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON that can be read ({error})") from error
    if isinstance(data, dict) and "ocel:events" in data:
        raise InputError(f"{path}: this is OCEL 1.0; export the log as OCEL 2.0")
    try:
        objects, events = _objects_of(data["objects"]), [_event_of(event) for event in data["events"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no OCEL 2.0 log; it needs `objects` and `events`, each with id, type and so on as "
            f"www.ocel-standard.org says ({type(error).__name__}: {error})"
        ) from error
    return _flat(path, objects, events, object_type, skip_bad, counted)


def _objects_of(entries: Iterable[dict[str, Any]]) -> _Objects:
    objects = _Objects()
    for entry in entries:
        name, first = str(entry["id"]), {}
        objects.types[name] = str(entry["type"])
        for said in sorted(entry.get("attributes") or (), key=lambda said: str(said.get("time", ""))):
            if said["name"] in first and first[said["name"]] != said["value"]:
                objects.changed.add(said["name"])
            first.setdefault(said["name"], said["value"])
        objects.attributes[name] = first
    return objects


def _event_of(entry: dict[str, Any]) -> _Event:
    said = {one["name"]: one["value"] for one in entry.get("attributes") or ()}
    related = [str(one["objectId"]) for one in entry.get("relationships") or ()]
    return _Event(_text(entry["type"]), _text(entry.get("time")), list(dict.fromkeys(related)), said)


def read_sqlite(
    path: Path, object_type: str | None, skip_bad: bool, counted: Counted, progress: Progress
) -> pl.DataFrame:
    """Return a row per event and object of that type, from OCEL 2.0 as SQLite; InputError where it is none."""
    raw = whole(path, progress)
    try:
        with closing(sqlite3.connect(":memory:")) as base:
            base.deserialize(raw)
            base.execute("PRAGMA trusted_schema = OFF")
            objects, events = _objects_in(base), _events_in(base)
    except (sqlite3.Error, OverflowError) as error:
        raise InputError(f"{path}: no OCEL 2.0 log as SQLite ({error}; {len(raw):,} bytes)") from error
    return _flat(path, objects, events, object_type, skip_bad, counted)


def _rows(base: sqlite3.Connection, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every object or event, by its name, in the order of time."""
    found: dict[str, list[dict[str, Any]]] = {}
    tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for (mapped,) in base.execute(f"SELECT DISTINCT ocel_type_map FROM {kind}_map_type"):
        table = f"{kind}_{mapped}"
        if table not in tables:
            raise sqlite3.DatabaseError(f"the table {table} is missing")
        quoted = table.replace('"', '""')
        rows = base.execute(f'SELECT * FROM "{quoted}" ORDER BY ocel_time')
        names = [column[0] for column in rows.description]
        for row in rows:
            said = dict(zip(names, row, strict=True))
            found.setdefault(str(said.pop("ocel_id")), []).append(said)
    return found


def _objects_in(base: sqlite3.Connection) -> _Objects:
    objects, rows = _Objects(), _rows(base, "object")
    for name, kind in base.execute("SELECT ocel_id, ocel_type FROM object"):
        name, first = str(name), {}
        objects.types[name] = str(kind)
        for said in rows.get(name, ()):
            for key, value in said.items():
                told = key not in ("ocel_time", "ocel_changed_field") and value is not None
                if told and first.setdefault(key, value) != value:
                    objects.changed.add(key)
        objects.attributes[name] = first
    return objects


def _events_in(base: sqlite3.Connection) -> list[_Event]:
    rows, related = _rows(base, "event"), {}
    for event, thing in base.execute("SELECT ocel_event_id, ocel_object_id FROM event_object"):
        related.setdefault(str(event), {})[str(thing)] = None
    found = []
    for name, kind in base.execute("SELECT ocel_id, ocel_type FROM event"):
        said = rows.get(str(name), [{}])[0]
        time = _text(said.pop("ocel_time", None))
        said = {key: value for key, value in said.items() if value is not None}
        found.append(_Event(_text(kind), time, list(related.get(str(name), ())), said))
    return found


def _flat(
    path: Path,
    objects: _Objects,
    events: list[_Event],
    object_type: str | None,
    skip_bad: bool,
    counted: Counted,
) -> pl.DataFrame:
    """Return a row per event and object of the type, by time: object-centric logs have no order of their own."""
    kind = _chosen(path, objects, object_type)
    pairs: list[tuple[str, _Event]] = []
    without = several = 0
    for event in events:
        cases = [name for name in event.objects if objects.types.get(name) == kind]
        without, several = without + (not cases), several + (len(cases) > 1)
        pairs += [(case, event) for case in cases]
    if without:
        counted.note(f"{without:,} of {len(events):,} events belong to no {kind} and were left out")
    if several:
        counted.note(f"{several:,} events belong to more than one {kind}; they stand in each of these cases")
    if not pairs:
        raise InputError(f"{path}: no event belongs to an object of the type {kind!r}")
    used = {case for case, _ in pairs}
    counted.empty_cases = sum(one == kind for one in objects.types.values()) - len(used)
    if changed := sorted(objects.changed & {name for case in used for name in objects.attributes[case]}):
        counted.note(f"attributes of {kind} that change later stand with their first value: {', '.join(changed)}")
    columns: dict[str, list[Any]] = {
        CASE: [case for case, _ in pairs],
        ACTIVITY: [event.activity for _, event in pairs],
        TIME: [event.time for _, event in pairs],
    }
    for name in dict.fromkeys(name for _, event in pairs for name in event.attributes):
        columns.setdefault(name, [_text(event.attributes.get(name)) for _, event in pairs])
    for name in dict.fromkeys(name for case in used for name in objects.attributes[case]):
        columns.setdefault(CASE_PREFIX + name, [_text(objects.attributes[case].get(name)) for case, _ in pairs])
    table = pl.DataFrame([pl.Series(name, values, pl.String) for name, values in columns.items()])
    moments = microseconds(table[TIME], TIME, skip_bad, counted)
    counted.unreadable, lost = 0, moments.is_null() & table[TIME].is_not_null() & (table[TIME] != "")
    return (
        table.with_columns(moments.cast(pl.Datetime("us", "UTC")).alias(TIME))
        .filter(~lost)
        .sort(TIME, maintain_order=True)
    )


def _chosen(path: Path, objects: _Objects, object_type: str | None) -> str:
    """Return the type whose objects are the cases; InputError that lists the types where none is said."""
    counts = Counter(objects.types.values())
    if object_type is not None:
        if object_type not in counts:
            raise unknown("object type", object_type, counts)
        return object_type
    if len(counts) != 1:
        listed = ", ".join(f"{kind} ({n:,})" for kind, n in counts.most_common(30))
        raise InputError(
            f'{path}: say which objects are the cases: read_log(…, object_type="…"), on the command line --column '
            f"object_type=…; object types with their numbers of objects: {listed or 'none'}"
        )
    return next(iter(counts))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
