"""How often policies truly reach their goals in worlds too large to follow them exactly, from simulated cases.
Knows worlds, oracles and policies by their public names; knows no model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from wmagent.domain.types import Action, Facts, Goal
from wmagent.domain.world import Policy, World
from wmagent.evals.metrics import bootstrap

Case = tuple[Facts, Goal]
Make = Callable[[Facts, Goal], Policy]
MAX_STEPS = 80


class Values(Protocol):
    """The part of an exact oracle that knows what the best policy reaches from everywhere."""

    def optimal_value(self, start: Facts, goal: Goal) -> Callable[[Facts, float], float]: ...

    def outcomes(self, facts: Facts, action: Action) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Run:
    """One simulated case: whether it reached the goal, and what its decisions lost against the best ones.

    The expected sum of `lost` is exactly what the policy reaches less than the optimum does (Kakade & Langford 2002,
    performance difference), so `optimal - lost` estimates the policy's success with far less noise than `reached`.
    """

    reached: bool
    optimal: float
    lost: float
    refused: bool

    @property
    def worth(self) -> float:
        """The success of the policy that this run estimates."""
        return self.optimal - self.lost


def simulate(world: World[Facts], oracle: Values, make: Make, cases: Sequence[Case], runs: int, seed: int) -> list[Run]:
    """Return `runs` simulated runs of every (start, goal); a policy that does what is not allowed ends its case there.

    Cases, not policies, carry the seeds: every policy meets the same luck as far as it does the same.
    """
    found = []
    for number, (start, goal) in enumerate(cases):
        value, policy = oracle.optimal_value(start, goal), make(start, goal)
        for run in range(runs):
            draw = random.Random(f"{seed} {number} {run}")
            found.append(_run(world, oracle, value, policy, start, goal, draw))
    return found


def _run(
    world: World[Facts],
    oracle: Values,
    value: Callable[[Facts, float], float],
    policy: Policy,
    start: Facts,
    goal: Goal,
    draw: random.Random,
) -> Run:
    facts, elapsed, lost = start, 0.0, 0.0
    optimal = value(start, 0.0)
    for _ in range(MAX_STEPS):
        if goal.reached(facts):
            return Run(True, optimal, lost, False)
        best = value(facts, elapsed)
        if best <= 0.0:
            return Run(False, optimal, lost, False)
        action, seed = policy(facts, elapsed), draw.getrandbits(32)
        outcomes = oracle.outcomes(facts, action) if action is not None else ()
        if action is None or not outcomes:
            return Run(False, optimal, lost + best, action is not None)
        lost += best - sum(o.probability * _after(value, goal, o.facts, elapsed + o.duration) for o in outcomes)
        step = world.step(facts, action, seed)
        facts, elapsed = step.state, elapsed + step.duration
        if goal.violated(facts) or (goal.deadline is not None and elapsed > goal.deadline + 1e-9):
            return Run(False, optimal, lost, False)
    return Run(False, optimal, lost + value(facts, elapsed), False)


def _after(value: Callable[[Facts, float], float], goal: Goal, facts: Facts, elapsed: float) -> float:
    if goal.violated(facts) or (goal.deadline is not None and elapsed > goal.deadline + 1e-9):
        return 0.0
    return 1.0 if goal.reached(facts) else value(facts, elapsed)


def success(runs: Sequence[Run], per_case: int, seed: int = 0) -> dict[str, Any]:
    """Return the success of simulated runs, absolute and relative to the optimum, with bootstrap 95 % over cases."""
    worth = np.array([run.worth for run in runs]).reshape(-1, per_case).mean(1)
    optimal = np.array([run.optimal for run in runs]).reshape(-1, per_case).mean(1)

    def ratio(index: np.ndarray, counts: np.ndarray) -> np.ndarray:
        at = index.astype(int)
        return (counts @ worth[at]) / np.maximum(counts @ optimal[at], 1e-12)

    return {
        "cases": len(worth),
        "runs": len(runs),
        "success": float(worth.mean()),
        "optimal": float(optimal.mean()),
        "relative": float(worth.sum() / max(optimal.sum(), 1e-12)),
        "relative_interval": bootstrap(list(range(len(worth))), statistic=ratio, resamples=500, seed=seed),
        "reached": float(np.mean([run.reached for run in runs])),
        "refused": float(np.mean([run.refused for run in runs])),
    }


def random_policy(world: World[Facts], seed: int) -> Make:
    """Return the policy that does any allowed action: the floor."""

    def make(start: Facts, goal: Goal) -> Policy:
        draw = random.Random(f"random {seed} {goal.words}")

        def policy(facts: Facts, elapsed: float) -> Action | None:
            legal = world.legal(facts)
            return draw.choice(legal) if legal else None

        return policy

    return make
