"""The 90 % interval: bounds, what widens it, and its coverage where the truth is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wmagent.agent.interval import interval

SHARE = st.floats(0.0, 1.0)


@given(SHARE, st.lists(SHARE, max_size=8), st.integers(0, 10_000))
def test_it_holds_the_probability_within_bounds(p: float, heads: list[float], n: int) -> None:
    low, high = interval(p, heads, n)
    assert 0.0 <= low <= p <= high <= 1.0


def test_doubt_widens_it() -> None:
    def width(heads: list[float], n: int) -> float:
        low, high = interval(0.7, heads, n)
        return high - low

    assert width([0.7] * 5, 10_000) < width([0.7] * 5, 100) < width([0.7] * 5, 5) <= width([0.7] * 5, 0)
    assert width([0.7] * 5, 100) < width([0.6, 0.65, 0.7, 0.75, 0.8], 100) < width([0.1, 0.4, 0.7, 0.9, 1.0], 100)


def test_nothing_known_says_nothing() -> None:
    assert interval(0.5, [], 0) == (0.0, 1.0)


@pytest.mark.parametrize("p", [-0.1, 1.2, float("nan")])
def test_only_probabilities(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        interval(p, [], 3)


@pytest.mark.parametrize(("truth", "n"), [(0.5, 40), (0.8, 40), (0.9, 80), (0.3, 30)])
def test_coverage_of_counted_shares(truth: float, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model's probability is a plain share of n cases, about nine in ten intervals hold the truth."""
    monkeypatch.setattr("wmagent.agent.interval.SHARED", 0.0)  # a count learns from nothing but its own cases
    draw = random.Random(7)
    held = 0
    for _ in range(600):
        share = sum(draw.random() < truth for _ in range(n)) / n
        low, high = interval(share, [share] * 5, n)
        held += low <= truth <= high
    assert 0.85 <= held / 600 <= 0.96
