"""A model of a process: learned from a log, kept, followed through time; from the command line too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from tests.event_logs import loans, xes
from wmagent.cli.app import app
from wmagent.domain.event_log import EventLog, rows_of, with_transitions
from wmagent.errors import CheckpointError, InputError
from wmagent.events.following import follow
from wmagent.events.forecasts import forecasts
from wmagent.events.heads import OutcomeHead, undecided
from wmagent.events.histories import Vocabulary, histories
from wmagent.events.process_model import ProcessModel
from wmagent.events.targets import Bins, targets
from wmagent.worlds.logs import read_log


@pytest.fixture(scope="module")
def log() -> EventLog:
    return read_log(loans(400)).log


@pytest.fixture(scope="module")
def model(log: EventLog) -> ProcessModel:
    return ProcessModel.learn(log.take(np.arange(300)), seed=0, preset="tiny")


def test_it_has_learned_the_process(model: ProcessModel, log: EventLog) -> None:
    history = model.read(log)
    rows = rows_of(history.starts, np.arange(300, 400))
    followed = follow(model, history, rows, np.arange(300, 400))
    wanted = targets(history, np.ones(400, bool), model.vocabulary.end).next[rows]
    lost = -np.log(followed.events[np.arange(len(rows)), wanted]).mean()
    assert lost < 0.25  # certain but for two choices of six events; guessing among all is 2.1
    decided = log.activity.values.index("decide")
    amount = log.case_attributes["amount"]
    assert isinstance(amount, np.ndarray)
    large = amount[np.searchsorted(log.starts, rows, side="right") - 1] > 40_000
    at = log.activity.codes[rows] == decided
    refuse = model.vocabulary.activities.index("refuse")
    assert followed.events[at & large, refuse].mean() > 0.75
    assert followed.events[at & ~large, refuse].mean() < 0.25
    assert followed.sets[np.arange(len(rows)), wanted].mean() > 0.8


def test_latents_tell_histories_apart(model: ProcessModel) -> None:
    found = model.card["latents"]
    assert isinstance(found, dict)
    assert found["effective_rank"] > 4


def test_the_predictor_knows_which_event_came(model: ProcessModel, log: EventLog) -> None:
    history = model.read(log)
    rows = rows_of(history.starts, np.arange(300, 400))
    inside = rows[~np.isin(rows, history.starts[1:] - 1)]
    latents, after = (torch.from_numpy(model.latents(history, at)) for at in (inside, inside + 1))
    event = torch.from_numpy(history.activity[inside + 1])
    gap = torch.from_numpy(model.gaps.codes(history.gap[inside + 1]))
    with torch.inference_mode():
        right = (model.network.imagine(latents, event, gap) - after).square().mean()
        other = torch.roll(event, 1)
        wrong = (model.network.imagine(latents, other, gap) - after).square().mean()
    assert right < 0.6 * wrong


def test_a_saved_model_says_the_same(model: ProcessModel, log: EventLog, tmp_path: Path) -> None:
    model.save(tmp_path / "loans.wm")
    again = ProcessModel.load(tmp_path / "loans.wm")
    history = model.read(log)
    rows = rows_of(history.starts, np.arange(300, 320))
    assert np.array_equal(model.experts(history, rows), again.experts(again.read(log), rows))
    hours = [one.remaining_interval(history, rows, one.latents(history, rows)) for one in (model, again)]
    assert np.array_equal(hours[0], hours[1])
    assert again.card == json.loads(json.dumps(model.card))
    (tmp_path / "loans.wm" / "trees.txt").write_text("tree")
    with pytest.raises(CheckpointError, match="is not the file that was saved"):
        ProcessModel.load(tmp_path / "loans.wm")
    with pytest.raises(CheckpointError, match="no process model there"):
        ProcessModel.load(tmp_path)


def test_the_same_seed_twice(log: EventLog) -> None:
    few = log.take(np.arange(60))
    history = histories(few, Vocabulary.of(few))
    first, again = (ProcessModel.learn(few, seed=3, preset="tiny").experts(history, np.arange(50)) for _ in range(2))
    assert np.array_equal(first, again)


def test_attributes_that_are_known_only_later_are_not_read(log: EventLog) -> None:
    assert "amount" in Vocabulary.of(log).case_numbers
    assert "amount" not in Vocabulary.of(log, ["amount"]).case_numbers


def test_event_attributes_are_carried_on_within_a_case() -> None:
    table = loans(3).with_row_index("n")
    log = read_log(table).log
    values = np.full(len(log), np.nan)
    values[1], values[log.starts[1] + 2] = 5.0, 7.0
    told = EventLog(log.cases, log.starts, log.activity, log.time, event_attributes={"score": values})
    vocabulary = Vocabulary.of(told)
    numbers = histories(told, vocabulary).numbers
    known = numbers[:, -1]
    assert known[: log.starts[1]].tolist() == [0.0, *[1.0] * (log.starts[1] - 1)]
    assert known[log.starts[1] : log.starts[2]].tolist() == [0.0, 0.0, *[1.0] * (log.starts[2] - log.starts[1] - 2)]


def test_hours_are_cut_and_put_together_again() -> None:
    hours = np.concatenate([np.zeros(50), np.random.default_rng(0).exponential(24, 2_000)])
    bins = Bins.of(hours, 24)
    assert bins.codes(np.array([0.0]))[0] == 0
    share = np.bincount(bins.codes(hours), minlength=24) / len(hours)
    told = bins.quantiles(share[None], np.array([0.1, 0.5, 0.9]))[0]
    assert told == pytest.approx(np.quantile(hours, [0.1, 0.5, 0.9]), rel=0.1, abs=0.5)


def test_heads_say_what_becomes_of_a_case_and_when(model: ProcessModel, log: EventLog) -> None:
    history, over = model.read(log), np.ones(400, bool)
    head = OutcomeHead(model, "grant").fit(history, np.arange(300), over, rounds=40)
    rows, hit = undecided(history, np.arange(300, 400), head.codes, over)
    assert all(history.activity[row] not in head.codes for row in rows.tolist())
    said = head.predict(history, rows)
    assert said[hit].mean() - said[~hit].mean() > 0.4
    with pytest.raises(InputError, match="unknown activity 'grand'; did you mean 'grant'"):
        OutcomeHead(model, "grand")
    low, middle, high = model.remaining_interval(history, rows, model.latents(history, rows)).T
    assert (low <= middle).all()
    assert (middle <= high).all()
    end = history.hours[history.starts[1:] - 1][np.searchsorted(history.starts, rows, side="right") - 1]
    true = end - history.hours[rows]
    assert np.abs(middle - true).mean() < np.abs(np.median(true) - true).mean()


def test_only_cases_that_may_go_on_are_forecast(model: ProcessModel, log: EventLog) -> None:
    found = forecasts(model, log)
    assert 0 < len(found) < 40
    assert {one.case for one in found} >= {"c399"}
    (named,) = forecasts(model, log, ["c5"])
    assert named.case == "c5"
    assert named.remaining_hours[0] <= named.remaining_hours[1] <= named.remaining_hours[2]
    with pytest.raises(InputError, match="unknown case 'c9999'"):
        forecasts(model, log, ["c9999"])


def test_transitions_become_part_of_names() -> None:
    table = loans(5).to_pandas()
    table["lifecycle:transition"] = ["START", "COMPLETE"] * (len(table) // 2) + ["COMPLETE"] * (len(table) % 2)
    log = read_log(table).log
    assert len(with_transitions(log)) == (table["lifecycle:transition"] == "COMPLETE").sum()
    assert all(name.endswith(("+start", "+complete")) for name in with_transitions(log, "all").activity.values)
    with pytest.raises(InputError, match="complete or all"):
        with_transitions(log, "some")


def test_events_without_a_transition_keep_their_name() -> None:
    table = loans(5)
    said = [(None, "START", "COMPLETE")[row % 3] for row in range(len(table))]
    log = with_transitions(read_log(table.with_columns(pl.Series("lifecycle:transition", said))).log, "all")
    names = [
        name if transition is None else f"{name}+{transition.lower()}"
        for name, transition in zip(table["concept:name"], said, strict=True)
    ]
    assert [log.activity.values[code] for code in log.activity.codes] == names


def test_too_little_is_refused(log: EventLog) -> None:
    with pytest.raises(InputError, match="5 cases; at least 10"):
        ProcessModel.learn(log.take(np.arange(5)))


def run(*args: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, args), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_from_the_command_line(tmp_path: Path) -> None:
    path = xes(loans(120), tmp_path / "loans.xes")
    folder = tmp_path / "loans.wm"
    assert run("learn", path, "-o", folder, "--preset", "tiny")["quality"]["cases"] == 120
    said = run("forecast", folder, path)
    assert said["open"] == len(said["cases"]) > 0
    assert abs(sum(chance for _, chance in said["cases"][0]["next"]) - 1) < 0.05
    assert "remaining" in CliRunner().invoke(app, ["forecast", str(folder), str(path)]).stdout


def test_the_protocol_from_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = xes(loans(150), tmp_path / "loans.xes")
    said = run("eval", "log", path, "--preset", "tiny", "--outcome", "grant", "-o", tmp_path / "results")
    floors = {"majority", "Markov", "n-gram, online", "LSTM", "boosted trees"}
    assert set(said["next_event"]) >= {"wmagent, online", *floors}
    assert set(said["random_split"]["next_event"]) == {"n-gram", "LSTM"}
    assert "flatter" in said["random_split"]["note"]
    assert said["next_event"]["wmagent, online"]["nll"] < said["next_event"]["majority"]["nll"] / 2
    assert 0 <= said["outcome"]["wmagent, direct head"]["auc"] <= 1
    assert set(said["courses"]["rollers"]) == {"wmagent, online", "LSTM", "4-gram"}
    gate = said["action_gate"]["wmagent"]
    assert gate["correct"] < gate["none"] < gate["shuffled"]
    assert set(said["ablations"]) > {"full", "random encoder", "no regulariser"}
    assert {"wmagent, online", "n-gram, mean", "LSTM, max"} < set(said["anomalies"]["scores"])
    assert (tmp_path / "results" / "log-loans-complete-seed-0.md").is_file()
    assert "LightGBM" not in capfd.readouterr().out  # it writes past Python, into the one JSON object
