"""The truth that answers from confounded records are held against: simulated experiments agree with exact ones."""

from __future__ import annotations

from typing import Any

import pytest

from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.evals.confounding import questions
from wmagent.worlds.confounding import confounded, counterfactuals
from wmagent.worlds.loading import world_from

# Patching succeeds at once or never, so that it does not matter for it what behaviour does afterwards.
REPAIR: dict[str, Any] = {
    "format": 1,
    "name": "repair",
    "facts": {
        "kind": {"values": ["old", "new"], "start": {"old": 0.5, "new": 0.5}, "static": True},
        "part": {"values": ["broken", "patched", "mended", "lost"], "start": "broken"},
    },
    "actions": {
        "patch": {
            "guard": "part == broken",
            "duration": 1,
            "effects": [
                {"outcomes": [{"chance": 0.6, "set": {"part": "patched"}}, {"chance": 0.4, "set": {"part": "lost"}}]}
            ],
        },
        "replace": {
            "guard": "part == broken",
            "duration": 6,
            "effects": [
                {"outcomes": [{"chance": 0.9, "set": {"part": "mended"}}, {"chance": 0.1, "set": {"part": "lost"}}]}
            ],
        },
    },
    "goals": [{"reach": "part == mended", "words": ["mend it"]}],
    "done": "part != broken",
}


def stop(facts: Facts, elapsed: float) -> Action | None:
    return None


def test_simulated_experiments_agree_with_exact_counterfactuals() -> None:
    world = confounded(world_from(REPAIR), 1)
    goals = [Goal((Condition("part", value),)) for value in ("patched", "mended")]
    asked = questions(world, 0, 0.9, starts=2, cases=500, goals=goals)
    assert {question.start["kind"] for question in asked} == {"old", "new"}
    assert len(asked) == 2 * 2 * len(goals)
    oracle = world.oracle()
    for question in asked:
        assert "urgency" not in question.start
        (exact,) = counterfactuals(world, question.start, question.goal, stop, (question.action,), oracle)
        assert question.truth == pytest.approx(exact.probability, abs=4 * max(question.error, 0.002))
