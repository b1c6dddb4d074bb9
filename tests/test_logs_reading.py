"""Event logs from files and frames: every kind comes out alike; what is wrong is said with what to write instead."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.event_logs import loans, xes
from wmagent.errors import InputError
from wmagent.worlds.logs import opening, read_log

TABLE = loans(30)
USUAL = {"case:concept:name": "Case ID", "concept:name": "Activity", "time:timestamp": "Complete Timestamp"}


def csv(path: Path, table: pl.DataFrame = TABLE, separator: str = ",") -> Path:
    table.with_columns(pl.col("time:timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")).write_csv(
        path, separator=separator
    )
    return path


def rows(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["case,activity,timestamp", *lines]), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["xes", "xes.gz", "csv", "csv.gz", "parquet", "polars", "pandas"])
def test_every_kind_is_read_alike(kind: str, tmp_path: Path) -> None:
    source: object = TABLE
    if kind == "pandas":
        source = TABLE.to_pandas()
    elif kind == "parquet":
        TABLE.write_parquet(source := tmp_path / "log.parquet")
    elif kind != "polars":
        plain = xes(TABLE, tmp_path / "log.xes") if kind.startswith("xes") else csv(tmp_path / "log.csv")
        source = plain
        if kind.endswith(".gz"):
            source = tmp_path / f"log.{kind}"
            source.write_bytes(gzip.compress(plain.read_bytes()))
    log = read_log(source).log
    assert (len(log.cases), len(log)) == (30, len(TABLE))
    assert log.cases[:2] == ("c0", "c1")
    first = [log.activity.values[code] for code in log.activity.codes[: log.starts[1]]]
    assert first == TABLE.filter(pl.col("case:concept:name") == "c0")["concept:name"].to_list()
    assert log.time[0] == TABLE["time:timestamp"].dt.epoch("us")[0]
    assert log.resource is not None
    assert set(log.resource.values) == {"fast", "slow"}
    amount = log.case_attributes["amount"]
    assert isinstance(amount, np.ndarray)
    assert amount[0] == TABLE["case:amount"][0]


def test_usual_names_are_recognised_and_others_asked_for(tmp_path: Path) -> None:
    assert len(read_log(TABLE.rename(USUAL)).log) == len(TABLE)
    strange = TABLE.rename({"concept:name": "Was"})
    with pytest.raises(
        InputError, match=r"as the activity; columns: .*'Was'.* read_log\(…, activity=\"…\"\).*--column"
    ):
        read_log(strange)
    assert len(read_log(strange, activity="Was").log) == len(TABLE)
    with pytest.raises(InputError, match="no column 'Wer'"):
        read_log(TABLE, resource="Wer")


def test_cases_that_interleave_are_put_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    mixed = rows(
        tmp_path / "log.csv",
        "b,x,2026-01-01 10:00:00",
        "a,x,2026-01-01 10:00:00",
        "b,y,2026-01-01 10:00:00",
        "a,z,2026-01-02 10:00:00",
    )
    reading = read_log(mixed)
    assert reading.log.cases == ("b", "a")
    assert [reading.log.activity.values[c] for c in reading.log.activity.codes] == ["x", "y", "x", "z"]
    assert reading.quality.disordered == 0
    assert any("taken as UTC" in note for note in reading.quality.notes)
    back = rows(tmp_path / "back.csv", "a,late,2026-01-02 10:00:00", "a,early,2026-01-01 10:00:00")
    reading = read_log(back)
    assert [reading.log.activity.values[c] for c in reading.log.activity.codes] == ["early", "late"]
    assert reading.quality.disordered == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,x,2026-01-01T10:00:00+01:00", "a,y,2026-01-01T10:00:00"], r"with a zone \(row 1: .*without \(row 2"),
        (["a,x,2026-01-01T10:00:00Z", "a,y,soon"], r"row 2, column 'timestamp': 'soon' is no time"),
        (["a,x,2026-01-01 10:00:00", "a,y,soon"], r"row 2, column 'timestamp': 'soon' is no time"),
        (["a,x,2026-01-01 10:00:00", ",y,2026-01-01 10:00:00"], "row 2 has no case"),
        (["a,x,2026-01-01 10:00:00", "a,,2026-01-01 10:00:00"], "row 2 has no activity"),
        (["a,x,2026-01-01 10:00:00", "a,y,"], "row 2 has no time"),
    ],
)
def test_bad_rows_are_named_or_counted(lines: list[str], message: str, tmp_path: Path) -> None:
    path = rows(tmp_path / "log.csv", *lines)
    with pytest.raises(InputError, match=message):
        read_log(path)
    if "zone" not in message and message != "without":
        reading = read_log(path, skip_bad=True)
        assert len(reading.log) == 1
        assert sum(reading.quality.skipped.values()) == 1
        assert any("rows skipped" in line for line in reading.quality.lines())


def test_mixed_offsets_are_one_time(tmp_path: Path) -> None:
    log = read_log(rows(tmp_path / "log.csv", "a,x,2026-01-01T10:00:00+02:00", "a,y,2026-01-01T09:00:00+0100")).log
    assert log.time[0] == log.time[1] == datetime.fromisoformat("2026-01-01T08:00:00+00:00").timestamp() * 1e6


def test_begun_after_the_end_is_an_instant_and_counted() -> None:
    table = TABLE.with_columns((pl.col("time:timestamp") + pl.duration(hours=1)).alias("start_timestamp"))
    reading = read_log(table)
    assert reading.quality.negative == len(TABLE)
    assert reading.log.begun is not None
    assert np.array_equal(reading.log.begun, reading.log.time)


def test_packed_files_that_end_too_early_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress(xes(TABLE, tmp_path / "log.xes").read_bytes())
    (tmp_path / "short.xes.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="ends too early or is damaged"):
        read_log(tmp_path / "short.xes.gz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><log>&b;</log>', "declares a document type"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><log>&a;</log>', "declares a document type"),
        ("<log><trace>", "no well-formed XML"),
        ("<html></html>", "no XES log"),
        ("", "is empty"),
    ],
)
def test_dangerous_and_foreign_xml_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "log.xes").write_text(text)
    with pytest.raises(InputError, match=message):
        read_log(tmp_path / "log.xes")


def test_wrong_delimiters_and_encodings_say_what_to_write(tmp_path: Path) -> None:
    path = csv(tmp_path / "log.csv", separator=";")
    with pytest.raises(InputError, match="delimiter=';'"):
        read_log(path)
    assert len(read_log(path, delimiter=";").log) == len(TABLE)
    odd = tmp_path / "odd.csv"
    odd.write_bytes("case,activity,timestamp\na,prüfen,2026-01-01 10:00:00\n".encode("cp1252"))
    with pytest.raises(InputError, match='encoding="cp1252"'):
        read_log(odd)
    assert read_log(odd, encoding="cp1252").log.activity.values == ("prüfen",)


def test_empty_traces_are_left_out_and_single_events_counted(tmp_path: Path) -> None:
    event = (
        '<event><string key="concept:name" value="x"/><date key="time:timestamp" value="2026-01-01T00:00:00Z"/></event>'
    )
    empty = '<trace><string key="concept:name" value="a"/></trace>'
    text = f'<log>{empty}<trace><string key="concept:name" value="b"/>{event}</trace></log>'
    (tmp_path / "log.xes").write_text(text)
    reading = read_log(tmp_path / "log.xes")
    assert reading.log.cases == ("b",)
    assert reading.quality.one_event == 1


def test_what_is_written_back_is_found() -> None:
    last = pl.col("time:timestamp").max().over("case:concept:name").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    whole = pl.col("concept:name").str.join("-").over("case:concept:name")
    table = TABLE.with_columns(
        (last + pl.lit("")).alias("case:closed on"),
        whole.alias("case:variant-name"),
        pl.col("case:amount").alias("case:total"),
    )
    quality = read_log(table).quality
    assert {"variant-name", "total"} <= set(quality.written_back)
    assert "amount" in quality.written_back  # it goes with a total
    assert "amount" not in read_log(TABLE).quality.written_back


@pytest.mark.parametrize(
    ("source", "message"), [("nowhere.xes", "no such file"), ("log.doc", "unknown kind of log"), (7, "not int")]
)
def test_what_is_no_log(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_log(source)


TIMES = {
    "2026-01-01 10:00:00 +0200": 8,
    "2026-01-01T10:00Z": 10,
    "2026-01-01 10:00:00+02": 8,
    "2026-01-01 10:00:00.000 UTC": 10,
}


@pytest.mark.parametrize(("said", "hour"), [*TIMES.items(), ("2026-01-01 10:00", 10), ("2026/01/01 10:00:00", 10)])
def test_times_as_systems_write_them(said: str, hour: int, tmp_path: Path) -> None:
    log = read_log(rows(tmp_path / "log.csv", f"a,x,{said}", f"a,y,{said}")).log
    assert log.time[0] == datetime.fromisoformat(f"2026-01-01T{hour:02}:00:00+00:00").timestamp() * 1e6


def test_days_without_a_clear_order_are_noted_and_are_no_zones(tmp_path: Path) -> None:
    reading = read_log(rows(tmp_path / "log.csv", "a,x,01/02/2026 10:00", "a,y,01/02/2026 11:00"))
    assert any("%d/%m/%Y" in note for note in reading.quality.notes)
    assert reading.quality.first == "2026-02-01"
    american = read_log(rows(tmp_path / "us.csv", "a,x,01/31/2026 10:00", "a,y,01/02/2026 11:00"))
    assert (american.quality.first, american.quality.last) == ("2026-01-02", "2026-01-31")
    mixed = read_log(rows(tmp_path / "mixed.csv", "a,x,2026-01-01 10:00", "a,y,2026-01-01 10:00:30", "a,z,2026-01-03"))
    assert np.diff(mixed.log.time).tolist() == [30_000_000, 136_770_000_000]


def test_starts_that_cannot_be_read_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("case,activity,time,start\na,x,2026-01-01 10:00,2026-01-01 09:00\na,y,2026-01-02 10:00,soon\n")
    with pytest.raises(InputError, match=r"row 2, column 'start': 'soon'"):
        read_log(path)
    reading = read_log(path, skip_bad=True)
    assert (len(reading.log), reading.quality.skipped) == (2, {})
    assert any("start: 1 unreadable" in note for note in reading.quality.notes)
    assert reading.log.begun is not None
    assert (reading.log.time - reading.log.begun).tolist() == [3_600_000_000, 0]


def test_frames_of_pandas_with_its_own_kinds() -> None:
    frame = TABLE.to_pandas()
    frame["case:concept:name"] = frame["case:concept:name"].str[1:].astype(float)
    frame["concept:name"] = frame["concept:name"].astype("category")
    frame["case:opened"] = frame["time:timestamp"].min()
    log = read_log(frame).log
    assert log.cases[:2] == ("0", "1")
    assert log.activity.values[0] == "apply"
    assert log.case_attributes["opened"].values[0].startswith("2023-11-14T22:13:20")  # type: ignore[union-attr]
    frame["zone"], frame["case:zone"] = "here", "there"  # the case's own stays what it is
    assert read_log(frame).log.case_attributes["zone"].values == ("there",)  # type: ignore[union-attr]
    frame["mixed"] = [1, *["x"] * (len(frame) - 1)]
    with pytest.raises(InputError, match="mixes kinds of values"):
        read_log(frame)


def test_delimiters_and_encodings_that_are_easily_taken_for_others(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('case;activity;timestamp;"amount, in EUR"\na;x;2026-01-01 10:00;1\n')
    with pytest.raises(InputError, match="give delimiter=';'"):
        read_log(path)
    assert len(read_log(path, delimiter=";").log) == 1
    with pytest.raises(InputError, match="one ASCII character"):
        read_log(path, delimiter=";;")
    with pytest.raises(InputError, match="not in the encoding klingon"):
        read_log(path, encoding="klingon")
    path.write_text("case,activity,timestamp\na,prüfen,2026-01-01 10:00\n", encoding="utf-16")
    with pytest.raises(InputError, match='encoding="utf-16"'):
        read_log(path)
    assert read_log(path, encoding="utf-16").log.activity.values == ("prüfen",)


def test_attributes_inside_attributes_and_odd_traces(tmp_path: Path) -> None:
    event = '<event><string key="concept:name" value="{}"/><date key="time:timestamp" value="{}">{}</date></event>'
    inner = '<string key="concept:name" value="inner"/>'
    first, then = event.format("x", "2026-01-01T00:00:00Z", inner), event.format("y", "2026-01-02T00:00:00Z", "")
    name = '<string key="concept:name" value="a"><string key="concept:name" value="inner"/></string>'
    path = tmp_path / "log.xes"
    path.write_text(f"<log><trace>{name}{first}</trace><trace>{name}{then}</trace></log>")
    reading = read_log(path)
    assert reading.log.cases == ("a",)
    assert reading.log.activity.values == ("x", "y")
    assert (reading.quality.first, reading.quality.last) == ("2026-01-01", "2026-01-02")
    assert any("put together" in note for note in reading.quality.notes)
    path.write_text(f"<log><trace>{first}</trace><trace>{then}</trace></log>")
    assert read_log(path).log.cases == ("0", "1")
    path.write_text(f"<log>{first}</log>")
    with pytest.raises(InputError, match="line 1 has an event outside of a trace"):
        read_log(path)


def test_files_that_grow_beyond_measure_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGE", 1 << 20)
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(b" " * (8 << 20)))
    with pytest.raises(InputError, match="unpack it yourself"):
        read_log(tmp_path / "log.csv.gz")
