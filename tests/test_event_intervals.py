"""Intervals of the remaining time: how far they are stretched before anything is revealed, and afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wmagent.events.following import follow_hours
from wmagent.events.histories import Histories
from wmagent.events.intervals import UNKNOWN, AdaptiveWidth, Reach, by_chance_to_end, reaches
from wmagent.events.remaining import held_out_reach, some_cases


def narrow(n: int) -> NDArray[np.float64]:
    return np.tile([4.0, 7.0, 12.0], (n, 1))  # exponential hours whose mean is 10 have their median there


def held(hours: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> Reach:
    return Reach.of(narrow(len(hours)), hours, np.ones(len(hours)) if weights is None else weights)


def lasting(begins: NDArray[np.float64], hours: NDArray[np.float64]) -> Histories:
    """Cases of two events, each so many hours long."""
    n = len(hours)
    nothing = np.zeros(2 * n, np.int64)
    told = np.stack([begins, begins + hours], 1).ravel()
    return Histories(2 * np.arange(n + 1), nothing, nothing, np.zeros((2 * n, 1), np.float32), told, np.zeros(2 * n))


def test_reaches_and_weights_by_hand() -> None:
    said = np.array([[2.0, 4.0, 8.0], [2.0, 4.0, 8.0], [2.0, 4.0, 8.0], [0.0, 0.0, 0.0]])
    assert reaches(said, np.array([1.0, 10.0, 4.0, 0.0])).tolist() == [[1.5, 0.0], [0.0, 1.5], [0.0, 0.0], [0.0, 0.0]]
    weights = by_chance_to_end(np.array([0.0, 10.0, 0.0]), np.array([50.0, 10.0, 99.0]), 0.0, 100.0)
    assert weights == pytest.approx([2.0, 1.0, 5.0])  # half, all, and hardly any that long could have ended by then
    assert Reach.of(narrow(0), np.zeros(0), np.zeros(0)) == UNKNOWN


def test_held_out_cases_say_how_wide_intervals_must_be() -> None:
    rng = np.random.default_rng(0)
    true = rng.exponential(10, 4_000)
    told = AdaptiveWidth(held(rng.exponential(10, 4_000))).apply(narrow(4_000))
    assert (true < told[:, 0]).mean() == pytest.approx(0.1, abs=0.02)
    assert (true > told[:, 2]).mean() == pytest.approx(0.1, abs=0.02)
    assert (AdaptiveWidth().apply(narrow(1)) == narrow(1)).all()


def test_long_cases_that_could_not_end_in_time_are_missed_no_more() -> None:
    rng = np.random.default_rng(0)
    begins, hours = rng.uniform(0, 60, 8_000), rng.exponential(10, 8_000)
    seen = begins + hours < 60
    weights = by_chance_to_end(begins[seen], (begins + hours)[seen], 0.0, 60.0)
    blind, weighed = (
        (hours > AdaptiveWidth(held(hours[seen], given)).apply(narrow(1))[0, 2]).mean() for given in (None, weights)
    )
    assert blind > 0.12
    assert weighed == pytest.approx(0.1, abs=0.015)


def test_widths_follow_a_world_that_changes() -> None:
    rng = np.random.default_rng(0)
    width, quantiles, missed = AdaptiveWidth(held(rng.exponential(10, 500))), narrow(1)[0], []
    assert np.exp(-width.apply(quantiles)[2] / 18) > 0.2  # what it will miss above, if it stays as it is
    for _ in range(4_000):
        said, true = width.apply(quantiles), float(rng.exponential(18))
        missed.append(true > said[2])
        width.reveal(quantiles, said, true)
    assert np.mean(missed[2_000:]) == pytest.approx(0.1, abs=0.03)


def test_what_often_lasts_exactly_as_long_is_not_lost_by_a_step_too_short() -> None:
    width, quantiles, inside = AdaptiveWidth(), np.array([10.0, 11.0, 12.0]), []
    for step in range(3_000):
        said, true = width.apply(quantiles), 10.0 if step % 2 else 11.0
        inside.append(said[0] - 1e-6 <= true <= said[2] + 1e-6)
        width.reveal(quantiles, said, true)
    assert np.mean(inside) == 1.0


def test_a_log_is_followed_with_the_width_that_held_out_cases_asked_for() -> None:
    n, reach = 10, Reach((2.0,), (3.0,), 500)
    history = lasting(np.arange(float(n)), np.full(n, 7.0))
    found = follow_hours(narrow(n)[None], history, 2 * np.arange(n), 1_000, 10.0, reach)
    assert found == pytest.approx(np.tile([1.0, 7.0, 22.0], (n, 1)))


def test_trees_are_judged_by_cases_that_they_did_not_learn_from() -> None:
    rng, n = np.random.default_rng(0), 600
    hours = np.where(np.arange(n) < 480, 10.0, 20.0) + rng.uniform(0, 5, n)  # the later cases are longer
    history = lasting(np.arange(float(n)), hours)
    remaining = np.stack([hours, np.zeros(n)], 1).ravel()
    latents = np.zeros((2 * n, 4), np.float32)
    kept, later = np.arange(480), np.arange(480, n)
    away = held_out_reach(history, remaining, latents, kept, later, 1, 20, 0)
    alike = held_out_reach(history, remaining, latents, kept[:240], kept[240:], 1, 20, 0)
    assert AdaptiveWidth(away).stretch[1] > 2 * AdaptiveWidth(alike).stretch[1]
    assert away.prefixes == 240
    nothing = np.full(2 * n, np.nan)
    assert held_out_reach(history, nothing, latents, kept, later, 1, 20, 0) == UNKNOWN


def test_no_more_cases_are_drawn_than_have_so_many_events() -> None:
    history = lasting(np.arange(50.0), np.ones(50))
    assert len(some_cases(history, np.arange(10, 50), 20, 0)) == 10
    assert set(some_cases(history, np.arange(10, 50), 10**6, 0).tolist()) == set(range(10, 50))
    assert len(some_cases(history, np.arange(50), 1, 0)) == 1


def test_a_level_moves_where_what_is_remembered_lags_behind() -> None:
    rng = np.random.default_rng(0)
    width, quantiles, missed = AdaptiveWidth(held(rng.exponential(5, 500))), narrow(1)[0], []
    for step in range(2_000):  # cases take longer and longer
        said, true = width.apply(quantiles), float(rng.exponential(5 * 1.0008**step))
        missed.append(true > said[2])
        width.reveal(quantiles, said, true)
    assert np.mean(missed) == pytest.approx(0.1, abs=0.015)
