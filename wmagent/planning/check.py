"""The contract of a planner, as a function that third parties run on theirs. Knows only the protocols and a double.

Every broken promise is named; an assertion error lists them all.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from wmagent.domain.types import Condition
from wmagent.latent.protocols import Budget, Dynamics, Latent, Objective, Planner, Prediction, Search
from wmagent.planning.doubles import ERRAND_GOAL, ERRAND_OPTIMUM, ERRAND_START, errand
from wmagent.planning.objective import objective_for

BUDGET = Budget(600)


def check_planner(planner: Planner, tolerance: float = 0.02, searches: bool = True) -> None:
    """Raise AssertionError naming every promise of `Planner` that `planner` breaks on a small known world.

    `tolerance` is how far below the known optimum the found plan may be; `searches=False` leaves out the optimum and
    the adversarial prior, for references that are not meant to reach it.
    """
    model, objective = errand(), objective_for(ERRAND_GOAL)
    start = model.observe(ERRAND_START)
    broken = []
    for name, promise in _PROMISES.items():
        found = promise(planner, model, start, objective)
        if found:
            broken.append(f"{name}: {found}")
    if searches:
        for name, drive_first in (("known optimum", False), ("adversarial prior", True)):
            best = _best(planner.plan(errand(drive_first), start, objective, budget=BUDGET))
            if best < ERRAND_OPTIMUM - tolerance:
                broken.append(f"{name}: found P(goal) {best:.3f}, the best policy has {ERRAND_OPTIMUM:.3f}")
    if broken:
        raise AssertionError(f"planner {planner.name!r} breaks its contract:\n- " + "\n- ".join(broken))


class Watched:
    """A `Dynamics` that counts what a planner asks of another one, and notes pairs asked where they are not legal."""

    def __init__(self, model: Dynamics) -> None:
        self._model = model
        self.imagined = 0
        self.illegal = 0

    @property
    def actions(self) -> tuple[Any, ...]:
        """The model's actions."""
        return self._model.actions

    @property
    def duration_values(self) -> Tensor:
        """The model's durations."""
        return self._model.duration_values

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine, and count."""
        self.imagined += len(latent)
        prediction = self._model.imagine(latent, action)
        self.illegal += int((prediction.legal < 0.5).sum())
        return prediction

    def legality(self, latent: Latent) -> Tensor:
        """As the model says."""
        return self._model.legality(latent)

    def behaviour(self, latent: Latent) -> Tensor:
        """As the model says."""
        return self._model.behaviour(latent)

    def holds(self, latent: Latent, conditions: Any) -> Tensor:
        """As the model says."""
        return self._model.holds(latent, conditions)


def same_search(left: Search, right: Search) -> bool:
    """Return whether two searches found the same, apart from their timing."""
    plain = [f.name for f in fields(Search) if f.name not in ("states", "milliseconds")]
    same = all(getattr(left, name) == getattr(right, name) for name in plain)
    return same and torch.equal(left.states.codes, right.states.codes)


def _deterministic(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    first = planner.plan(model, start, objective, seed=3, budget=BUDGET)
    planner.plan(model, start, replace(objective, deadline=3.0), seed=4, budget=BUDGET)
    again = planner.plan(model, start, objective, seed=3, budget=BUDGET)
    return "" if same_search(first, again) else "the same inputs and seed gave another search after a different one"


def _budgeted(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    for simulations in (0, 1, 7):
        watched = Watched(model)
        search = planner.plan(watched, start, objective, budget=Budget(simulations))
        if watched.imagined > simulations:
            return f"imagined {watched.imagined} transitions on a budget of {simulations}"
        if search.imagined != watched.imagined:
            return f"reports {search.imagined} imagined transitions, asked for {watched.imagined}"
    planner.plan(model, start, objective, budget=Budget(600, milliseconds=0.0))
    return ""


def _legal_only(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    watched = Watched(model)
    planner.plan(watched, start, objective, budget=BUDGET)
    return f"imagined {watched.illegal} actions where they are not legal" if watched.illegal else ""


def _at_goal(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    here = replace(objective, conditions=(Condition("place", "home"),))
    best = planner.plan(model, start, here, budget=BUDGET).candidates[0]
    right = best.actions == () and best.probability == 1.0
    return "" if right else f"already at the goal, planned {best.actions} with P(goal) {best.probability}"


def _impossible(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    for label, conditions, deadline in (
        ("a goal nobody can reach", (Condition("place", "moon"),), 6.0),
        ("a deadline too early", objective.conditions, 0.5),
    ):
        wanted = replace(objective, conditions=conditions, deadline=deadline)
        best = planner.plan(model, start, wanted, budget=BUDGET).candidates[0]
        if best.probability != 0.0:
            return f"{label} has P(goal) {best.probability}, not 0"
    return ""


def _forbidden(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    no_tickets = replace(objective, forbidden=(Condition("ticket", "yes"),))
    buy = next(index for index, action in enumerate(model.actions) if action.name == "buy")
    best = planner.plan(model, start, no_tickets, budget=BUDGET).candidates[0]
    if buy in best.actions:
        return "the plan makes a forbidden fact true"
    return (
        "" if best.probability <= 0.7 + 1e-6 else f"P(goal) {best.probability} without the forbidden fact, at most 0.7"
    )


def _recorded(planner: Planner, model: Dynamics, start: Latent, objective: Objective) -> str:
    search = planner.plan(model, start, objective, budget=BUDGET)
    best, rows = search.candidates[0], len(search.states)
    if not torch.equal(search.states.codes[0], start.codes[0]):
        return "row 0 of the states is not the start"
    if len(best.step_probabilities) != len(best.actions):
        return "step_probabilities and actions differ in length"
    if not all(0 <= row < rows for row in (*search.main_line, *(node.state for node in search.nodes))):
        return "the record names states that it does not hold"
    if any(candidate.utility > best.utility + 1e-9 for candidate in search.candidates):
        return "the first candidate is not the best"
    heads = len(model.imagine(start, torch.tensor([0])).head_probs)
    return "" if len(best.head_probabilities) in (heads, 1) else "head_probabilities has not one number per head"


_PROMISES = {
    "determinism and no state": _deterministic,
    "budget": _budgeted,
    "legal actions only": _legal_only,
    "already at the goal": _at_goal,
    "impossible goal": _impossible,
    "forbidden facts": _forbidden,
    "record": _recorded,
}


def _best(search: Search) -> float:
    return search.candidates[0].probability
