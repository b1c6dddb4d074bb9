"""Object-centric logs seen from one type of object, and large logs in parts: both are the log that was written."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.event_logs import loans
from wmagent.errors import InputError
from wmagent.worlds.logs import read_log, stream_log
from wmagent.worlds.logs.columns import Counted

TABLE = loans(30)


def csv(path: Path) -> Path:
    TABLE.with_columns(pl.col("time:timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")).write_csv(path)
    return path


ORDERS = {
    "objects": [
        {"id": "o1", "type": "order", "attributes": [{"name": "sum", "time": "2026-02-01T00:00:00Z", "value": 9},
                                                     {"name": "sum", "time": "1970-01-01T00:00:00Z", "value": 7}]},
        {"id": "o2", "type": "order", "attributes": []},
        {"id": "o3", "type": "order"},
        {"id": "i1", "type": "item"},
    ],
    "events": [
        {"id": "e2", "type": "ship", "time": "2026-01-02T00:00:00Z", "relationships":
            [{"objectId": "o1", "qualifier": ""}, {"objectId": "o2", "qualifier": ""}]},
        {"id": "e1", "type": "order", "time": "2026-01-01T00:00:00Z",
         "attributes": [{"name": "resource", "value": "Mo"}],
         "relationships": [{"objectId": "o1", "qualifier": ""}, {"objectId": "i1", "qualifier": ""}]},
        {"id": "e3", "type": "pack", "time": "2026-01-03T00:00:00Z", "relationships":
            [{"objectId": "i1", "qualifier": ""}]},
    ],
}  # fmt: skip


def as_json(path: Path) -> Path:
    path.write_text(json.dumps(ORDERS))
    return path


def as_sqlite(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as base:
        for kind, entries in (("object", ORDERS["objects"]), ("event", ORDERS["events"])):
            base.execute(f"CREATE TABLE {kind}_map_type (ocel_type TEXT, ocel_type_map TEXT)")
            base.execute(f"CREATE TABLE {kind} (ocel_id TEXT, ocel_type TEXT)")
            for name in {entry["type"]: None for entry in entries}:
                base.execute(f"INSERT INTO {kind}_map_type VALUES (?, ?)", (name, name.title()))
                base.execute(
                    f"CREATE TABLE {kind}_{name.title()} (ocel_id TEXT, ocel_time TEXT, sum REAL, resource TEXT)"
                )
            for one in entries:
                base.execute(f"INSERT INTO {kind} VALUES (?, ?)", (one["id"], one["type"]))
                plain = [{"name": "sum", "value": None, "time": one.get("time")}]
                for said in one.get("attributes") or plain:
                    both = [said["value"] if said["name"] == key else None for key in ("sum", "resource")]
                    row = (one["id"], said.get("time", one.get("time")), *both)
                    base.execute(f"INSERT INTO {kind}_{one['type'].title()} VALUES (?, ?, ?, ?)", row)
        base.execute("CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT)")
        for one in ORDERS["events"]:
            for to in one["relationships"]:
                base.execute("INSERT INTO event_object VALUES (?, ?, ?)", (one["id"], to["objectId"], ""))
        base.commit()
    return path


@pytest.mark.parametrize(("ending", "write"), [("jsonocel", as_json), ("json", as_json), ("sqlite", as_sqlite)])
@pytest.mark.parametrize("packed", [False, True])
def test_object_centric_logs(ending: str, write: Callable[[Path], Path], packed: bool, tmp_path: Path) -> None:
    path = write(tmp_path / f"log.{ending}")
    if packed:
        plain, path = path, tmp_path / f"log.{ending}.gz"
        path.write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(InputError, match=r"object_type=\"…\".*order \(3\), item \(1\)"):
        read_log(path)
    with pytest.raises(InputError, match="did you mean 'order'"):
        read_log(path, object_type="ordr")
    reading = read_log(path, object_type="order")
    log = reading.log
    assert log.cases == ("o1", "o2")
    assert [log.activity.values[code] for code in log.activity.codes] == ["order", "ship", "ship"]
    assert (reading.quality.disordered, reading.quality.empty_cases) == (0, 1)
    assert log.resource is not None
    assert log.resource.values == ("Mo",)
    total = log.case_attributes["sum"]
    assert isinstance(total, np.ndarray)
    assert total[0] == 7
    notes = "; ".join(reading.quality.notes)
    assert "1 of 3 events belong to no order" in notes
    assert "1 events belong to more than one order" in notes
    assert "first value: sum" in notes


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("log.json", "[1", "no JSON"),
        ("log.json", '{"events": []}', "no OCEL 2.0 log"),
        ("log.json", '{"events": [1], "objects": []}', "no OCEL 2.0 log"),
        ("log.jsonocel", '{"ocel:events": {}}', "OCEL 1.0"),
        ("log.sqlite", "SQLite format 3" + "x" * 2000, "no OCEL 2.0 log as SQLite"),
        ("log.parquet", "PAR1", "no Parquet file"),
    ],
)
def test_damaged_and_foreign_files_are_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_log(tmp_path / name)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_logs_in_parts_are_the_whole_log(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"log.{kind}"
    if kind == "parquet":
        TABLE.write_parquet(path)
    elif kind == "csv":
        csv(path)
    else:
        path.write_bytes(gzip.compress(csv(tmp_path / "log.csv").read_bytes()))
    whole, parts = read_log(path).log, list(stream_log(path, batch=40))
    assert kind.startswith("csv") or len(parts) > 2
    assert tuple(case for part in parts for case in part.cases) == whole.cases
    assert np.array_equal(np.concatenate([part.time for part in parts]), whole.time)
    said = [part.activity.values[code] for part in parts for code in part.activity.codes]
    assert said == [whole.activity.values[code] for code in whole.activity.codes]
    amounts = [np.asarray(part.case_attributes["amount"]) for part in parts]
    assert np.array_equal(np.concatenate(amounts), np.asarray(whole.case_attributes["amount"]))


def test_parts_keep_count_and_refuse_what_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    table = pl.DataFrame({"case": [f"c{i // 2}" for i in range(9)], "activity": "x", "extra": ["1"] * 8 + ["one"],
                          "timestamp": ["2026-01-01 10:00:00"] * 9})  # fmt: skip
    table.write_parquet(path)
    with pytest.raises(InputError, match="'extra' held numbers so far and now 'one'"):
        list(stream_log(path, batch=3))
    times = table["timestamp"].to_list()
    table = table.drop("extra").with_columns(pl.Series("timestamp", [*times[:7], "soon", times[0]]))
    table.write_parquet(path)
    with pytest.raises(InputError, match="row 8, column 'timestamp': 'soon'"):
        list(stream_log(path, batch=3))
    table.with_columns(pl.Series("timestamp", [*times[:7], None, times[0]])).write_parquet(path)
    with pytest.raises(InputError, match="row 8 has no time"):
        list(stream_log(path, batch=3))
    table.write_parquet(path)
    counted = Counted()
    assert sum(len(part) for part in stream_log(path, batch=3, skip_bad=True, counted=counted)) == 8
    assert counted.skipped == {"unreadable time": 1}
    table.with_columns(pl.Series("timestamp", [*times[:7], *["2026-01-01T10:00:00Z"] * 2])).write_parquet(path)
    with pytest.raises(InputError, match=r"without a zone up to row \d"):
        list(stream_log(path, batch=3))


def test_parts_of_damaged_files(tmp_path: Path) -> None:
    packed = gzip.compress(csv(tmp_path / "log.csv").read_bytes())
    (tmp_path / "short.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="ends too early or is damaged"):
        list(stream_log(tmp_path / "short.csv.gz"))
    odd = tmp_path / "odd.csv"
    odd.write_bytes("case,activity,timestamp\na,prüfen,2026-01-01 10:00:00\n".encode("cp1252"))
    with pytest.raises(InputError, match='encoding="cp1252"'):
        list(stream_log(odd))
    (part,) = stream_log(odd, encoding="cp1252")
    assert part.activity.values == ("prüfen",)
    (tmp_path / "log.parquet").write_text("PAR1")
    for name, message in [
        ("log.parquet", "cannot be read as parquet"),
        ("log.xes", "read in parts"),
        ("no.csv", "no such"),
    ]:
        with pytest.raises(InputError, match=message):
            list(stream_log(tmp_path / name))
