"""Estimators and sensitivity bounds against closed forms, brute force and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wmagent.causal.benchmark import strengths
from wmagent.causal.estimates import (
    Decisions,
    cross_fitted,
    doubly_robust,
    inverse_propensity,
    naive,
    weighted_share,
    wilson,
)
from wmagent.causal.sensitivity import Strata, bounds, e_value, e_value_limit, manski, tipping_gamma
from wmagent.errors import InputError

CHANCE = np.array([0.1, 0.5, 0.9])  # P(A = 1 | x)
DONE = np.array([0.9, 0.5, 0.2])  # P(Y(1) = 1 | x)
OTHERWISE = np.array([0.6, 0.3, 0.1])
TRUTH = float(DONE.mean())


def drawn(seed: int, n: int = 4_000, propensity=CHANCE, predicted=DONE) -> Decisions:
    rng = np.random.default_rng(seed)
    x = rng.integers(3, size=n)
    taken = (rng.random(n) < CHANCE[x]).astype(float)
    outcome = (rng.random(n) < np.where(taken > 0, DONE[x], OTHERWISE[x])).astype(float)
    return Decisions(taken, outcome, propensity[x], predicted[x], np.ones(n), np.arange(n))


def test_the_naive_share_is_confounded_and_the_adjusted_ones_are_not() -> None:
    expected = float((CHANCE * DONE).sum() / CHANCE.sum())
    found = drawn(0, 40_000)
    assert naive(found).value == pytest.approx(expected, abs=0.01)
    assert abs(expected - TRUTH) > 0.15
    assert inverse_propensity(found).value == pytest.approx(TRUTH, abs=0.02)
    assert doubly_robust(found).value == pytest.approx(TRUTH, abs=0.02)


@pytest.mark.parametrize(
    ("propensity", "predicted", "unbiased"),
    [
        (CHANCE, np.full(3, 0.3), True),
        (np.full(3, 0.5), DONE, True),
        (np.full(3, 0.5), np.full(3, 0.3), False),
    ],
)
def test_doubly_robust_needs_one_of_the_two_models(propensity, predicted, unbiased: bool) -> None:
    values = [doubly_robust(drawn(seed, 4_000, propensity, predicted)).value for seed in range(40)]
    assert (abs(np.mean(values) - TRUTH) < 0.01) == unbiased


def test_nine_in_ten_intervals_hold_the_truth() -> None:
    for estimate in (inverse_propensity, doubly_robust):
        held = [low <= TRUTH <= high for low, high in (estimate(drawn(s, 400)).interval for s in range(300))]
        assert 0.86 <= np.mean(held) <= 0.98


def test_decisions_of_one_case_count_once() -> None:
    one = drawn(0, 200)
    many = Decisions(*(np.repeat(getattr(one, name), 10) for name in vars(one)))
    assert doubly_robust(many).interval == pytest.approx(doubly_robust(one).interval, abs=1e-9)
    assert naive(many).interval == pytest.approx(naive(one).interval, abs=1e-9)


def test_outcomes_that_are_all_alike_are_not_certain() -> None:
    n = 12
    found = Decisions(np.ones(n), np.ones(n), np.full(n, 0.5), np.ones(n), np.ones(n), np.arange(n))
    assert naive(found).interval == pytest.approx(wilson(1.0, n))
    assert doubly_robust(found).interval[0] < 0.9


def test_another_population_is_answered_by_its_own_predictions() -> None:
    found = drawn(0, 20_000)
    assert doubly_robust(found, predicted=0.9).value == pytest.approx(0.9, abs=0.02)
    low = Decisions(found.taken, found.outcome, found.propensity, found.predicted - 0.1, found.weight, found.group)
    assert doubly_robust(low, predicted=0.8).value == pytest.approx(0.9, abs=0.02)


def test_cross_fitting_moves_predictions_by_the_outcomes_of_other_folds() -> None:
    found = drawn(0, 20_000)
    fold = found.group % 5
    moved = cross_fitted(found.predicted * 0.5, found.outcome, found.taken, fold)
    residual = (found.outcome - moved)[found.taken > 0].mean()
    assert abs(residual) < 0.02
    changed = np.where(fold == 0, 1 - found.outcome, found.outcome)
    again = cross_fitted(found.predicted * 0.5, changed, found.taken, fold)
    assert np.array_equal(again[fold == 0], moved[fold == 0])
    assert not np.array_equal(again[fold == 1], moved[fold == 1])


def test_where_the_action_is_hardly_chosen_the_prediction_answers_alone() -> None:
    chance = np.array([0.02, 0.9])
    errors: dict[float, list[float]] = {0.0: [], 0.1: []}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.permutation(200) % 2
        taken = (rng.random(200) < chance[x]).astype(float)
        outcome = (rng.random(200) < np.array([0.5, 0.8])[x]).astype(float)
        predicted = np.array([0.55, 0.7])[x]  # about right where nothing was seen, wrong where much was
        found = Decisions(taken, outcome, chance[x], predicted, np.ones(200), np.arange(200))
        assert weighted_share(found) == 0.5
        for overlap, missed in errors.items():
            missed.append(doubly_robust(found, overlap=overlap).value - 0.65)
    spread = {overlap: float(np.mean(np.square(missed))) for overlap, missed in errors.items()}
    assert spread[0.1] < 0.5 * spread[0.0]
    assert abs(np.mean(errors[0.1])) < 0.5 * 0.05 + 0.02  # half of the prediction's error is left, as said


def test_without_any_overlap_the_prediction_is_the_answer() -> None:
    n = 50
    taken = (np.arange(n) < 2).astype(float)
    found = Decisions(taken, np.ones(n), np.full(n, 0.04), np.full(n, 0.7), np.ones(n), np.arange(n))
    said = doubly_robust(found)
    assert said.value == pytest.approx(0.7)
    assert said.effective == pytest.approx(2)
    assert weighted_share(found) == 0


def test_what_cannot_be_estimated_is_refused() -> None:
    row = np.ones(2)
    with pytest.raises(InputError, match="took the action"):
        Decisions(row * 0, row, row, row, row, np.arange(2))
    with pytest.raises(InputError, match="propensities"):
        Decisions(row, row, row * 0, row, row, np.arange(2))
    with pytest.raises(InputError, match="rows"):
        Decisions(row, row, row, np.ones(3), row, np.arange(2))


# The examples of VanderWeele & Ding (2017): breast-feeding and respiratory death, RR 3.9 (1.8 to 8.7).
def test_e_values_are_those_published() -> None:
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value_limit(1.8, 8.7) == pytest.approx(3.0, abs=0.005)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value(1.0) == 1.0
    assert e_value_limit(0.8, 1.4) == 1.0
    assert e_value_limit(0.2, 0.5) == e_value(2.0)
    with pytest.raises(InputError):
        e_value(0.0)


def strata(share, e, p) -> Strata:
    share, e, p = (np.array(column, dtype=float) for column in (share, e, p))
    return Strata(share, e, p, e, p, p)


@pytest.mark.parametrize("gamma", [1.0, 1.5, 4.0, 25.0])
def test_bounds_are_the_extremes_of_all_hidden_causes_of_that_strength(gamma: float) -> None:
    """Brute force over hidden binary causes with Y(a) and A given them, kept if A's odds differ at most gamma-fold
    between cases with Y(a) = 1 and Y(a) = 0, and if they look like the record."""
    e, p = 0.3, 0.6
    low, high = bounds(strata([1], [e], [p]), gamma)
    found = []
    for true in np.linspace(0.01, 0.99, 981):  # P(Y(a) = 1)
        taken_if_good, taken_if_bad = e * p / true, e * (1 - p) / (1 - true)
        if max(taken_if_good, taken_if_bad) >= 1:
            continue
        odds = [chance / (1 - chance) for chance in (taken_if_good, taken_if_bad)]
        if 1 / gamma - 1e-9 <= odds[0] / odds[1] <= gamma + 1e-9:
            found.append(true)
    assert low == pytest.approx(min(found, default=p), abs=2e-3)
    assert high == pytest.approx(max(found, default=p), abs=2e-3)


def test_bounds_nest_and_end_at_manski() -> None:
    several = strata([0.5, 0.3, 0.2], [0.2, 0.6, 1.0], [0.1, 0.5, 0.9])
    mean = 0.5 * 0.1 + 0.3 * 0.5 + 0.2 * 0.9
    assert bounds(several, 1.0) == pytest.approx((mean, mean))
    widths = [high - low for low, high in (bounds(several, gamma) for gamma in (1, 2, 5, 50, math.inf))]
    assert widths == sorted(widths)
    assert manski(several) == pytest.approx((0.5 * 0.02 + 0.3 * 0.3 + 0.18, 0.5 * 0.82 + 0.3 * 0.7 + 0.18))
    assert bounds(several, 1e9) == pytest.approx(manski(several), abs=1e-6)
    with pytest.raises(InputError, match="gamma"):
        bounds(several, 0.5)


def test_sampling_error_widens_both_ends() -> None:
    one = np.ones(1)
    wide = Strata(one, one * 0.5, one * 0.6, one * 0.4, one * 0.5, one * 0.7)
    sure = strata([1], [0.5], [0.6])
    for gamma in (1.0, 3.0, math.inf):
        assert bounds(wide, gamma)[0] < bounds(sure, gamma)[0] < bounds(sure, gamma)[1] < bounds(wide, gamma)[1] or (
            gamma == 1.0 and bounds(wide, gamma) == pytest.approx((0.5, 0.7))
        )


def test_the_tipping_strength_is_where_the_bounds_meet_the_threshold() -> None:
    several = strata([0.5, 0.5], [0.3, 0.6], [0.2, 0.5])
    gamma = tipping_gamma(several, 0.5)
    assert bounds(several, gamma)[1] == pytest.approx(0.5, abs=1e-6)
    assert tipping_gamma(several, 0.35) == 1.0
    assert tipping_gamma(several, 0.99) == math.inf


def test_the_benchmark_finds_the_fact_that_drives_the_decision() -> None:
    states = np.array([[a, b, c] for a in range(2) for b in range(2) for c in range(2)])
    e = 0.2 + 0.6 * states[:, 0] + 0.1 * states[:, 1]
    p = 0.7 - 0.4 * states[:, 0] + 0.2 * states[:, 2]  # column 1 drives the decision alone, column 2 the outcome alone
    found = strengths(states, e, p, np.ones(8), [0, 1, 2])
    assert found[0].column == 0
    assert [strength.gamma for strength in found[1:]] == pytest.approx([1.0, 1.0])
    assert strengths(states[:1], e[:1], p[:1], np.ones(1), [0, 1, 2]) == []


def test_the_benchmark_is_the_gamma_that_would_have_been_needed() -> None:
    states, e, p, w = np.array([[0], [1]]), np.array([0.2, 0.8]), np.array([0.7, 0.3]), np.array([1.0, 3.0])
    (found,) = strengths(states, e, p, w, [0])
    share, truth = w / w.sum(), float(w @ p / w.sum())
    chosen = float(share @ e)
    naive_share = float(share @ (e * p)) / chosen
    assert naive_share < truth
    assert bounds(strata([1], [chosen], [naive_share]), found.gamma)[1] == pytest.approx(truth, abs=1e-9)
