"""A model that is asked nothing twice: the same search, from memory. Knows planning's public names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from wmagent.latent.protocols import Budget, Latent, Prediction
from wmagent.planning import TabularDynamics, objective_for, planner
from wmagent.planning.remembered import Remembered
from wmagent.worlds import load


@dataclass
class Counting:
    """The exact model of a world that counts what it is asked for; latents follow from codes."""

    model: TabularDynamics
    pairs: list[tuple[bytes, int]] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        self.pairs += zip(latent.keys(), action.tolist(), strict=True)
        return self.model.imagine(latent, action)

    def legality(self, latent: Latent) -> Tensor:
        self.states += latent.keys()
        return self.model.legality(latent)

    def latent(self, codes: Tensor) -> Latent:
        return Latent(codes[..., None].float(), codes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@pytest.fixture
def counting() -> Counting:
    world = load("contract-approval")
    return Counting(TabularDynamics.from_oracle(world.oracle(), world.actions, world.initial(3)))


def test_a_search_is_the_same_and_costs_the_model_nothing_the_second_time(counting: Counting) -> None:
    world = load("contract-approval")
    start, objective, budget = world.initial(3), objective_for(world.goals()[0]), Budget(500)
    plain = planner("best-first").plan(counting.model, counting.model.observe(start), objective, budget=budget)
    model = Remembered(counting)  # type: ignore[arg-type]
    for _ in range(2):
        found = planner("best-first").plan(model, counting.model.observe(start), objective, budget=budget)
        assert found.candidates == plain.candidates
        assert found.imagined == plain.imagined
        assert len(counting.pairs) == len(set(counting.pairs)) == plain.imagined
        assert len(counting.states) == len(set(counting.states))


def test_equal_pairs_in_one_question_are_asked_once(counting: Counting) -> None:
    start = counting.model.observe(load("contract-approval").initial(3)).repeat(3)
    model = Remembered(counting)  # type: ignore[arg-type]
    found = model.imagine(start, torch.tensor([0, 1, 0]))
    assert len(counting.pairs) == 2
    assert torch.equal(found.probs, counting.model.imagine(start, torch.tensor([0, 1, 0])).probs)
    assert torch.equal(found.next.codes[: found.probs.shape[1]], found.next.codes[2 * found.probs.shape[1] :])


def test_memory_that_is_full_begins_anew(counting: Counting) -> None:
    start = counting.model.observe(load("contract-approval").initial(3))
    model = Remembered(counting, most=2)  # type: ignore[arg-type]
    for action in (0, 1, 0):
        model.imagine(start, torch.tensor([action]))
    assert len(counting.pairs) == 2
    model.imagine(start, torch.tensor([2]))
    model.imagine(start, torch.tensor([0]))
    assert len(counting.pairs) == 4
