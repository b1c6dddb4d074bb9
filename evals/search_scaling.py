"""Test-time world modelling: true plan success against imagined simulations and against horizon, for a good and a
weak model, with doubt priced and not. Knows worlds, models and planners by their public names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.domain.world import Policy
from wmagent.errors import InputError
from wmagent.evals.closed_loop import Replanning
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.success import Case, Make, random_policy, simulate, success
from wmagent.evals.tight import tightened
from wmagent.latent.protocols import Budget

log = logging.getLogger(__name__)

ARMS = ("real", "pessimistic", "weak", "weak pessimistic")
AXES = ("simulations", "horizon")

NOTES = (
    "relative: simulated cases in the true world; the optimum less what the decisions lost against the best ones, over "
    "the optimum (without an exact oracle: the plain share that reached the goal). Each decision plans anew.",
    "pessimistic: the ensemble's disagreement and every step outside recorded experience lower what a course is worth.",
    "imagined: transitions that one decision imagined on average; a search may end before its budget does.",
    "what no plan reaches is left to recorded behaviour, so that one simulation is nearly what people do.",
)

BOLD = {"risk_weight": 0.0, "outside_weight": 0.0}  # doubt costs nothing


@dataclass(frozen=True)
class Settings:
    """How much is learned from and asked: `cases` (start, goal) pairs, each simulated `runs` times per point.

    `weak_transitions` and `weak_preset` make the weak model; `risk_weight` and `outside_weight` are the prices of
    doubt of the pessimistic score; horizons are tried with `horizon_simulations`, simulations without a horizon.
    """

    world: str = "contract-approval"
    transitions: int = 60_000
    preset: str = "small"
    text: str = "auto"
    weak_transitions: int = 1_000
    weak_preset: str = "tiny"
    simulations: tuple[int, ...] = (1, 10, 30, 100, 300, 1_000, 3_000, 10_000)
    horizons: tuple[int, ...] = (1, 2, 4, 6, 8, 12, 20)
    horizon_simulations: int = 1_000
    cases: int = 4
    runs: int = 3
    risk_weight: float = 0.5
    outside_weight: float = 0.5
    max_states: int = 400_000  # above, the truth is sampled and goals keep their deadlines


def run(
    seeds: Sequence[int] = (0,),
    settings: Settings | None = None,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, object]:
    """Return true success per arm and point of both axes, beside random and optimal; one JSON-ready object.

    `rows` holds every seed's points with bootstrap 95 % intervals over cases, `summary` their means as
    {axis: {arm: [[point, relative], …]}}. `models` is a folder in which learned models are kept.
    """
    settings, say = settings or Settings(), progress or log.info
    rows = [row for seed in seeds for row in _Seed(settings, seed, models, say).rows()]
    return {
        "eval": "search-scaling",
        "settings": asdict(settings),
        "seeds": list(seeds),
        "summary": {axis: _means(rows, axis) for axis in AXES},
        "rows": rows,
        "notes": list(NOTES),
        "versions": versions(),
    }


class _Seed:
    """One seed: the world's truth, both models, and the cases."""

    def __init__(self, settings: Settings, seed: int, models: Path | None, say: Callable[[str], None]) -> None:
        import wmagent.worlds as worlds
        from wmagent.worlds.sampled import truth

        self.settings, self.seed, self.say = settings, seed, say
        self.world = worlds.load(settings.world)
        self.oracle = truth(self.world, settings.max_states, seed=seed)
        rows = worlds.experience(self.world, transitions=settings.transitions, seed=seed)
        good, weak = (rows, settings.preset), (rows[: settings.weak_transitions], settings.weak_preset)
        self.real, self.weak = (
            learned(self.world.name, some, seed, preset, settings.text, models)[0] for some, preset in (good, weak)
        )
        self.cases = self._cases()

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per arm and point, floor and ceiling first."""
        settings = self.settings
        floor = self._judged(random_policy(self.world, self.seed))
        found = [{"seed": self.seed, "axis": None, "point": None, "arm": "random", **floor}]
        if self.oracle.exact:
            found.append({**found[0], "arm": "optimal", "success": floor["optimal"], "relative": 1.0})
        for axis, points in zip(AXES, (settings.simulations, settings.horizons), strict=True):
            for point in points:
                for arm in ARMS:
                    row = {"seed": self.seed, "axis": axis, "point": point, "arm": arm, **self._point(arm, axis, point)}
                    self.say(f"seed {self.seed}: {axis} {point}, {arm}: {row['relative']:.3f}")
                    found.append(row)
        return found

    def _point(self, arm: str, axis: str, point: int) -> dict[str, Any]:
        from wmagent.planning import planner

        settings, model = self.settings, self.weak if arm.startswith("weak") else self.real
        budget = Budget(point if axis == "simulations" else settings.horizon_simulations)
        search = planner("best-first", horizon=point if axis == "horizon" else None)
        prices = {"risk_weight": settings.risk_weight, "outside_weight": settings.outside_weight}
        observe, policies = partial(model.observe, strict=False), list[Replanning]()

        def make(start: Any, goal: Any) -> Policy:
            policies.append(
                Replanning(
                    model,
                    observe,
                    search,
                    goal,
                    self.world.legal,
                    self.seed,
                    budget,
                    prices=prices if arm.endswith("pessimistic") else BOLD,
                )
            )
            return policies[-1]

        found = self._judged(make)
        decisions = max(1, sum(policy.decisions for policy in policies))
        return {**found, "imagined": round(sum(policy.imagined for policy in policies) / decisions, 1)}

    def _judged(self, make: Make) -> dict[str, Any]:
        runs = simulate(self.world, self.oracle, make, self.cases, self.settings.runs, self.seed)
        found = success(runs, self.settings.runs, self.seed)
        return {"relative": found["success"], **found}

    def _cases(self) -> list[Case]:
        """Return (start, goal) pairs, every goal in turn; with an exact oracle, those with the least time."""
        goals, found = self.world.goals(), list[Case]()
        for number in range(8 * self.settings.cases):
            start = self.world.initial(50_000 + 1_000 * self.seed + number)
            goal = goals[number % len(goals)]
            tight = tightened(self.oracle, start, goal) if self.oracle.exact and goal.max_cost is None else goal
            if tight is None or tight.max_cost is not None or tight.reached(start) or tight.violated(start):
                continue
            found.append((start, tight))
            if len(found) == self.settings.cases:
                return found
        if not found:
            raise InputError(f"no goal of {self.settings.world} can be reached from the drawn starts")
        return found


def by_point(result: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the summary of a result as {"simulations 30": {arm: relative, …}, …}."""
    found: dict[str, dict[str, float]] = {}
    for axis, lines in result["summary"].items():
        for arm, points in lines.items():
            for point, relative in points:
                found.setdefault(f"{axis} {point}", {})[arm] = relative
    return found


def _means(rows: Sequence[Mapping[str, Any]], axis: str) -> dict[str, list[list[float]]]:
    """Return per arm the points of an axis with the mean success over seeds; floor and ceiling at every point."""
    points = sorted({row["point"] for row in rows if row["axis"] == axis})
    found: dict[str, list[list[float]]] = {}
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = [row for row in rows if row["arm"] == arm and row["axis"] in (axis, None)]
        found[arm] = [
            [point, float(np.mean([row["relative"] for row in mine if row["point"] in (point, None)]))]
            for point in points
        ]
    return found
