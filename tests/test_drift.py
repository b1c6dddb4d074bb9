"""What changed in a process: made-up changes are found and named, and where there is none, none is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.event_logs import HOUR, START, loans
from wmagent.cli.app import app
from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.worlds.logs import read_log
from wmagent.worlds.logs.comparing import compared, holm
from wmagent.worlds.logs.drift import Drift, drift

CASES = 400
CHANGED = 250  # the case from which on the process is another one
DAY = datetime.fromtimestamp((START + CHANGED * 6 * HOUR) / 1e6, UTC)


def stationary(seed: int, cases: int = CASES) -> EventLog:
    return read_log(loans(cases, seed)).log


def changed_table() -> pl.DataFrame:
    """Return loans in which, from one day on, half of those granted are audited, none are checked again, and amounts
    are twice as large."""
    late = pl.col("case:concept:name").str.slice(1).cast(pl.Int64) >= CHANGED
    table = loans(CASES, 3).filter(~(late & (pl.col("concept:name") == "check again")))
    table = table.with_columns(
        pl.when(late).then(2 * pl.col("case:amount")).otherwise("case:amount").alias("case:amount")
    )
    granted = table.filter(late & (pl.col("concept:name") == "grant")).gather_every(2)
    later = pl.col("time:timestamp") + pl.duration(hours=1)
    audits = granted.with_columns(pl.lit("audit").alias("concept:name"), later)
    return pl.concat([table, audits])


@pytest.fixture(scope="module")
def found() -> Drift:
    return drift(read_log(changed_table()).log)


def sentence(found: Drift, kind: str, *what: str | None) -> str:
    (one,) = (change for change in found.changes if change.kind == kind and change.what == what)
    return one.sentence


def test_what_changed_is_found_named_and_dated(found: Drift) -> None:
    assert found.since is not None
    assert abs((datetime.fromisoformat(found.since).replace(tzinfo=UTC) - DAY).days) <= 7
    assert sentence(found, "activity", "audit").startswith("'audit' is new: it happens in ")
    assert sentence(found, "activity", "check again").startswith("'check again' happens in ")
    assert sentence(found, "transition", "grant", "pay out").endswith(" % of cases instead of 100 %")
    assert sentence(found, "number", "amount").startswith("'amount' is ")
    effects = [abs(one.effect) for one in found.changes]
    assert effects == sorted(effects, reverse=True)
    assert all(one.p < 0.05 for one in found.changes)
    assert not {"arrivals", "resources"} & {one.kind for one in found.changes}
    assert "slow" not in json.dumps(found.plain())


def test_no_change_is_told_where_there_is_none() -> None:
    told = [bool(drift(stationary(seed), DAY if seed % 2 else None).changes) for seed in range(16)]
    assert sum(told) <= 1


def test_cases_that_began_lately_do_not_look_short() -> None:
    log = stationary(5)
    began = np.repeat(log.time[log.starts[:-1]], np.diff(log.starts))
    slow = replace(log, time=began + 20 * (log.time - began))
    until = datetime.fromtimestamp(began[-1].item() / 1e6, UTC)
    assert drift(slow, DAY, until).changes == ()


def test_effects_are_differences_of_shares_and_corrected_for_many_comparisons() -> None:
    before = np.stack([np.arange(100) < 30, np.arange(100) < 50, np.arange(100) < 1], 1).astype(float)
    after = np.stack([np.arange(200) < 120, np.arange(200) < 100, np.arange(200) < 2], 1).astype(float)
    p, effect = compared(before, after)
    assert effect == pytest.approx([0.3, 0.0, 0.0])
    assert p[0] < 1e-5
    assert p[1] == p[2] == 1
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_rare_values_are_no_evidence_of_much() -> None:
    before, after = np.zeros((1000, 1)), np.zeros((20, 1))
    after[:2, 0] = [1.0, 2.0]
    (p,), _ = compared(before, after)
    assert 1e-4 < p < 1e-2  # exactly: 19 in 51,918


def test_persons_are_not_told_by_attributes() -> None:
    late = pl.col("case:concept:name").str.slice(1).cast(pl.Int64) >= CHANGED
    names = pl.when(late).then(pl.lit("slow")).otherwise(pl.lit("fast"))
    table = loans(CASES).with_columns(names.alias("case:door"), late.cast(pl.Int64).alias("case:responsibleActor"))
    assert drift(read_log(table).log, DAY).changes == ()
    named = table.with_columns(pl.when(late).then(pl.lit("web")).otherwise(pl.lit("post")).alias("case:door"))
    assert {one.what[0] for one in drift(read_log(named).log, DAY).changes} == {"door"}


@pytest.mark.parametrize(
    ("since", "message"),
    [
        ("March", "since is a day such as 2026-03-01, not 'March'"),
        ("2031-01-01", "outside of the log; give a day after 2023-11-14, up to"),
        ("2023-11-16", r"\d cases before and \d+ from 2023-11-16 on were observed"),
    ],
)
def test_days_that_cannot_be_used(since: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        drift(stationary(0), since)


def test_too_few_cases() -> None:
    with pytest.raises(InputError, match="30 cases are too few"):
        drift(stationary(0, 30))


def test_the_command_answers_people_and_programs_and_draws(tmp_path: Path) -> None:
    changed_table().write_parquet(source := tmp_path / "loans.parquet")
    args = ["drift", str(source), "--since", DAY.strftime("%Y-%m-%d")]
    shown = CliRunner().invoke(app, args)
    assert "'audit' is new" in shown.stdout
    answer = CliRunner().invoke(app, [*args, "--json", "--out", str(tmp_path / "drift.png")])
    assert json.loads(answer.stdout)["changes"][0]["n_before"] > 0
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(app, [*args, "--out", "drift.doc"]).exit_code == 2
