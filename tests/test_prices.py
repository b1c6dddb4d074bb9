"""What money and hours cost a plan: nothing that depends on the currency, unless a price is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from torch import Tensor

from wmagent.latent.protocols import Latent, Prediction
from wmagent.planning import TabularDynamics, objective_for, planner
from wmagent.worlds import load


@dataclass(frozen=True)
class Dearer:
    """A model in another currency."""

    model: TabularDynamics
    rate: float

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        found = self.model.imagine(latent, action)
        return replace(found, cost=found.cost * self.rate)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def test_a_plan_does_not_depend_on_the_currency() -> None:
    world = load("contract-approval")
    start, goal = world.initial(3), world.goals()[0]
    model = TabularDynamics.from_oracle(world.oracle(), world.actions, start)
    plans = [
        planner("best-first").plan(Dearer(model, rate), model.observe(start), objective_for(goal))  # type: ignore[arg-type]
        for rate in (1.0, 1e-4, 1e6)
    ]
    first = plans[0].candidates[0]
    assert first.probability > 0.9
    for other in (plan.candidates[0] for plan in plans):
        assert other.actions == first.actions
        assert other.utility == pytest.approx(first.utility)


def test_prices_that_are_given_are_kept() -> None:
    world = load("contract-approval")
    start, goal = world.initial(3), world.goals()[0]
    model = TabularDynamics.from_oracle(world.oracle(), world.actions, start)
    dear = objective_for(goal, cost_weight=1.0)
    found = planner("best-first").plan(model, model.observe(start), dear)
    assert all(candidate.utility < 0.05 for candidate in found.candidates)  # at 1 per euro nothing is worth doing
