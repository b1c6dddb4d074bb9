"""Odd events of a log: alarms at a rate that is kept, kinds that are named, injected anomalies that are found."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.event_logs import HOUR, loans
from wmagent.cli.app import app
from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.evals.event_anomalies import OURS, Surprises
from wmagent.evals.event_anomalies import anomalies as found_again
from wmagent.evals.event_injecting import ORDERED, TIMED, inject
from wmagent.evals.event_split import strict_split
from wmagent.events.alarms import Alarms, Ranks
from wmagent.events.anomalies import anomalies
from wmagent.events.process_model import ProcessModel
from wmagent.events.ranking import score_cases
from wmagent.events.settings import EventSettings
from wmagent.events.silences import outlasting, overdue_after, tails
from wmagent.events.targets import Bins
from wmagent.worlds.logs import read_log


@pytest.fixture(scope="module")
def log() -> EventLog:
    return read_log(loans(200)).log


@pytest.fixture(scope="module")
def model(log: EventLog) -> ProcessModel:
    pool = log.take(strict_split(log).pool)
    learned = ProcessModel.learn(pool, settings=EventSettings(width=32, epochs=5, trees=20))
    return dataclasses.replace(learned, patience_hours=72.0)


def test_ranks_are_those_of_the_last_values() -> None:
    values, ranks = np.random.default_rng(0).integers(0, 9, 60).astype(float).tolist(), Ranks(20)
    for place, value in enumerate(values):
        before = values[max(0, place - 20) : place]
        assert ranks.p_value(value) == (1 + sum(other >= value for other in before)) / (1 + len(before))
        ranks.add(value)


def test_the_rate_of_alarms_is_kept_while_surprises_grow() -> None:
    rng, alarms = np.random.default_rng(1), Alarms(0.05)
    for surprise in rng.exponential(size=2_000):
        alarms.judge({"activity": float(surprise)})
    judged = [alarms.judge({"activity": 5 * float(surprise)}) for surprise in rng.exponential(size=1_000)]
    assert np.mean([one.p_value <= 0.05 for one in judged]) > 0.1  # with a level that stays as it is
    assert np.mean([one.alarm for one in judged]) == pytest.approx(0.05, abs=0.02)
    assert alarms.realised == pytest.approx(0.05, abs=0.01)


def test_one_p_value_is_left_of_several_kinds_of_surprise() -> None:
    rng, alarms = np.random.default_rng(2), Alarms(0.1)
    judged = [alarms.judge({"activity": rng.exponential(), "time": rng.exponential()}) for _ in range(3_000)]
    shares = [np.mean([one.p_value <= level for one in judged]) for level in (0.05, 0.2, 0.5)]
    assert shares == pytest.approx([0.05, 0.2, 0.5], abs=0.03)
    assert alarms.judge({"activity": 0.1, "time": 40.0}).kind == "time"


def test_tails_and_silences_by_hand() -> None:
    bins = Bins(np.array([1e-6, 2.0, 4.0]), np.array([0.0, 1.0, 3.0, 8.0]))
    probs = np.array([0.1, 0.4, 0.3, 0.2])
    found = tails(bins, np.tile(probs, (5, 1)), np.array([0.0, 1.0, 4.0, 8.0, 16.0]))
    assert found[:, 0] == pytest.approx([0.1, 0.3, 0.8, 0.9, 0.95], abs=1e-5)
    assert found[:, 1] == pytest.approx([1.0, 0.7, 0.2, 0.1, 0.05], abs=1e-5)  # half of the last bin beyond its median
    assert outlasting(bins, 0.5 * probs, 8.0) == pytest.approx(0.5 + 0.05)
    for alpha in (0.7, 0.3, 0.02):
        assert outlasting(bins, probs, overdue_after(bins, probs, alpha)) == pytest.approx(alpha, abs=1e-4)
    assert overdue_after(bins, 0.9 * probs, 0.05) == np.inf  # it may be over


def test_kinds_are_named_with_what_was_expected(model: ProcessModel) -> None:
    table = loans(90, 4)
    clean = read_log(table).log
    lengths = np.diff(clean.starts)
    small = [clean.cases[place] for place in range(40, 70) if lengths[place] == 5][:4]  # granted and paid out
    start = int(clean.starts[clean.cases.index(small[0])])
    time = clean.time.copy()
    time[start + 2 : start + 5] += 400 * HOUR  # the decision is late
    log = dataclasses.replace(clean, time=time)
    gone = np.ones(len(log), bool)
    start = int(log.starts[log.cases.index(small[1])])
    gone[start + 2 : start + 5] = False  # over after the check
    codes = log.activity.codes.copy()
    start = int(log.starts[log.cases.index(small[2])])
    codes[start + 3], codes[start + 4] = codes[start + 4], codes[start + 3]  # paid out before it is granted
    log = dataclasses.replace(log, activity=dataclasses.replace(log.activity, codes=codes)).where(gone)
    checked = anomalies(model, log, 0.05)
    odd = {(one.case, one.event): one for one in checked.anomalies}
    assert odd[small[0], 3].kind == "too late"
    assert odd[small[1], 2].kind == "end"
    assert odd[small[1], 2].expected[0][0] == "decide"
    swapped = odd[small[2], 4]
    assert (swapped.activity, swapped.kind, swapped.expected[0][0]) == ("pay out", "activity", "grant")
    assert checked.alarm_rate == pytest.approx(0.05, abs=0.02)
    assert checked.judged > len(log)
    worst = score_cases(model, log)
    assert {log.cases[place] for place in np.argsort(-worst)[:8]} >= set(small[:3])


def test_a_case_that_should_have_gone_on_is_overdue(model: ProcessModel) -> None:
    clean = read_log(loans(60, 5)).log
    kept = np.ones(len(clean), bool)
    start = int(clean.starts[50])
    kept[start + 2 : int(clean.starts[51])] = False
    patient = dataclasses.replace(model, patience_hours=1_000.0)
    (silent,) = (one for one in anomalies(patient, clean.where(kept), 0.1).overdue if one.case == clean.cases[50])
    assert (silent.event, silent.activity, silent.kind) == (2, "check", "overdue")
    with pytest.raises(InputError, match="between 0 and 1"):
        anomalies(model, clean, 1.5)


def test_injecting_is_repeatable_and_changes_a_tenth(log: EventLog) -> None:
    cases = np.arange(100, 200)
    for kinds in (TIMED, ORDERED):
        one, same, other = (inject(log, cases, seed, kinds) for seed in (3, 3, 4))
        assert np.array_equal(one.log.time, same.log.time)
        assert np.array_equal(one.log.activity.codes, same.log.activity.codes)
        assert not np.array_equal(one.kinds, other.kinds)
        assert (one.kinds != "").sum() == 10
        assert not (one.kinds[:100] != "").any()
        untouched = np.flatnonzero(one.kinds == "")
        assert np.array_equal(one.log.take(untouched).time, log.take(untouched).time)
        assert (one.log.gaps() >= 0).all()
    with pytest.raises(InputError, match="known: skip"):
        inject(log, cases, 0, ("skipped",))


@pytest.mark.parametrize(
    ("kind", "more"),
    [("skip", -1), ("insert", 1), ("rework", 1), ("swap", 0), ("moved earlier", 0), ("early", 0), ("late", 0)],
)
def test_every_kind_does_what_it_says(log: EventLog, kind: str, more: int) -> None:
    found = inject(log, np.arange(60), 1, (kind,))
    cases = np.flatnonzero(found.kinds == kind)
    assert len(cases) == 6
    for case in cases.tolist():
        before, after = log.take(np.array([case])), found.log.take(np.array([case]))
        assert len(after) == len(before) + more
        if more:
            continue
        same = np.array_equal(after.time, before.time)
        names = [[part.activity.values[code] for code in part.activity.codes] for part in (before, after)]
        assert sorted(names[0]) == sorted(names[1])
        assert (names[0] == names[1]) == (kind in ("early", "late"))
        assert same == (kind not in ("early", "late"))
        span, was = (int(part.time[-1] - part.time[0]) for part in (after, before))
        assert (span > was, span < was) == (kind == "late", kind == "early")


def test_ours_finds_injected_anomalies_beside_floors(model: ProcessModel, log: EventLog) -> None:
    split = strict_split(log)
    blind = {"blind": lambda asked: Surprises(np.zeros(len(asked)), np.zeros(len(asked.cases)))}
    found = found_again(model, log, split, 0, blind)
    scores = found["scores"]
    assert scores[OURS]["auroc"] > 0.75
    assert scores[OURS]["auroc"] >= scores["Markov, mean"]["auroc"]
    assert scores["n-gram, max"]["auroc"] > 0.5
    assert scores["blind, mean"]["auroc"] == 0.5
    assert sum(found["injected"].values()) == round(0.1 * len(split.others))
    json.dumps(found, allow_nan=False)


def test_the_command_answers_for_logs(model: ProcessModel, tmp_path: Path) -> None:
    model.save(tmp_path / "loans.wm")
    loans(60, 9).write_csv(tmp_path / "today.csv", datetime_format="%Y-%m-%dT%H:%M:%S%.6f+00:00")
    given = ["anomalies", str(tmp_path / "loans.wm"), str(tmp_path / "today.csv"), "--alpha", "0.1", "--exit-code"]
    done = CliRunner().invoke(app, [*given, "--json"])
    assert done.exit_code == 6, done.output
    found = json.loads(done.stdout)
    assert found["alarm_rate"] == len(found["anomalies"]) / found["judged"]
    assert {"case", "event", "activity", "time", "p_value", "kind", "expected"} == set(found["anomalies"][0])
    assert "slow" not in done.stdout  # who did it
    table = CliRunner().invoke(app, given)
    assert "alpha is 10.0%" in table.stdout
