"""Courses of many steps and their scores, on logs small enough to count by hand; the recurrent floor learns."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.event_logs import loans
from wmagent.evals.event_baselines import ngram_rollouts
from wmagent.evals.event_courses import courses, horizon_of, prefixes, sampled, suffixes
from wmagent.evals.event_lstm import Lstm
from wmagent.evals.event_metrics import accuracy, likelihood
from wmagent.evals.event_split import strict_split
from wmagent.worlds.logs import read_log

LOG = read_log(loans(300)).log
SPLIT = strict_split(LOG)
END = len(LOG.activity.values)


@pytest.fixture(scope="module")
def lstm() -> Lstm:
    return Lstm(LOG, SPLIT, 0)


def follows(codes: np.ndarray, told: np.ndarray) -> None:
    """What every roller promises: one end at most, nothing after it, and distributions on which the end stays."""
    ended = np.cumsum(codes == END, -1) > 0
    assert (codes[~ended] < END).all()
    assert (codes[..., 1:][ended[..., :-1]] == -1).all()
    assert (codes[..., :1] >= 0).all()
    assert told.sum(-1) == pytest.approx(1)
    assert (told[:, 1:, END] >= ended[:, :, :-1].mean(1) - 1e-9).all()


def test_the_recurrent_floor_learns_and_goes_on(lstm: Lstm) -> None:
    probs = lstm.events()
    assert probs.sum(1) == pytest.approx(1, abs=1e-5)
    assert accuracy(probs, SPLIT.asked.wanted).mean() > 0.9
    assert likelihood(probs, SPLIT.asked.wanted).mean() < 0.35
    rows, _ = prefixes(SPLIT, 0)
    codes, told = lstm.rollouts(rows, 20, 12, 0)
    follows(codes, told)
    asked = {row: place for place, row in enumerate(SPLIT.asked.rows.tolist())}
    first = probs[[asked[row] for row in rows.tolist()]]
    assert told[:, 0] == pytest.approx(first, abs=1e-4)  # the state at a prefix is that of its last event
    again, _ = lstm.rollouts(rows, 20, 12, 0)
    assert (again == codes).all()


def test_the_recurrent_floor_is_surprised_at_what_it_did_not_expect(lstm: Lstm) -> None:
    odd, ends = lstm.surprises(LOG)
    told, wanted = lstm.events(), SPLIT.asked.wanted
    inside = wanted < END
    expected = -np.log(told[np.arange(len(wanted)), wanted])
    assert odd[SPLIT.asked.rows[inside] + 1] == pytest.approx(expected[inside], abs=1e-4)
    assert ends[SPLIT.asked.cases[~inside]] == pytest.approx(expected[~inside], abs=1e-4)
    turned = LOG.take(np.arange(len(LOG.cases)))
    turned.activity.codes[:] = turned.activity.codes[::-1]
    assert lstm.surprises(turned)[0].mean() > 3 * odd.mean()


def test_the_recurrent_floor_goes_on_as_if_it_had_seen_what_it_sampled(lstm: Lstm) -> None:
    apply = LOG.activity.values.index("apply")
    large = np.asarray(LOG.case_attributes["amount"]) > 50_000
    rows = LOG.starts[:-1][SPLIT.others]
    codes, _ = lstm.rollouts(rows, 20, 12, 0)
    again = (codes == LOG.activity.values.index("check again")).any(-1).mean(1)
    assert (codes != apply).all()
    assert again[large[SPLIT.others]].mean() > 0.9 > 0.1 > again[~large[SPLIT.others]].mean()
    pay, grant = LOG.activity.values.index("pay out"), LOG.activity.values.index("grant")
    place = np.argwhere(codes == grant)
    assert len(place) > 50
    assert (codes[place[:, 0], place[:, 1], place[:, 2] + 1] == pay).mean() > 0.9


def test_an_ngram_goes_on_from_the_last_events() -> None:
    rows, _ = prefixes(SPLIT, 0)
    codes, told = ngram_rollouts(LOG, SPLIT, rows, 20, 12, 0)
    follows(codes, told)
    decide, grant, pay = (LOG.activity.values.index(name) for name in ("decide", "grant", "pay out"))
    decided = codes[LOG.activity.codes[rows] == decide]
    granted = decided[decided[:, :, 0] == grant]
    assert (granted[:, 1] == pay).mean() > 0.9
    assert (granted[:, 2] == END).mean() > 0.9


def test_a_sampled_course_by_hand() -> None:
    """After 0 comes 1, after 1 the end: the told distributions are exact, the end stays."""
    after = {0: [0.0, 1.0, 0.0], 1: [0.0, 0.0, 1.0]}
    first = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    codes, told = sampled(first, lambda _, events: np.array([after[e] for e in events.tolist()]), 400, 4, 0)
    assert {tuple(course) for course in codes[0].tolist()} == {(0, 1, 2, -1), (1, 2, -1, -1)}
    assert (codes[1] == [2, -1, -1, -1]).all()
    share = (codes[0, :, 0] == 0).mean()
    assert share == pytest.approx(0.5, abs=0.1)
    assert told[0] == pytest.approx(np.array([[0.5, 0.5, 0], [0, share, 1 - share], [0, 0, 1], [0, 0, 1]]))


def test_scores_of_who_knows_the_future_and_who_does_not() -> None:
    rows, cases = prefixes(SPLIT, 0)
    true, horizon = suffixes(LOG, rows, cases), horizon_of(SPLIT, LOG)
    closed = np.full((len(rows), horizon), -1)
    closed[:, : true.shape[1]] = true
    closed[np.arange(len(rows)), (true >= 0).sum(1)] = END

    def oracle(asked: np.ndarray, draws: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        assert (asked == rows).all()
        told = np.eye(END + 1)[np.where(closed < 0, END, closed)]
        return np.repeat(closed[:, None], draws, 1), told

    def stopper(asked: np.ndarray, draws: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        codes = np.full((len(asked), draws, steps), -1)
        codes[:, :, 0] = END
        return codes, np.tile(np.eye(END + 1)[END], (len(asked), steps, 1))

    said = courses(SPLIT, LOG, {"oracle": oracle, "stops": stopper, "4-gram": partial(ngram_rollouts, LOG, SPLIT)}, 0)
    oracles, stops, ngram = (said["rollers"][name] for name in ("oracle", "stops", "4-gram"))
    assert oracles["similarity"] == 1.0
    assert set(oracles["nll"].values()) == {0.0}
    left = (true >= 0).sum(1)
    assert stops["similarity"] == pytest.approx((left == 0).mean())
    assert stops["nll"]["3"] == pytest.approx(-np.log(1e-6) * (left[left >= 2] > 2).mean())
    assert stops["nll_or_end"]["3"] == pytest.approx(-np.log(1e-6) * (left > 2).mean())
    assert stops["similarity"] < ngram["similarity"] < 1
    assert 0 < ngram["nll"]["3"] < 1.5
    assert said["asked_at"]["3"] == (left >= 2).sum()
