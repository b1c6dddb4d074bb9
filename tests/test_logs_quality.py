"""What the quality report says of a log: each finding on a log made to have it, and none on one made without."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tests.event_logs import HOUR, START, loans, xes
from wmagent.worlds.logs import Quality, read_log

DAY = 24 * HOUR


def table(*events: tuple[str, str, int], **more: Sequence[object]) -> pl.DataFrame:
    """Return events as (case, activity, hour), with more columns."""
    columns = ["case:concept:name", "concept:name", "time:timestamp"]
    frame = pl.DataFrame(list(events), schema=columns, orient="row")
    moments = (pl.col("time:timestamp") * HOUR + START).cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(moments, *(pl.Series(name, values) for name, values in more.items()))


def said(quality: Quality) -> str:
    return "\n".join(quality.lines())


def weekly(cases: int, lengths: tuple[int, int] = (3, 3), first: str = "a", last: str = "a") -> pl.DataFrame:
    """Return a case a day, as long as `lengths` in the first and the second half of the cases, and single activities
    in the first and the last case."""
    events = []
    for case in range(cases):
        for step in range(lengths[case >= cases // 2]):
            activity = first if case == 0 and step == 1 else last if case == cases - 1 and step == 1 else "a"
            events.append((f"c{case}", activity, 24 * case + step))
    return table(*events)


def test_numbers_and_period() -> None:
    source = loans(30)
    quality = read_log(source).quality
    assert (quality.cases, quality.events) == (30, len(source))
    assert (quality.activities, quality.resources) == (source["concept:name"].n_unique(), 2)
    assert (quality.first, quality.last) == ("2023-11-14", str(source["time:timestamp"].max())[:10])
    assert said(quality).startswith(f"30 cases, {len(source):,} events, ")
    assert Quality(**json.loads(json.dumps(quality.plain()))).cases == 30


def test_a_clean_log_raises_no_finding() -> None:
    quality = read_log(weekly(100)).quality
    assert len(quality.lines()) == 3  # numbers, period, and the case at the end
    assert quality.still_open == 1
    assert (quality.one_event, quality.empty_cases, quality.disordered, quality.negative) == (0, 0, 0, 0)
    assert (quality.skipped, quality.written_back, quality.appeared, quality.vanished) == ({}, (), (), ())


def test_cases_near_the_end_may_be_open() -> None:
    events = [(f"c{case}", "a", 10 * case + hour) for case in range(40) for hour in (0, 20)]  # gaps of 20 hours
    quality = read_log(table(*events)).quality
    assert quality.still_open == 3  # ended 0, 10 and 20 hours before the end
    assert "3 cases may still be open" in said(quality)


def test_equal_times_single_events_and_disorder() -> None:
    quality = read_log(table(("a", "x", 0), ("a", "y", 0), ("a", "z", 1), ("b", "x", 5))).quality
    assert (quality.at_once, quality.one_event) == (0.5, 1)
    assert "50% of events have the time of the event before" in said(quality)
    assert "1 cases have one event" in said(quality)
    disorder = read_log(table(("a", "x", 2), ("a", "y", 1), ("b", "x", 1), ("b", "y", 2))).quality
    assert disorder.disordered == 1
    assert "cases were sorted by time" in said(disorder)


def test_events_that_end_before_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    times = ("2026-01-01 10:00,2026-01-01 11:00", "2026-01-01 12:00,2026-01-01 11:00")
    path.write_text("case,activity,start,end\n" + "".join(f"a,x,{both}\n" for both in times))
    quality = read_log(path).quality
    assert quality.negative == 1
    assert "1 events end before they begin" in said(quality)


def test_skipped_rows_are_counted_once_and_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = [
        "a,x,2026-01-01 10:00",
        ",y,soon",
        "a,,2026-01-01 10:00",
        ",z,2026-01-01 10:00",
        "a,z,",
        "a,z,2026-01-02 10:00",
    ]
    path.write_text("\n".join(["case,activity,time", *lines]))
    quality = read_log(path, skip_bad=True).quality
    assert quality.skipped == {"unreadable time": 1, "no time": 1, "no case": 1, "no activity": 1}
    assert quality.events == 2
    assert "1 rows skipped: no case" in said(quality)


def test_empty_cases_are_counted(tmp_path: Path) -> None:
    path = xes(loans(5), tmp_path / "log.xes")
    empty = '<trace><string key="concept:name" value="nobody"/></trace>'
    path.write_text(path.read_text().replace("</log>", f"{empty}{empty}</log>"))
    quality = read_log(path).quality
    assert (quality.cases, quality.empty_cases) == (5, 2)
    assert "2 cases without any event were left out" in said(quality)


def test_lifecycle_transitions_are_counted() -> None:
    events = table(
        *[("a", "x", hour) for hour in range(3)], **{"lifecycle:transition": ["start", "complete", "complete"]}
    )
    quality = read_log(events).quality
    assert quality.lifecycle == {"start": 1, "complete": 2}
    assert "lifecycle: start 1, complete 2" in said(quality)


def test_drift_of_activities_and_lengths() -> None:
    quality = read_log(weekly(100, first="fax", last="upload")).quality
    assert (quality.vanished, quality.appeared) == (("fax",), ("upload",))
    assert "only in the first fifth of the period: fax" in said(quality)
    assert "only in the last fifth of the period: upload" in said(quality)
    just_begun = table(*[(f"new{i}", "a", 24 * 99 + 5) for i in range(30)])  # open cases are shorter; they do not count
    longer = read_log(pl.concat([weekly(100, lengths=(3, 6)), just_begun])).quality
    assert longer.lengths == (3.0, 6.0)
    assert "events per case: 3.0 in the first fifth of the period, 6.0 in the last" in said(longer)
    assert "events per case" not in said(read_log(weekly(100)).quality)
    assert read_log(weekly(20)).quality.lengths is None  # too few to compare


def test_attributes_from_the_future_are_found() -> None:
    events = [(f"c{case}", name, 100 * case + hour) for case in range(20) for name, hour in (("a", 0), ("b", 50))]
    closed = [f"2030-01-{1 + i // 2 % 28:02}T00:00:00" for i in range(40)]
    opened = ["2020-01-01T00:00:00"] * 40
    verdict = [("yes", "no")[i // 2 % 2] for i in range(40)]
    decision = [None if i % 2 == 0 else verdict[i] for i in range(40)]
    region = [("north", "south")[i // 2 % 2] for i in range(40)]
    attributes = {"case:settled": closed, "case:opened": opened, "case:verdict": verdict, "case:region": region}
    quality = read_log(table(*events, decision=decision, **attributes)).quality
    assert set(quality.written_back) == {"settled", "verdict"}
    assert "known only later, so not used: " in said(quality)
    moments = {"case:settled": pl.Series(closed).str.to_datetime().to_list()}
    assert read_log(table(*events, **moments)).quality.written_back == ("settled",)  # as frames have them
