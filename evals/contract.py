"""A world with an exact oracle: are imagined probabilities true, and are plans as good as they could be?
Knows worlds, models, planners and agents by their public names."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wmagent.domain.types import Facts, Goal, key_of
from wmagent.evals.closed_loop import Replanning, closed_loop, handed_over, random_worth
from wmagent.evals.goals import behaviour_questions, goal_errors, interval_coverage, planner_questions
from wmagent.evals.latency import plan_latency
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.outcomes import legal_pairs, outcome_errors
from wmagent.evals.summary import summarise
from wmagent.evals.tight import tightened
from wmagent.latent.protocols import Budget
from wmagent.model.controls import Controlled, Mode

log = logging.getLogger(__name__)

Cases = list[tuple[Facts, Goal]]

# mode, whether the control keeps the model's own legality
CONTROLS: tuple[tuple[Mode, bool], ...] = (
    ("real", False),
    ("shuffled", False),
    ("shuffled", True),
    ("uniform", False),
    ("prior", False),
    ("none", False),
)


@dataclass(frozen=True)
class Settings:
    """How much is asked. `handed_over` first states are used for plans carried out as they are; for replanning,
    `starts` for the real model and `control_starts` for each control; `simulations` is what one of its decisions
    may imagine."""

    world: str = "contract-approval"
    transitions: int = 20_000
    preset: str = "small"
    text: str = "auto"
    planner: str = "best-first"
    questions: int = 300
    intervals: int = 100
    handed_over: int = 8
    starts: int = 2
    control_starts: int = 1
    simulations: int = 500
    plans: int = 40
    threads: int = 2


def run(
    seeds: Sequence[int] = (0, 1, 2),
    settings: Settings | None = None,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, object]:
    """Evaluate one learned model per seed against the oracle; returns one JSON-ready object.

    `models` is a folder in which learned models are kept and found again (see `learned`).
    """
    settings = settings or Settings()
    say = progress or log.info
    per_seed = []
    for seed in seeds:
        began = time.perf_counter()
        per_seed.append(_Seed(settings, seed, models, say).result())
        say(f"seed {seed}: {time.perf_counter() - began:.0f} s in all")
    return {
        "eval": "contract",
        "settings": settings.__dict__,
        "seeds": list(seeds),
        "summary": summarise(per_seed),
        "per_seed": per_seed,
        "versions": versions(),
    }


class _Seed:
    """One seed: its experience, its learned model, and every question asked about it."""

    def __init__(self, settings: Settings, seed: int, models: Path | None, say: Callable[[str], None]) -> None:
        import wmagent.worlds as worlds

        self.settings, self.seed, self.say = settings, seed, say
        self.world = worlds.load(settings.world)
        self.oracle = self.world.oracle()
        self.training = worlds.experience(self.world, transitions=settings.transitions, seed=seed)
        self.held_out = worlds.experience(self.world, transitions=4_000, seed=10_000 + seed)
        self.model, self.learning = learned(settings.world, self.training, seed, settings.preset, settings.text, models)
        say(f"seed {seed}: model ready, {self.learning}")

    def result(self) -> dict[str, Any]:
        """Ask everything; every part says what it took."""
        from wmagent import Agent
        from wmagent.planning import planner

        agent = Agent(self.model, planner=self.settings.planner)
        search = planner(self.settings.planner)
        found: dict[str, Any] = {"seed": self.seed, "learning": self.learning}
        found["outcomes"] = self._timed("outcomes", self._outcomes)
        questions = self._timed("questions", lambda: self._questions(search))
        found["goals"] = self._timed("goals", lambda: goal_errors(self.model, questions, self.seed))
        some = random.Random(self.seed).sample(questions, min(self.settings.intervals, len(questions)))
        found["intervals"] = self._timed("intervals", lambda: interval_coverage(agent, some, self.seed))
        cases = self._cases(self.settings.plans)
        found["latency"] = self._timed("latency", lambda: plan_latency(agent, cases, self.settings.threads))
        found["success"] = self._success(search)
        return found

    def _timed(self, name: str, part: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = part()
        self.say(f"seed {self.seed}: {name} took {time.perf_counter() - began:.1f} s")
        return result

    def _outcomes(self) -> dict[str, object]:
        starts = {key_of(facts): facts for facts in self._starts()}
        pairs = legal_pairs(self.oracle, self.world.actions, starts.values(), self.training, self.held_out)
        return outcome_errors(self.model, pairs, self.seed)

    def _starts(self) -> list[Facts]:
        """Return the first states of the world, the most frequent of 2,000 drawn ones first."""
        drawn: dict[Any, tuple[int, Facts]] = {}
        for number in range(2_000):
            facts = self.world.initial(number)
            count, _ = drawn.get(key_of(facts), (0, facts))
            drawn[key_of(facts)] = (count + 1, facts)
        return [facts for _, (_, facts) in sorted(drawn.items(), key=lambda item: (-item[1][0], item[0]))]

    def _questions(self, search: Any) -> list[Any]:
        goals, half = self.world.goals(), self.settings.questions // 2
        asked = behaviour_questions(self.held_out, goals, self.oracle, half, self.seed)
        starts = [row.before.facts for row in self.held_out]
        rest = self.settings.questions - half
        return asked + planner_questions(self.model, search, starts, goals, self.oracle, rest, self.seed)

    def _cases(self, n: int) -> Cases:
        """Return n (first state, goal) pairs, every goal in turn, first states as the world draws them."""
        goals = self.world.goals()
        return [(self.world.initial(50_000 + 100 * self.seed + i), goals[i % len(goals)]) for i in range(n)]

    def _success(self, search: Any) -> dict[str, dict[str, Any]]:
        """Return the worth of plans per way of using them and control, on shipped goals and on tight ones."""
        starts = self._starts()
        order = random.Random(self.seed).sample(range(len(starts)), len(starts))
        chosen = [starts[i] for i in order]
        sample = random.Random(self.seed).sample(self.training, min(400, len(self.training)))
        reference = self.model.observe([row.before.facts for row in sample])
        found: dict[str, dict[str, Any]] = {}
        for tight in (False, True):
            which = "tight goals" if tight else "shipped goals"
            many = self._goals_from(chosen[: self.settings.handed_over], tight)
            few = self._goals_from(chosen[: self.settings.starts], tight)
            handed, replanned = f"handed over, {which}", f"replanned, {which}"
            found[handed], found[replanned] = {}, {}
            for mode, keep in CONTROLS:
                dynamics = Controlled(self.model, mode, self.seed, reference, keep)
                name = f"{mode}, own legality" if keep else mode
                asked = (dynamics, self.model.observe, search, self.oracle, many, self.seed)
                rows = self._timed(f"{handed}, {name}", lambda asked=asked: handed_over(*asked))
                found[handed][name] = {"n": len(rows), "rows": rows}
                size = len(few) if mode == "real" else self.settings.control_starts * len(self.world.goals())
                found[replanned][name] = self._replanned(f"{replanned}, {name}", dynamics, search, few[:size])
            found[replanned]["random"] = {"n": len(few), "rows": [self._random(start, goal) for start, goal in few]}
        return found

    def _goals_from(self, starts: Sequence[Facts], tight: bool) -> Cases:
        """Return the reachable (start, goal) cases, with the goals as shipped or with the least time."""
        cases = [(start, goal) for start in starts for goal in self.world.goals()]
        if not tight:
            return cases
        found = [(start, tightened(self.oracle, start, goal)) for start, goal in cases]
        return [(start, goal) for start, goal in found if goal is not None]

    def _replanned(self, name: str, dynamics: Controlled, search: Any, cases: Cases) -> dict[str, Any]:
        policies: list[Replanning] = []

        def make(goal: Goal) -> Replanning:
            legal, budget = self.world.legal, Budget(self.settings.simulations)
            policies.append(Replanning(dynamics, self.model.observe, search, goal, legal, self.seed, budget))
            return policies[-1]

        rows = self._timed(name, lambda: closed_loop(make, self.oracle, cases))
        decisions, refused = sum(p.decisions for p in policies), sum(p.refusals for p in policies)
        return {"n": len(rows), "rows": rows, "decisions": decisions, "refused": refused}

    def _random(self, start: Facts, goal: Goal) -> dict[str, Any]:
        worth = random_worth(self.world, start, goal, self.seed)
        return {"goal": goal.words, "worth": worth, "optimal": self.oracle.optimal(start, goal).probability}
