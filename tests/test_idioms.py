"""What people say around a goal is taken off, and nothing of the goal with it."""

from __future__ import annotations

import pytest

from wmagent.agent.doubles import review_model
from wmagent.agent.goals import understand
from wmagent.agent.idioms import plain
from wmagent.errors import InputError


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Honestly, the case should be approved", "the case should be approved"),
        ("we told them ten days, and the case must be approved by then", "the case must be approved within ten days"),
        ("the work is done when the case is approved", "the case is approved"),
        ("they keep calling, so let's get it approved", "let's get it approved"),
        ("I want it approved, so collect papers", "I want it approved, so collect papers"),
        ("get it approved, however long it takes", "get it approved"),
        ("Five days, then I want it approved", "I want it approved within Five days"),
        ("approved in 2 days and 4 hours", "approved in 52 hours"),
        ("doors, walls: all built", "doors is built and walls is built"),
        ("both built: doors, walls", "doors is built and walls is built"),
    ],
)
def test_the_goal_is_what_is_left(said: str, meant: str) -> None:
    assert plain(said, lambda text: False) == meant


def test_what_speaks_of_facts_is_no_mere_time() -> None:
    said = "the check takes two days, and the case is approved by then"
    assert plain(said, lambda text: "check" in text) == said


@pytest.mark.parametrize(
    "said",
    ["okay folks, status approved", "status approved, no deadline", "we are happy once the status is approved"],
)
def test_a_goal_with_words_around_it_is_the_goal(said: str) -> None:
    model = review_model()
    assert understand(said, model).goal.conditions == understand("status approved", model).goal.conditions


def test_what_cannot_be_expressed_is_not_taken_for_a_circumstance() -> None:
    with pytest.raises(InputError, match="cannot express"):
        understand("status approved and make everybody happy", review_model())
