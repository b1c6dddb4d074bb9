"""The predictor learns several events ahead, and what it imagines goes with what has been revealed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.event_logs import loans
from wmagent.domain.event_log import EventLog, rows_of
from wmagent.events.counts import Counts, Remembered
from wmagent.events.following import Follower, follow
from wmagent.events.overshooting import open_loop
from wmagent.events.process_model import ProcessModel
from wmagent.events.rollouts import Imagination, rollouts
from wmagent.events.settings import event_preset
from wmagent.events.targets import targets
from wmagent.worlds.logs import read_log


@pytest.fixture(scope="module")
def log() -> EventLog:
    return read_log(loans(300)).log


def learned(log: EventLog, overshoot: int) -> ProcessModel:
    settings = event_preset("tiny").model_copy(update={"trees": 0, "refresh": 0, "overshoot": overshoot})
    return ProcessModel.learn(log.take(np.arange(200)), seed=0, settings=settings)


@pytest.fixture(scope="module")
def model(log: EventLog) -> ProcessModel:
    return learned(log, 150)


def test_overshooting_leaves_the_encoder_and_imagines_better(model: ProcessModel, log: EventLog) -> None:
    history, rows = model.read(log), np.arange(len(log))
    every = targets(history, np.ones(len(log.cases), bool), model.vocabulary.end).next
    asked = rows_of(log.starts, np.arange(200, 300))
    asked = asked[asked - np.repeat(log.starts[:-1], np.diff(log.starts))[asked] >= 3]
    lost = []
    for one in (learned(log, 0), model):
        latents = one.latents(history, rows)
        assert latents == pytest.approx(model.latents(history, rows))
        told = one.next_events(open_loop(one.network, one.gaps, history, latents, asked, 3).numpy())
        lost.append(-np.log(told[np.arange(len(asked)), every[asked]]).mean())
    assert lost[1] < 0.8 * lost[0]


def test_what_was_imagined_goes_as_far_back_as_a_case_does(model: ProcessModel, log: EventLog) -> None:
    history = model.read(log)
    latents = model.latents(history, np.arange(len(log)))
    first, second = log.starts[:1], log.starts[:1] + 1
    told = {
        steps: open_loop(model.network, model.gaps, history, latents, np.concatenate([first, second]), steps).numpy()
        for steps in (0, 1, 9)
    }
    assert np.array_equal(told[0], latents[[first[0], second[0]]])
    assert np.array_equal(told[9], told[1])
    assert np.array_equal(told[1][0], latents[first[0]])
    assert not np.allclose(told[1][1], latents[second[0]])


def test_imagined_courses_go_with_what_has_been_revealed(model: ProcessModel, log: EventLog) -> None:
    history, end = model.read(log), model.vocabulary.end
    memory = Counts(1, end + 1)
    for code in range(end):
        memory.add([code], (code + 1) % end, 1_000)
    sure = Remembered([memory], np.tile([0.0, 1.0], (end + 2, 1)))
    rows = log.starts[:2]
    events = rollouts(model, history, rows, 4, 3, remembered=sure).events
    begun = history.activity[rows][:, None, None]
    assert np.array_equal(events, np.broadcast_to((begun + np.arange(1, 4)) % end, (2, 4, 3)))


def test_a_follower_tells_what_it_knows_when_a_row_is_asked(model: ProcessModel, log: EventLog) -> None:
    history, cases = model.read(log), np.arange(200, 300)
    rows = rows_of(log.starts, cases)
    by_time = rows[np.argsort(history.hours[rows], kind="stable")]
    known: list[float] = []

    def listen(follower: Follower) -> None:
        memory = follower.remembered().memories[0]
        known.append(sum(sum(seen.values()) for seen in memory.tables[0].values()))

    follow(model, history, rows, cases, at={int(by_time[0]): listen, int(by_time[-1]): listen})
    recorded = sum(times * (len(codes) - 1 + ended) for codes, ended, times in model.courses)
    assert known[0] == pytest.approx(recorded)
    assert len(rows) - len(cases) < known[1] - known[0] < len(rows)


def test_draws_of_one_prefix_are_stratified(model: ProcessModel, log: EventLog) -> None:
    imagined = Imagination(model, model.read(log), log.starts[:3], 20, seed=0)
    told = np.zeros((60, model.vocabulary.end + 1))
    told[:, :3] = [0.5, 0.45, 0.05]
    codes = imagined.drawn(told).reshape(3, 20)
    counts = np.stack([np.bincount(one, minlength=3) for one in codes])
    assert np.abs(counts - [10, 9, 1]).max() <= 1
    assert not (np.diff(codes, axis=1) >= 0).all()  # which draw it is says nothing
