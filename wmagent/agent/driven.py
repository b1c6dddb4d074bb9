"""Environments of runs that are driven from outside: imagined ones, and those in which somebody else acts and reports.
Knows the graph's way to wait; must not know who is asked or how the answer comes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

from wmagent.domain.types import Action, Facts
from wmagent.domain.world import Step
from wmagent.errors import MOST_SEED

REPORT = "report"  # marks the question after what was done elsewhere


class Imagines(Protocol):
    """What is needed of an imagined world: a pure step from facts to facts."""

    def step(self, state: Facts, action: Action, seed: int) -> Step[Facts]: ...


@dataclass(frozen=True)
class RehearsalEnvironment:
    """Acts in a pure world of facts. What happens depends on the seed, the step and its facts only, so that a run that
    goes on in another process meets the same world."""

    world: Imagines
    seed: int = 0

    def execute_once(self, key: str, action: Action, facts: Facts) -> Step[Facts]:
        """Step the world; the same key gives the same result."""
        step = key.partition("/")[2]  # without the run's name: the same seed rehearses the same course in every run
        digest = hashlib.sha256(f"{self.seed}/{step}".encode()).digest()
        return self.world.step(facts, action, int.from_bytes(digest[:8], "big") % MOST_SEED)


@dataclass(frozen=True)
class ReportedEnvironment:
    """Acts by waiting until somebody has acted and reports: `Agent.resume(…, answer={"happened": …})`.

    Needs a checkpoint. `{"happened": True, "facts": …}` may say `duration` (hours), `cost` and `done` (the case is
    closed); `{"happened": False}` may say the `error` that kept it from happening, and the facts if they changed.
    """

    def execute_once(self, key: str, action: Action, facts: Facts) -> Step[Facts]:
        """Wait for the report of this deed, and return it as a step."""
        from langgraph.types import interrupt

        question = {
            "question": f"do {action.label()} and report what came of it",
            "kind": REPORT,
            "action": action.label(),
            "answer": "{'happened': True, 'facts': {…}} with the facts after it, or {'happened': False, 'error': why}",
        }
        return _reported(interrupt(question), facts)


def _reported(told: dict[str, Any], before: Facts) -> Step[Facts]:
    facts = dict(told.get("facts") or before)
    error = None if told["happened"] else str(told.get("error") or "it was not done")
    hours, cost = float(told.get("duration", 0.0)), float(told.get("cost", 0.0))
    return Step(facts, hours, cost, done=bool(told.get("done", False)), error=error)
