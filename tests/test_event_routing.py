"""Routing what-ifs on made-up claims, of which it is known what either routing does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.event_logs import HOUR, START
from wmagent.causal.effects import of_means
from wmagent.causal.estimates import Decisions
from wmagent.causal.linear import Linear
from wmagent.cli.app import app
from wmagent.domain.event_log import cases_of
from wmagent.errors import InputError
from wmagent.evals.__main__ import main
from wmagent.events.process_model import ProcessModel
from wmagent.events.recorded import RecordedProcess
from wmagent.events.routing import RoutingEffect, routing
from wmagent.events.settings import EventSettings
from wmagent.worlds.logs import read_log

SMALL = EventSettings(width=24, epochs=2, bins=8, trees=0, refresh=0)
QUESTION = ("assess", "by expert", "by clerk")
CASES = 900


class Truth(NamedTuple):
    """What either routing of everybody comes to, and the differences that records show."""

    paid: tuple[float, float]
    hours: tuple[float, float]
    recorded: tuple[float, float]


def claims(cases: int = CASES, seed: int = 0, everybody: str | None = None) -> tuple[pl.DataFrame, Truth]:
    """Return claims and the truth of them: large ones go to the expert, take longer and are paid less often, whoever
    assesses them; the expert takes 10 hours more and pays .2 more of them. One in twenty is withdrawn instead."""
    rng, rows = np.random.default_rng(seed), []
    size = rng.normal(size=cases)
    shares = np.clip(0.45 - 0.2 * size, 0.02, 0.78)
    expert = rng.random(cases) < 1 / (1 + np.exp(-1.5 * size))
    withdrawn = rng.random(cases) < 0.05
    if everybody is not None:
        expert[:], withdrawn[:] = everybody == "by expert", False
    paid = rng.random(cases) < shares + 0.2 * expert
    usual = 20 + 5 * size
    hours = np.maximum(1, np.where(expert, 10, 0) + usual + rng.normal(size=cases))
    for case in range(cases):
        moment = START + case * 2 * HOUR
        way = "withdraw" if withdrawn[case] else "by expert" if expert[case] else "by clerk"
        course = [("file", 0.0), ("assess", 1.0), (way, 2.0)]
        course += [] if withdrawn[case] else [("pay" if paid[case] else "refuse", float(hours[case]))]
        for activity, gap in course:
            moment += int(gap * HOUR)
            rows.append((f"c{case}", activity, moment, float(size[case])))
    names = ["case:concept:name", "concept:name", "time:timestamp", "case:size"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    ways = [expert & ~withdrawn, ~expert & ~withdrawn]
    recorded = [float(told[ways[0]].mean() - told[ways[1]].mean()) for told in (paid, hours)] if not everybody else []
    truth = Truth(
        (float(shares.mean() + 0.2), float(shares.mean())),
        (float(usual.mean() + 12), float(usual.mean() + 2)),
        (recorded[0], recorded[1]) if recorded else (0.0, 0.0),
    )
    return table.with_columns(pl.col("time:timestamp").cast(pl.Datetime("us", "UTC"))), truth


@pytest.fixture(scope="module")
def asked() -> tuple[RecordedProcess, Truth]:
    table, truth = claims(seed=1)
    log = read_log(table).log
    return RecordedProcess(ProcessModel.learn(log, settings=SMALL), log), truth


@pytest.fixture(scope="module")
def found(asked: tuple[RecordedProcess, Truth]) -> RoutingEffect:
    return routing(asked[0], *QUESTION, "pay")


def test_records_mislead_and_the_adjusted_intervals_hold_the_truth(
    asked: tuple[RecordedProcess, Truth], found: RoutingEffect
) -> None:
    _, truth = asked
    assert found.reached is not None
    for effect, told, shown in (
        (found.reached, truth.paid, truth.recorded[0]),
        (found.hours, truth.hours, truth.recorded[1]),
    ):
        real = told[0] - told[1]
        naive, robust = effect.estimates.naive.difference, effect.estimates.doubly_robust
        assert naive.value == pytest.approx(shown, abs=0.03 * max(1, abs(shown)))
        assert not naive.interval[0] <= real <= naive.interval[1]
        assert robust.difference.interval[0] <= real <= robust.difference.interval[1]
        assert robust.do.interval[0] <= told[0] <= robust.do.interval[1]
        assert robust.instead.interval[0] <= told[1] <= robust.instead.interval[1]
        assert abs(robust.difference.value - real) < 0.3 * abs(naive.value - real)
        weighted = effect.estimates.inverse_propensity.difference
        assert abs(weighted.value - real) < 0.5 * abs(naive.value - real)
        assert 1 < effect.e_value_limit < effect.e_value


def test_it_says_what_it_was_told_from(asked: tuple[RecordedProcess, Truth], found: RoutingEffect) -> None:
    assert found.decisions == found.cases == CASES - found.left_out
    assert found.did + found.did_instead + round(found.others * found.decisions) == found.decisions
    assert 0.03 < found.others < 0.07
    assert found.overlap > 0.8
    assert found.wording == "predicted association"
    assert any("capacity" in note for note in found.notes)
    back = routing(asked[0], "assess", "by clerk", "by expert")
    assert back.reached is None
    assert back.hours.estimates.doubly_robust.difference.value == pytest.approx(
        -found.hours.estimates.doubly_robust.difference.value
    )


def test_late_decisions_are_left_out_whether_their_cases_ended_or_not(
    asked: tuple[RecordedProcess, Truth], found: RoutingEffect
) -> None:
    process, _ = asked
    log = process.log
    rows = np.flatnonzero(log.activity.codes == log.activity.values.index("assess"))
    last = log.time[log.starts[1:][cases_of(log.starts)[rows]] - 1]
    open_cases = last / HOUR >= log.time.max() / HOUR - process.model.patience_hours
    most = np.quantile((last - log.time[rows])[~open_cases], 0.95) / HOUR
    late = log.time[rows] / HOUR > log.time.max() / HOUR - process.model.patience_hours - most
    assert found.left_out == (late | open_cases).sum() > open_cases.sum() + 3


def test_bad_questions_are_refused(asked: tuple[RecordedProcess, Truth]) -> None:
    process, _ = asked
    with pytest.raises(InputError, match="did you mean 'by expert'"):
        routing(process, "assess", "by experts", "by clerk")
    with pytest.raises(InputError, match="unknown activity 'asses'"):
        routing(process, "asses", "by expert", "by clerk")
    with pytest.raises(InputError, match="two different"):
        routing(process, "assess", "by expert", "by expert")
    with pytest.raises(InputError, match=r"0 finished cases went on with 'by clerk' right after 'file'; at least 20"):
        routing(process, "file", "assess", "by clerk")
    with pytest.raises(InputError, match="unknown activity 'paid'"):
        routing(process, *QUESTION, "paid")


def test_nine_in_ten_intervals_of_means_hold_the_truth_and_what_moves_both_arms_moves_no_difference() -> None:
    held, widths = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        both = 10 * rng.normal(size=400)  # known, and the same in either arm
        taken = rng.random(400) < 1 / (1 + np.exp(-both / 10))
        outcome = both + np.where(taken, 3, 0) + rng.normal(size=400)
        propensity = 1 / (1 + np.exp(-both / 10))
        sides = [
            Decisions(side.astype(float), outcome, e, both + add, np.ones(400), np.arange(400))
            for side, e, add in ((taken, propensity, 3), (~taken, 1 - propensity, 0))
        ]
        told = of_means(*sides).doubly_robust
        held.append(told.difference.interval[0] <= 3 <= told.difference.interval[1])
        widths.append([np.ptp(told.difference.interval), np.ptp(told.do.interval)])
    assert 0.9 <= np.mean(held) <= 0.99
    expected = 2 * 1.96 * np.sqrt([2 + 2 * np.exp(0.5), 100]) / np.sqrt(400)  # E(1 / e + 1 / (1 - e)); what both share
    assert np.mean(widths, 0) == pytest.approx(expected, rel=0.1)


def test_a_line_is_found() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 2))
    line = Linear.fit(rows, 5 + rows @ [2.0, -1.0], ridge=1e-6)
    assert line.predict(np.array([[1.0, 1.0]])) == pytest.approx([6.0], abs=1e-6)


def test_the_command_answers_in_tables_and_json(tmp_path: Path, asked: tuple[RecordedProcess, Truth]) -> None:
    claims(seed=1)[0].write_csv(tmp_path / "claims.csv")
    asked[0].model.save(tmp_path / "claims.wm")
    given = ["routing", str(tmp_path / "claims.wm"), str(tmp_path / "claims.csv"), "--after", "assess"]
    given += ["--do", "by expert", "--instead", "by clerk"]
    shown = CliRunner().invoke(app, [*given, "--reach", "pay"])
    assert shown.exit_code == 0, shown.output
    assert "doubly robust" in shown.output
    assert "predicted association" in shown.output
    told = json.loads(CliRunner().invoke(app, [*given, "--reach", "pay", "--json"]).stdout)
    assert told["reached"]["estimates"]["doubly_robust"]["difference"]["value"] > 0
    refused = CliRunner().invoke(app, [*given[:-1], "withdrawn"])
    assert refused.exit_code == 2


def test_the_evaluation_compares_with_logs_in_which_everybody_was_routed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, everybody in (("log", None), ("do", "by expert"), ("instead", "by clerk")):
        claims(300, everybody=everybody)[0].write_csv(tmp_path / f"{name}.csv")
    given = ["routing", str(tmp_path / "log.csv"), "--truth-do", str(tmp_path / "do.csv"), "--truth-instead"]
    words = ["--after", "assess", "--do", "by expert", "--instead", "by clerk", "--reach", "pay", "--preset", "tiny"]
    words += ["--seeds", "0", "-o", str(tmp_path)]
    assert main([*given, str(tmp_path / "instead.csv"), *words]) == 0, capsys.readouterr().err
    told = json.loads((tmp_path / "routing.json").read_text())
    assert str(tmp_path) not in told["command"]
    assert told["truth"]["hours"]["difference"]["value"] == pytest.approx(10, abs=1)
    row = told["per_seed"][0]["hours: difference"]
    assert row["doubly_robust_error"] == pytest.approx(row["doubly_robust"] - row["truth"])
    low, high = row["doubly_robust_interval"]
    assert row["doubly_robust_within"] == float(low <= row["truth"] <= high)
    assert abs(row["doubly_robust_error"]) < abs(row["naive_error"])
    assert "hours: difference" in (tmp_path / "routing.md").read_text()
    assert main([*given, str(tmp_path / "log.csv"), *words]) == 2
    assert "simulated with all of them routed there" in capsys.readouterr().err
