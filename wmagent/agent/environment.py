"""Environments to act in: a simulated world, and what any environment's answer amounts to. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wmagent.agent.episode import Deed
from wmagent.domain.types import Action, Facts, Observation
from wmagent.domain.world import Step
from wmagent.errors import InputError


class Steps(Protocol):
    """What is needed of a pure world to act in it (any `World` has it)."""

    def step(self, state: Any, action: Action, seed: int) -> Step[Any]: ...

    def observe(self, state: Any) -> Observation: ...


@dataclass
class WorldEnvironment:
    """Acts in a pure `World`: keeps the present state and draws one seed per action."""

    world: Steps
    state: Any
    seed: int = 0
    steps: int = field(default=0, init=False)

    def execute(self, action: Action, facts: Facts) -> Step[Any]:
        """Step the world; the returned Step's state is the observed facts."""
        step = self.world.step(self.state, action, self.seed * 1_000_003 + self.steps)
        self.steps += 1
        self.state = step.state
        return Step(self.world.observe(step.state).facts, step.duration, step.cost, step.events, step.done, step.error)


def as_deed(action: Action, result: Step[Any] | Observation) -> Deed:
    """Return what an environment's answer amounts to; InputError when it is neither a Step nor an Observation."""
    if isinstance(result, Observation):
        return Deed(action, dict(result.facts), 0.0, 0.0)
    if not isinstance(result, Step):
        raise InputError(f"an environment returns a Step or an Observation, not {type(result).__name__}")
    state = result.state
    facts = state.facts if isinstance(state, Observation) else state
    if not isinstance(facts, Mapping):
        raise InputError(f"an environment's Step holds facts or an Observation, not {type(state).__name__}")
    return Deed(action, dict(facts), float(result.duration), float(result.cost), result.error, bool(result.done))
