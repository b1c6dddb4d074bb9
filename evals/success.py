"""How often policies truly reach their goals in worlds too large to follow them exactly, from simulated cases.
Knows worlds, oracles and policies by their public names; knows no model."""

from __future__ import annotations

import math
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


Value = Callable[[Facts, float], float]


class Outcomes(Protocol):
    """The part of an oracle that is used; an exact one also has `optimal_value`, a sampled one has not."""

    def outcomes(self, facts: Facts, action: Action) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Run:
    """One simulated case: whether it reached the goal, and what its decisions lost against the best ones.

    The expected sum of `lost` is exactly what the policy reaches less than the optimum does (Kakade & Langford 2002,
    performance difference), so `optimal - lost` estimates the policy's success with far less noise than `reached`.
    `lost_unseen` is the part lost in states that were never recorded, of which there were `unseen` among `decisions`.
    """

    reached: bool
    optimal: float
    lost: float
    lost_unseen: float
    decisions: int
    unseen: int
    refused: bool


def simulate(
    world: World[Facts],
    oracle: Outcomes,
    make: Make,
    cases: Sequence[Case],
    runs: int,
    seed: int,
    known: Callable[[Facts], bool] = lambda facts: True,
) -> list[Run]:
    """Return `runs` simulated runs of every (start, goal); a policy that does what is not allowed ends its case there.

    Cases, not policies, carry the seeds: every policy meets the same luck as far as it does the same. `known` says
    which states were recorded. Without an exact oracle the optimum is NaN and nothing counts as lost.
    """
    found = []
    for number, (start, goal) in enumerate(cases):
        policy, best = make(start, goal), getattr(oracle, "optimal_value", None)
        value: Value | None = best(start, goal) if best is not None else None
        for run in range(runs):
            draw = random.Random(f"{seed} {number} {run}")
            found.append(_Simulation(world, oracle, value, known, goal).run(policy, start, draw))
    return found


class _Simulation:
    """One case while it is simulated."""

    def __init__(
        self, world: World[Facts], oracle: Outcomes, value: Value | None, known: Callable[[Facts], bool], goal: Goal
    ) -> None:
        self.world, self.oracle, self.value, self.known, self.goal = world, oracle, value, known, goal
        self.lost = self.lost_unseen = 0.0
        self.decisions = self.unseen = 0

    def run(self, policy: Policy, start: Facts, draw: random.Random) -> Run:
        facts, elapsed = start, 0.0
        optimal = self._worth(start, 0.0)
        for _ in range(MAX_STEPS):
            if self.goal.reached(facts):
                return self._end(optimal, reached=True)
            if not self._worth(facts, elapsed):
                return self._end(optimal)
            action, seed = policy(facts, elapsed), draw.getrandbits(32)
            outcomes = self.oracle.outcomes(facts, action) if action is not None else ()
            self._lose(facts, elapsed, outcomes)
            if action is None or not outcomes:
                return self._end(optimal, refused=action is not None)
            step = self.world.step(facts, action, seed)
            facts, elapsed = step.state, elapsed + step.duration
        self.lost += self._worth(facts, elapsed) if self.value is not None else 0.0  # it went round in circles
        return self._end(optimal)

    def _lose(self, facts: Facts, elapsed: float, outcomes: Sequence[Any]) -> None:
        unseen = not self.known(facts)
        self.decisions, self.unseen = self.decisions + 1, self.unseen + unseen
        if self.value is not None:
            after = sum(o.probability * self._worth(o.facts, elapsed + o.duration) for o in outcomes)
            lost = max(0.0, self._worth(facts, elapsed) - after)
            self.lost, self.lost_unseen = self.lost + lost, self.lost_unseen + lost * unseen

    def _worth(self, facts: Facts, elapsed: float) -> float:
        goal = self.goal
        if goal.violated(facts) or (goal.deadline is not None and elapsed > goal.deadline + 1e-9):
            return 0.0
        return 1.0 if goal.reached(facts) or self.value is None else self.value(facts, elapsed)

    def _end(self, optimal: float, reached: bool = False, refused: bool = False) -> Run:
        return Run(
            reached,
            optimal if self.value is not None else math.nan,
            self.lost,
            self.lost_unseen,
            self.decisions,
            self.unseen,
            refused,
        )


def success(runs: Sequence[Run], per_case: int, seed: int = 0) -> dict[str, Any]:
    """Return the success of simulated runs, absolute and relative to the optimum, with bootstrap 95 % over cases;
    `lost_per_unseen` is what one decision in a state that was never recorded loses."""
    if not runs:
        return {"cases": 0, "runs": 0}
    reached, optimal, lost = (
        np.array([float(getattr(run, name)) for run in runs]).reshape(-1, per_case).mean(1)
        for name in ("reached", "optimal", "lost")
    )
    exact = bool(np.isfinite(optimal).all())
    worth = optimal - lost if exact else reached

    def ratio(index: np.ndarray, counts: np.ndarray) -> np.ndarray:
        at = index.astype(int)
        return (counts @ worth[at]) / np.maximum(counts @ optimal[at], 1e-12)

    cases, unseen = list(range(len(worth))), sum(run.unseen for run in runs)
    found: dict[str, Any] = {
        "cases": len(worth),
        "runs": len(runs),
        "success": float(worth.mean()),
        "reached": float(reached.mean()),
        "refused": float(np.mean([run.refused for run in runs])),
        "decisions": sum(run.decisions for run in runs),
        "unseen": unseen,
    }
    if exact:
        found |= {
            "optimal": float(optimal.mean()),
            "relative": float(worth.sum() / max(optimal.sum(), 1e-12)),
            "relative_interval": bootstrap(cases, statistic=ratio, resamples=500, seed=seed),
            "lost_per_unseen": sum(run.lost_unseen for run in runs) / unseen if unseen else None,
        }
    return found


def random_policy(world: World[Facts], seed: int) -> Make:
    """Return the policy that does any allowed action: the floor."""

    def make(start: Facts, goal: Goal) -> Policy:
        draw = random.Random(f"random {seed} {goal.words}")

        def policy(facts: Facts, elapsed: float) -> Action | None:
            legal = world.legal(facts)
            return draw.choice(legal) if legal else None

        return policy

    return make
