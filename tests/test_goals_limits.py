"""Deadlines and budgets in words: units, number words, and what is left alone."""

from __future__ import annotations

import pytest

from wmagent.agent.limits import number, take_limits
from wmagent.errors import InputError


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ("within 10 days", 240),
        ("in ten days", 240),
        ("by 48 hours", 48),
        ("in two weeks", 336),
        ("within the next twenty-four hours", 24),
        ("in half a day", 12),
        ("in a week", 168),
        ("within a fortnight", 336),
        ("in a couple of days", 48),
        ("within 10 working days", 240),
        ("no later than 36h", 36),
        ("within 90 minutes", 1.5),
        ("within two hundred hours", 200),
        ("by tomorrow", 24),
        ("in less than 1.5 days", 36),
        ("in a day and a half", 36),
        (", max 10 days", 240),
        (", 36 hours max", 36),
        ("in at most ten days", 240),
        ("after 120 hours at the latest", 120),
        (", 480 hours at the longest", 480),
        ("in no longer than 3 days until then", 72),
        (", it must not take us longer than ten days until we get there", 240),
        (", it takes twelve hours at the longest", 12),
    ],
)
def test_deadlines(words: str, hours: float) -> None:
    limits = take_limits(f"approved {words}")
    assert limits.deadline == hours
    assert limits.rest.strip(" ,") == "approved"
    assert limits.max_cost is None


@pytest.mark.parametrize(
    ("words", "cost"),
    [
        ("for under 500", 500),
        ("for at most $2,500", 2500),
        ("with a budget of 10k", 10_000),
        ("at most 300 euros", 300),
        ("cost below 500", 500),
        ("spending less than two hundred", 200),
        ("for less than 900", 900),
        ("cheaper than 40", 40),
    ],
)
def test_budgets(words: str, cost: float) -> None:
    limits = take_limits(f"approved {words}")
    assert limits.max_cost == cost
    assert limits.deadline is None
    assert "approved" in limits.rest
    assert str(int(cost)) not in limits.rest


@pytest.mark.parametrize("words", ["amount below 5", "status in review", "at least 3 approvals", "in review"])
def test_comparisons_are_no_limits(words: str) -> None:
    limits = take_limits(words)
    assert (limits.deadline, limits.max_cost, limits.rest) == (None, None, words)


def test_a_cost_that_is_a_fact_is_left_alone() -> None:
    assert take_limits("cost below 5", cost_is_a_fact=True).max_cost is None


@pytest.mark.parametrize("words", ["within 2 days in 3 days", "for under 5 for under 6"])
def test_two_different_limits_are_refused(words: str) -> None:
    with pytest.raises(InputError, match="give one"):
        take_limits(words)


def test_numbers() -> None:
    said = ["2,500", "10k", "twenty-four", "two hundred", "a hundred and five", "three thousand two hundred", "a dozen"]
    assert [number(words) for words in said] == [2500, 10_000, 24, 200, 105, 3200, 12]
    with pytest.raises(InputError):
        number("many")
