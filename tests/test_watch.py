"""A growing log watched from the command line: new lines, partly written ones, bad ones, a file that starts again."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.event_logs import loans
from wmagent.cli.app import app
from wmagent.domain.happening import Happening
from wmagent.errors import InputError
from wmagent.events.anomalies import Anomaly, anomalies
from wmagent.events.process_model import ProcessModel
from wmagent.events.settings import EventSettings
from wmagent.events.watching import Watched, Watcher
from wmagent.worlds.logs import read_log
from wmagent.worlds.logs.columns import Counted
from wmagent.worlds.logs.growing import LONGEST, Growing, split
from wmagent.worlds.logs.moments import Moments
from wmagent.worlds.logs.times import microseconds

HEADER = "case:concept:name,concept:name,time:timestamp,org:resource,case:amount"


@pytest.fixture(scope="module")
def model() -> ProcessModel:
    learned = ProcessModel.learn(read_log(loans(120)).log, settings=EventSettings(width=24, epochs=3, trees=10))
    return dataclasses.replace(learned, patience_hours=72.0)  # longer than any gap, so that no case ends too early


@pytest.fixture(scope="module")
def saved(model: ProcessModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "loans.wm"
    model.save(path)
    return path


def table(cases: int, seed: int) -> pl.DataFrame:
    return loans(cases, seed).sort("time:timestamp", maintain_order=True)


def happenings(rows: pl.DataFrame) -> Iterator[Happening]:
    for row in rows.iter_rows(named=True):
        yield Happening(
            row["case:concept:name"],
            row["concept:name"],
            int(row["time:timestamp"].timestamp() * 1_000_000),
            row["org:resource"],
            {"case:amount": row["case:amount"]},
        )


def lines(rows: pl.DataFrame) -> list[str]:
    return [
        f"{row[0]},{row[1]},{row[2].isoformat()},{row[3]},{row[4]}"
        for row in rows.iter_rows()
    ]  # fmt: skip


def test_watching_says_what_the_whole_log_says(model: ProcessModel) -> None:
    rows = table(50, 7)
    watcher = Watcher(model, 0.05)
    said = [one for event in happenings(rows) for one in watcher.see(event)]
    odd = [one if isinstance(one, Anomaly) else one.anomaly for one in said]
    checked = anomalies(model, read_log(rows).log, 0.05)
    assert {one for one in odd if one} == set(checked.anomalies)
    assert len(checked.anomalies) >= 5
    assert watcher.detector.alarms.events == checked.judged
    assert sum(isinstance(one, Watched) for one in said) == len(rows)


def test_silence_beyond_expectation_is_told_once_by_the_clock_of_the_log(model: ProcessModel) -> None:
    watcher = Watcher(dataclasses.replace(model, patience_hours=1_000.0), 0.1)
    first, *later = happenings(table(40, 3))
    silent = dataclasses.replace(first, case="silent", activity="apply")
    check = dataclasses.replace(silent, activity="check")
    again = dataclasses.replace(check, time=later[len(later) // 2].time)  # then it is silent once more
    later.insert(len(later) // 2, again)
    told = [one for event in (silent, check, *later) for one in watcher.see(event)]
    overdue = [one for one in told if isinstance(one, Anomaly) and one.kind == "overdue" and one.case == "silent"]
    assert len(overdue) == 1
    assert (overdue[0].event, overdue[0].activity) == (2, "check")
    assert overdue[0].p_value <= 0.1
    assert watcher.overdue >= 1


def growing(**columns: str) -> tuple[Growing, list[str]]:
    said: list[str] = []
    return Growing(columns, said.append), said


def test_bad_lines_are_told_with_their_number_and_counted() -> None:
    reader, said = growing(case="Ticket")
    text = (
        b"Ticket;activity;time\n1;check;2026-03-01T09:30:00Z\n1;check\n1;check;tomorrow\n;check;2026-03-01T09:30:00Z\n"
        b"\n\xff;check;2026-03-01T09:30:00Z\n1;check;2026-03-01 09:30\n2;pay;2026-03-01T10:30:00+01:00"
    )
    found = list(reader.events(split(iter([text[:50], text[50:51], text[51:]]))))
    assert [(event.case, event.activity) for event in found] == [("1", "check"), ("2", "pay")]
    assert found[0].time == found[1].time
    assert reader.bad == 5
    assert [line.split(" ")[1] for line in said] == ["3", "4", "5", "7", "8"]


def test_json_lines_and_what_is_no_event() -> None:
    reader, said = growing()
    text = (
        b'{"case": 4711, "activity": "check", "time": "2026-03-01T09:30:00Z", "amount": 7}\n[1]\n{"case": 1}\n{\n'
        b'{"case": "x", "activity": "pay", "time": 17}\n' + b"{" * (LONGEST + 9) + b"\n"
        b'{"case": "x", "activity": "pay", "time": "2026-03-01T09:31:00Z", "lifecycle": "start"}\n'
    )
    (event,) = reader.events(split(iter([text])))
    assert (event.case, event.attributes) == ("4711", {"amount": 7})
    assert (reader.bad, reader.left_out, len(said)) == (5, 1, 5)


@pytest.mark.parametrize(
    "said",
    [
        "2026-03-01T09:30:00.250Z",
        "2026-03-01 10:30:00+01",
        "2026-03-01 10:30:00 +0100",
        "2026-03-01 09:30:00 UTC",
        "2026/03/01 09:30",
        "2026-03-01",
        "01.03.2026 09:30:00.5",
        "01.03.2026 09:30",
        "01/03/2026 09:30:00 AM",
        "03/25/2026 09:30",
        "25-03-2026 09:30",
        "25.03.2026",
    ],
)
def test_times_are_read_as_in_whole_logs(said: str) -> None:
    whole = microseconds(pl.Series([said]), "time", False, Counted())[0]
    assert Moments(lambda _: None).read(said) == whole


def test_times_keep_the_format_of_the_first_and_may_be_numbers() -> None:
    told: list[str] = []
    moments = Moments(told.append)
    first = moments.read("03/25/2026 09:30")
    assert moments.read("03/05/2026 09:30") == first - 20 * 24 * 3_600_000_000
    with pytest.raises(ValueError, match="or as the first one: %m/%d/%Y"):
        moments.read("25/03/2026 09:30")
    assert told == ["times are read as %m/%d/%Y %H:%M; see that day and month are meant so",
                    "times have no zone and are taken as UTC"]  # fmt: skip
    with pytest.raises(ValueError, match="had no zone so far"):
        moments.read(1_774_431_000)
    numbers = Moments(told.append)
    for said in (1_774_431_000, "1774431000", 1_774_431_000_000, "1774431000000", 1_774_431_000.0):
        assert numbers.read(said) == first
    for said in (17, True, float("nan"), "20260325093000", 1_774_431_000_000_000, None, "", [1_774_431_000]):
        with pytest.raises(ValueError, match="no time that can be read here"):
            numbers.read(said)


def test_a_packed_log_is_refused() -> None:
    reader, _ = growing()
    with pytest.raises(InputError, match=r"gunzip -c"):
        list(reader.events(split(iter([gzip.compress(b"case,activity,time\n")]))))


def test_a_header_without_the_needed_columns_is_refused() -> None:
    reader, _ = growing()
    with pytest.raises(InputError, match=r"--column activity=…"):
        list(reader.events(split(iter([b"case,what,time\n1,check,2026-03-01T09:30:00Z\n"]))))


class Running:
    """`wmagent watch` as a process of its own."""

    def __init__(self, *arguments: str | Path, cwd: Path) -> None:
        command = [sys.executable, "-m", "wmagent", "watch", *map(str, arguments)]
        self.out, self.said = cwd / "out.jsonl", cwd / "said.txt"
        with self.out.open("w") as out, self.said.open("w") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=said)

    def rows(self) -> list[dict[str, Any]]:
        text = self.out.read_text("utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def wait_for(self, events: int) -> list[dict[str, Any]]:
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            if len(found := [row for row in self.rows() if "next" in row]) >= events:
                return found
            time.sleep(0.05)
        raise AssertionError(self.said.read_text("utf-8"))


def test_a_growing_file_is_followed_until_it_is_interrupted(saved: Path, tmp_path: Path) -> None:
    text = lines(table(8, 5))
    source = tmp_path / "today.csv"
    source.write_text("\n".join([HEADER, *text[:4]]) + "\n", encoding="utf-8")
    running = Running(saved, source, "--follow", cwd=tmp_path)
    try:
        assert len(running.wait_for(4)) == 4
        half = len(text[5]) // 2
        with source.open("a", encoding="utf-8") as file:
            file.write(f"{text[4]}\nnonsense\n{text[5][:half]}")
            file.flush()
            running.wait_for(5)
            time.sleep(0.5)
            assert len(running.rows()) == 5  # a partly written line waits
            file.write(f"{text[5][half:]}\n")
        found = running.wait_for(6)
        assert found[5]["time"][:19] == text[5].split(",")[2][:19]
        source.write_text(f"{HEADER}\n{text[6]}\n", encoding="utf-8")  # shorter than before
        assert running.wait_for(7)[6]["activity"] == text[6].split(",")[1]
        other = tmp_path / "new.csv"
        other.write_text("\n".join([HEADER, *text[7:9]]) + "\n" + "#" * 900, encoding="utf-8")  # longer, another file
        os.replace(other, source)
        last = running.wait_for(9)[8]
        assert {"case", "event", "time", "p_value", "kind", "next", "likely", "remaining_hours"} <= set(last)
        shown = running.out.read_text("utf-8")
        assert "slow" not in shown  # who did it
        assert "fast" not in shown
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 0
    finally:
        running.process.kill()
        running.process.wait()
    said = running.said.read_text("utf-8")
    assert said.count("read from its start again") == 2
    assert "line 7 was left out" in said
    assert "9 events, 1 bad lines" in said


def test_stdin_is_read_to_its_end(saved: Path) -> None:
    events = list(happenings(table(6, 5)))
    rows = [
        {"case": event.case, "activity": event.activity, "time": str(np.datetime64(event.time, "us")), "amount": 5000.0}
        for event in events
    ]
    done = CliRunner().invoke(app, ["watch", str(saved), "-", "--alpha", "0.1"], input="\n".join(map(json.dumps, rows)))
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["activity"] for row in told if "next" in row] == [event.activity for event in events]
    assert f"{len(rows)} events, 0 bad lines" in done.stderr
    assert "alpha is 10.0%" in done.stderr


def test_what_does_not_grow_line_by_line_is_refused(saved: Path, tmp_path: Path) -> None:
    for name, words in (("log.xes", "wmagent anomalies"), ("log.csv.gz", "gunzip -c"), ("missing.csv", "no such file")):
        done = CliRunner().invoke(app, ["watch", str(saved), str(tmp_path / name)])
        assert done.exit_code == 2
        assert name in done.stderr
        assert words in done.stderr
