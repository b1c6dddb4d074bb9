"""The strict temporal protocol and its floors, on logs small enough to count by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, Categories, EventLog
from wmagent.evals.event_baselines import counted
from wmagent.evals.event_metrics import average_precision, macro_f1, medoids, over_cases, similarities
from wmagent.evals.event_split import random_split, strict_split
from wmagent.evals.metrics import auroc, ece
from wmagent.events.counts import Counts
from wmagent.events.following import follow_hours
from wmagent.events.histories import Histories
from wmagent.events.online import AdaptiveSets, Correction, LocalMixture, Mixture, TopCalibration


def log(courses: Sequence[tuple[str, Sequence[float]]]) -> EventLog:
    """Return a log of courses: letters, and the hour of each."""
    names = sorted({letter for letters, _ in courses for letter in letters})
    codes = [names.index(letter) for letters, _ in courses for letter in letters]
    starts = np.cumsum([0, *(len(letters) for letters, _ in courses)])
    hours = np.array([hour for _, hours in courses for hour in hours])
    return EventLog(
        tuple(f"c{i}" for i in range(len(courses))),
        starts.astype(np.int64),
        Categories(np.array(codes, np.int32), tuple(names)),
        (hours * HOUR).astype(np.int64),
    )


TEN = log([("ab", [i, i + 1]) for i in range(8)] + [("ab", [8, 30]), ("abc", [9, 30, 100])])


def test_training_ends_before_what_is_asked() -> None:
    split = strict_split(TEN)
    assert split.since == int(np.quantile(np.arange(10), 0.8) * HOUR)
    assert sorted(split.pool.tolist()) == [0, 1, 2, 3, 4, 5, 6]  # case 7 ends at 8 h, after 7.2 h
    assert split.validation.tolist() == [6]
    asked = {(int(case), int(TEN.time[row] / HOUR)): int(code) for case, row, code in zip(
        split.asked.cases, split.asked.rows, split.asked.wanted, strict=True)}  # fmt: skip
    assert asked[8, 8] == 1  # b comes after a
    assert (7, 7) not in asked  # its event lies before the split
    assert asked[7, 8] == 3  # the end, known because the log goes on long after
    assert (9, 100) not in asked  # may still be open: censored


def test_a_random_split_asks_about_any_time() -> None:
    split = random_split(TEN, seed=1)
    assert not set(split.pool.tolist()) & set(split.others.tolist())
    assert len(split.pool) == 8


def test_witten_bell_by_hand() -> None:
    counts = Counts(1, 3)
    for following in (0, 0, 1):
        counts.add([2], following)
    lower = (np.array([2, 1, 0]) + 2 * np.full(3, 1 / 3)) / 5
    assert counts.probabilities([2]) == pytest.approx((np.array([2, 1, 0]) + 2 * lower) / 5)
    assert counts.probabilities([1]) == pytest.approx(lower)


def test_online_counts_learn_what_was_revealed_before_and_nothing_of_the_same_moment() -> None:
    known = [("ab", [i, i + 0.5]) for i in range(16)]
    new = [("ac", [20, 21]), ("ac", [21, 22]), ("ac", [30, 31]), ("ad", [200, 201])]
    told = log(known + new)
    split = strict_split(told, share=0.75)
    frozen, online = counted(told, split, 1, False), counted(told, split, 1, True)
    pairs = zip(split.asked.cases.tolist(), split.asked.rows.tolist(), strict=True)
    place = {(case, int(told.time[row] / HOUR)): i for i, (case, row) in enumerate(pairs)}
    c = told.activity.values.index("c")
    assert online[place[17, 21], c] < 0.01  # c came at 21 h, the moment itself
    assert online[place[18, 30], c] > 0.05
    assert frozen[place[18, 30], c] < 0.01


def test_scores_by_hand() -> None:
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    assert macro_f1(probs, np.array([0, 1, 1])) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert ece([0.9, 0.9], [True, False]) == pytest.approx(0.4)
    assert auroc([0.1, 0.4], [0.4, 0.8]) == pytest.approx(0.875)
    assert average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True])) == pytest.approx((1 + 2 / 3) / 2)
    low, high = over_cases(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1]))
    assert (low, high) == (0.0, 1.0)


def test_suffixes_by_hand() -> None:
    said = np.array([[1, 2, 3, -1], [1, 2, 3, -1], [1, -1, -1, -1], [-1, -1, -1, -1], [1, 2, 3, 4], [4, 1, 2, 3]])
    true = np.array([[1, 2, 3, -1], [1, 3, 2, -1], [1, 2, 3, 4], [-1, -1, -1, -1], [-1, -1, -1, -1], [1, 2, 3, -1]])
    assert similarities(said, true) == pytest.approx([1, 2 / 3, 1 / 4, 1, 0, 3 / 4])  # the second is one swap
    assert similarities(true, said) == pytest.approx(similarities(said, true))
    sets = np.array([[[1, 2, -1], [1, 2, 3], [9, -1, -1]], [[9, 9, 9], [1, 2, 3], [1, 2, 4]]])
    assert medoids(sets).tolist() == [0, 1]


def test_weights_follow_who_is_right() -> None:
    mixture = Mixture.fitted(np.array([[0.9, 0.9, 0.8], [0.1, 0.2, 0.1]]))
    assert mixture.weights[0] > 0.95
    for _ in range(300):
        mixture.reveal(np.array([0.1, 0.9]))
    assert mixture.weights[1] > 0.95
    local = LocalMixture(np.array([0.5, 0.5]), 2, lean=10)
    for _ in range(100):
        local.reveal(np.array([0.1, 0.9]), 0)
        local.reveal(np.array([0.9, 0.1]), 1)
    experts = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert local.mix(experts, 0)[1] > 0.8
    assert local.mix(experts, 1)[0] > 0.8


def test_calibration_follows_and_the_top_stays_the_top() -> None:
    calibration, given = TopCalibration(), np.array([0.9, 0.06, 0.04])
    rng = np.random.default_rng(0)
    for _ in range(3_000):
        calibration.reveal(given, 0 if rng.random() < 0.6 else 1)
    assert calibration.apply(given)[0] == pytest.approx(0.6, abs=0.06)
    for _ in range(2_000):
        calibration.reveal(given, 1)
    told = calibration.apply(given)
    assert told.argmax() == 0
    assert told.sum() == pytest.approx(1.0)


def test_sets_cover_although_the_world_changes() -> None:
    rng, sets, hits, sizes = np.random.default_rng(0), AdaptiveSets(rate=0.02), [], []
    for step in range(6_000):
        given = rng.dirichlet(np.full(5, 0.3))
        true = given if step < 2_000 else 0.5 * given + 0.1  # the forecaster becomes too sure
        sizes.append(len(sets.set_of(given)))
        hits.append(sets.reveal(given, int(rng.choice(5, p=true / true.sum()))))
    assert np.mean(hits[2_000:]) == pytest.approx(0.9, abs=0.02)
    assert np.mean(sizes[3_000:]) > np.mean(sizes[500:2_000])


def lasting(hours: NDArray[np.float64]) -> Histories:
    """Cases of two events, each so many hours long, that begin one after the other."""
    n = len(hours)
    begins = np.arange(n, dtype=np.float64)
    nothing = np.zeros(2 * n, np.int64)
    told = np.stack([begins, begins + hours], 1).ravel()
    return Histories(2 * np.arange(n + 1), nothing, nothing, np.zeros((2 * n, 1), np.float32), told, np.zeros(2 * n))


def test_intervals_stretch_until_they_cover() -> None:
    rng, n = np.random.default_rng(0), 20_000
    true = rng.exponential(10, n)
    history, rows = lasting(true), 2 * np.arange(n)
    told = np.tile([6.0, 10.0, 14.0], (n, 1))  # far too narrow
    bounds = follow_hours(told[None], history, rows, 150, 10.0)[10_000:]
    below, above = true[10_000:] < bounds[:, 0], true[10_000:] > bounds[:, 2]
    assert below.mean() == pytest.approx(0.1, abs=0.02)
    assert above.mean() == pytest.approx(0.1, abs=0.02)
    hopeless = follow_hours(np.zeros((1, n, 3)), history, rows, 150, 10.0)
    assert np.isfinite(hopeless).all()


def test_an_interval_is_judged_when_it_has_passed_whatever_ended_first() -> None:
    n = 4_000
    true = np.where(np.arange(n) % 2 == 0, 1.0, 400.0)  # half of the cases are short, and over long before the others
    told = np.tile([0.5, 200.0, 500.0], (n, 1))  # holds them all
    bounds = follow_hours(told[None], lasting(true), 2 * np.arange(n), 400, 10.0)
    assert (bounds[:900, 2] == 500.0).all()  # though 900 short cases are over by then
    assert bounds[1_500, 2] < 500.0


def test_the_hours_of_who_erred_least_count_and_only_once_that_is_known() -> None:
    n = 400
    history, rows = lasting(np.full(n, 10.0)), 2 * np.arange(n)
    good, bad = np.tile([9.0, 10.0, 11.0], (n, 1)), np.tile([90.0, 100.0, 110.0], (n, 1))
    soon = follow_hours(np.stack([bad, good]), history, rows, 0.5, 10.0)
    assert soon[0, 1] == pytest.approx(55)
    assert soon[-1, 1] == pytest.approx(10, abs=0.1)
    late = follow_hours(np.stack([bad, good]), history, rows, 1_000, 10.0)
    assert late[:, 1] == pytest.approx(np.full(n, 55.0))


def test_a_memory_that_fades_forgets_and_never_overflows() -> None:
    lasting, fading = Counts(1, 3), Counts(1, 3, half_life=1.0)
    for memory in (lasting, fading):
        for code in [0] * 500 + [1] * 20:
            memory.reveal([2], code)
    assert lasting.probabilities([2])[0] > 0.9
    assert fading.probabilities([2])[1] > 0.9
    assert np.isfinite(fading.probabilities([2])).all()


def test_a_correction_learns_what_the_latent_tells_and_the_network_did_not_see() -> None:
    rng, correction = np.random.default_rng(0), Correction(2, 4)
    network, hits = np.array([0.5, 0.5]), []
    for _ in range(600):
        latent = rng.normal(size=4)
        code, told = int(latent[0] > 0), correction.apply(network, latent)
        hits.append(told.argmax() == code)
        correction.reveal(told, latent, code)
    assert np.mean(hits[-200:]) > 0.9
