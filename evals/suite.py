"""Models x controls x planners x seeds on a world with an oracle: how often do plans truly succeed, at what price?
Knows every part by its registered name; floors are baselines and random choice, the ceiling is the optimal policy."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.domain.types import Facts, Goal, Transition
from wmagent.evals.closed_loop import Replanning, closed_loop, random_worth
from wmagent.evals.floors import own_policies
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap_weights
from wmagent.latent.protocols import Budget, Dynamics
from wmagent.model.baselines import NAMES, baseline
from wmagent.model.baselines.dynamics import BaselineDynamics
from wmagent.model.controls import MODES, Controlled

Cases = list[tuple[Facts, Goal]]
Say = Callable[[str], None]


def run(
    seeds: Sequence[int] = (0, 1, 2),
    world: str = "contract-approval",
    transitions: int = 20_000,
    planners: Sequence[str] = ("best-first",),
    controls: Sequence[str] = MODES,
    baselines: Sequence[str] = NAMES,
    starts: int = 2,
    simulations: int = 500,
    preset: str = "small",
    text: str = "auto",
    models: Path | None = None,
    progress: Say | None = None,
) -> dict[str, object]:
    """Return one row per (model, control, planner) with its success over starts, goals and seeds.

    success is the exact P(goal) of replanning at every step (see `Replanning`); relative divides by the optimal
    policy's; interval is the bootstrap 95 % of relative over (seed, start, goal). The world model runs under every
    control with every planner; baselines and the simulator (the oracle's own table) only as they are, and baselines
    that have a policy of their own with that too. Rows random and optimal are floor and ceiling.
    """
    cells: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for seed in seeds:
        for key, rows in _Round(world, seed, transitions, starts, simulations, preset, text, models, progress).cells(
            planners, controls, baselines
        ):
            cells.setdefault(key, []).extend(rows)
    return {
        "eval": "suite",
        "world": world,
        "transitions": transitions,
        "seeds": list(seeds),
        "starts": starts,
        "simulations": simulations,
        "preset": preset,
        "rows": [_row(key, rows) for key, rows in cells.items()],
        "versions": versions(),
    }


class _Round:
    """One seed: experience, learned models, and the cases they are tried on."""

    def __init__(
        self,
        world: str,
        seed: int,
        transitions: int,
        starts: int,
        simulations: int,
        preset: str,
        text: str,
        models: Path | None,
        say: Say | None,
    ) -> None:
        import wmagent.worlds as worlds

        self.world, self.seed, self.say = worlds.load(world), seed, say
        self.oracle = self.world.oracle()
        self.simulations = simulations
        self.rows: list[Transition] = worlds.experience(self.world, transitions=transitions, seed=seed)
        self.model, _ = learned(world, self.rows, seed, preset, text, models)
        firsts = [self.world.initial(70_000 + 1_000 * seed + i) for i in range(starts)]
        self.cases: Cases = [(first, goal) for first in firsts for goal in self.world.goals()]

    def cells(self, planners: Sequence[str], controls: Sequence[str], baselines: Sequence[str]) -> Any:
        """Yield ((model, control, planner), rows) for every combination."""
        from wmagent.planning import TabularDynamics

        sample = random.Random(self.seed).sample(self.rows, min(400, len(self.rows)))
        reference = self.model.observe([row.before.facts for row in sample])
        floors = {name: BaselineDynamics(baseline(name).fit(self.rows, self.seed), self.rows) for name in baselines}
        table = TabularDynamics.from_oracle(self.oracle, self.world.actions, [first for first, _ in self.cases])
        for planner in planners:
            for control in controls:
                dynamics = Controlled(self.model, control, self.seed, reference)  # type: ignore[arg-type]
                yield ("world model", control, planner), self._try(dynamics, self.model.observe, planner)
            for name, floor in floors.items():
                yield (name, "real", planner), self._try(floor, floor.observe, planner)
            yield ("simulator", "real", planner), self._try(table, table.observe, planner)
        for name, floor in floors.items():
            own = own_policies(floor.baseline, self.world.legal, self.oracle, self.cases)
            if own:
                yield (name, "real", "own policy"), own
        best = [self.oracle.optimal(start, goal).probability for start, goal in self.cases]
        worths = [random_worth(self.world, start, goal, self.seed) for start, goal in self.cases]
        yield ("random", "", ""), [{"worth": w, "optimal": b} for w, b in zip(worths, best, strict=True)]
        yield ("optimal", "", ""), [{"worth": b, "optimal": b} for b in best]

    def _try(self, dynamics: Dynamics, observe: Any, planner: str) -> list[dict[str, Any]]:
        from wmagent.planning import planner as named

        policies: list[Replanning] = []

        def make(goal: Goal) -> Replanning:
            budget = Budget(self.simulations)
            policies.append(Replanning(dynamics, observe, named(planner), goal, self.world.legal, self.seed, budget))
            return policies[-1]

        began = time.perf_counter()
        rows = closed_loop(make, self.oracle, self.cases)
        if self.say:
            self.say(f"seed {self.seed}: {planner} took {time.perf_counter() - began:.1f} s for {len(rows)} cases")
        decisions = max(1, sum(policy.decisions for policy in policies))
        spent = {
            "imagined": sum(policy.imagined for policy in policies) / decisions,
            "milliseconds": sum(policy.milliseconds for policy in policies) / decisions,
        }
        return [{**row, **spent} for row in rows]


def _row(key: tuple[str, str, str], rows: Sequence[dict[str, Any]]) -> dict[str, object]:
    worth, best = (np.array([row[name] for row in rows]) for name in ("worth", "optimal"))
    draws = bootstrap_weights([str(i) for i in range(len(rows))], 1000, 0)
    ratios = (draws @ worth) / np.maximum(draws @ best, 1e-12)
    found: dict[str, object] = dict(zip(("model", "control", "planner"), key, strict=True))
    found |= {
        "success": float(worth.mean()),
        "relative": float(worth.sum() / max(best.sum(), 1e-12)),
        "interval": [float(x) for x in np.percentile(ratios, [2.5, 97.5])],
        "n": len(rows),
    }
    for name in ("imagined", "milliseconds"):
        if name in rows[0]:
            found[name] = round(float(np.mean([row[name] for row in rows])), 1)
    return found
