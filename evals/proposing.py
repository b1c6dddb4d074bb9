"""What a language model's proposals are worth: imagined transitions that planning needs with them, without, and against
a proposer that is wrong on purpose. Knows worlds, oracles, models and planners by their public names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition, FactKey, Facts, Goal, Observation, key_of
from wmagent.domain.world import Policy
from wmagent.evals.closed_loop import Replanning
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.search_scaling import BOLD
from wmagent.evals.success import Case, simulate, success
from wmagent.latent.protocols import Budget, Latent, Prediction

log = logging.getLogger(__name__)

ARMS = ("uniform", "language model", "adversarial", "behaviour")
SIMULATIONS = (1, 3, 10, 30, 100, 300, 1_000)
ENOUGH = 0.95
NOTES = (
    "relative: simulated cases in the true world, every decision planned anew with so many imagined transitions; the "
    "optimum less what the decisions lost, over the optimum. Cases the language model's text does not hold.",
    "uniform: search is led by nothing; language model: by its weights in the state that is decided in, by nothing "
    "below; adversarial: by the same weights upside down; behaviour: by recorded behaviour, the toolkit's default.",
    "where a search found no way to the goal, the action that its lead weighs most is done.",
    "needed: the fewest imagined transitions per decision with at least .95 of the optimum there and ever after; null: "
    "not reached.",
)

Weigh = Callable[[Facts], dict[str, float]]


class Led:
    """A world model whose recorded behaviour is replaced: weights in one state, nothing known in all others."""

    def __init__(self, model: Any, weigh: Weigh | None) -> None:
        self.model, self.weigh = model, weigh
        self._root: tuple[bytes, Tensor] | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.model.actions

    @property
    def duration_values(self) -> Tensor:
        return self.model.duration_values

    def observe(self, facts: Facts) -> Latent:
        """Observe a state to decide in: the weights are asked for here."""
        latent = self.model.observe(facts, strict=False)
        if self.weigh is not None:
            weights = self.weigh(facts)
            row = torch.tensor([weights.get(action.label(), 1e-3) for action in self.actions])
            self._root = latent.keys()[0], row / row.sum()
        return latent

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        return self.model.imagine(latent, action)

    def legality(self, latent: Latent) -> Tensor:
        return self.model.legality(latent)

    def behaviour(self, latent: Latent) -> Tensor:
        even = torch.full((len(latent), len(self.actions)), 1 / len(self.actions))
        if self._root is not None:
            for row, key in enumerate(latent.keys()):
                if key == self._root[0]:
                    even[row] = self._root[1]
        return even

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        return self.model.holds(latent, conditions)


def run(
    worlds: Sequence[str] = ("contract-approval", "loan-application"),
    seeds: Sequence[int] = (0,),
    lm: str = "tiny",
    transitions: int = 20_000,
    preset: str = "small",
    simulations: Sequence[int] = SIMULATIONS,
    cases: int = 4,
    runs: int = 3,
    planner: str = "best-first",
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return true success per arm and number of imagined transitions, and how many each arm needs."""
    say, per_seed = progress or log.info, []
    for seed in seeds:
        for world in worlds:
            one = _World(world, seed, lm, transitions, preset, planner, models)
            found: dict[str, Any] = {"seed": seed, "world": world, "random": one.floor(cases, runs)}
            for arm in ARMS:
                points = [[point, one.relative(arm, point, cases, runs)] for point in simulations]
                found[arm] = {"points": points, "needed": _needed(points)}
                say(f"seed {seed}, {world}, {arm}: {points}")
            per_seed.append(found)
    return {
        "eval": "proposing",
        "lm": lm,
        "planner": planner,
        "seeds": list(seeds),
        "summary": _summary(per_seed),
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


class _World:
    """One world and seed: its truth, a learned model, cases, and the language model's weights, asked once per state."""

    def __init__(
        self, name: str, seed: int, lm: str, transitions: int, preset: str, planner: str, models: Path | None
    ) -> None:
        import wmagent.worlds as worlds
        from wmagent.agent.language_proposer import LanguageProposer
        from wmagent.planning import planner as search
        from wmagent.registry import resolve
        from wmagent.worlds.sampled import truth

        self.world, self.seed = worlds.load(name), seed
        self.oracle = truth(self.world, 400_000, seed=seed)
        rows = worlds.experience(self.world, transitions=transitions, seed=seed)
        self.model = learned(name, rows, seed, preset, "auto", models)[0]
        self.proposer = LanguageProposer(resolve("language", "local")(lm))
        self.search = search(planner)
        self._asked: dict[tuple[FactKey, str], dict[str, float]] = {}

    def relative(self, arm: str, point: int, cases: int, runs: int) -> float:
        """Return the relative success of one arm with `point` imagined transitions per decision."""

        def make(start: Facts, goal: Goal) -> Policy:
            weigh: Weigh | None = None
            if arm in ("language model", "adversarial"):
                weigh = lambda facts: self._weights(facts, goal, arm == "adversarial")  # noqa: E731
            model = self.model if arm == "behaviour" else Led(self.model, weigh)
            observe = model.observe if isinstance(model, Led) else lambda facts: self.model.observe(facts, strict=False)
            legal, budget = self.world.legal, Budget(point)
            return Replanning(model, observe, self.search, goal, legal, self.seed, budget, prices=BOLD)

        found = simulate(self.world, self.oracle, make, self._cases(cases), runs, self.seed)
        scores = success(found, runs, self.seed)
        return round(scores.get("relative", scores["success"]), 4)

    def floor(self, cases: int, runs: int) -> float:
        """Return what doing any allowed action reaches."""
        from wmagent.evals.success import random_policy

        scores = success(
            simulate(
                self.world, self.oracle, random_policy(self.world, self.seed), self._cases(cases), runs, self.seed
            ),
            runs,
        )
        return round(scores.get("relative", scores["success"]), 4)

    def _weights(self, facts: Facts, goal: Goal, upside_down: bool) -> dict[str, float]:
        key = key_of(facts), goal.words
        if key not in self._asked:
            legal = self.world.legal(facts)
            weights = self.proposer.propose(Observation(facts), goal, legal) if legal else []
            self._asked[key] = {action.label(): weight for action, weight in zip(legal, weights, strict=True)}
        found = self._asked[key]
        return {label: 0.02 / weight for label, weight in found.items()} if upside_down else found

    def _cases(self, n: int) -> list[Case]:
        """Return n (start, goal) pairs, goals with as little time as still leaves most of the optimum."""
        from wmagent.evals.tight import tightened

        goals, found = self.world.goals(), list[Case]()
        for number in range(8 * n):
            start, goal = self.world.initial(70_000 + 1_000 * self.seed + number), goals[number % len(goals)]
            tight = tightened(self.oracle, start, goal) if self.oracle.exact and goal.max_cost is None else goal
            if tight is not None and tight.max_cost is None and not tight.reached(start) and not tight.violated(start):
                found.append((start, tight))
            if len(found) == n:
                break
        return found


def _needed(points: Sequence[Sequence[float]]) -> float | None:
    needed = None
    for point, relative in reversed(points):
        if relative < ENOUGH:
            break
        needed = point
    return needed


def _summary(per_seed: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for arm in ARMS:
        points = [dict(map(tuple, row[arm]["points"])) for row in per_seed]
        mean = [[point, round(sum(one[point] for one in points) / len(points), 4)] for point in points[0]]
        found[arm] = {"needed": _needed(mean), **{str(point): relative for point, relative in mean}}
    return found
