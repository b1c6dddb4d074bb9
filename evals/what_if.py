"""What-ifs about a world whose truth is known, by name or from a definition file: errors, coverage, refusals, plan
success, controls. Knows worlds, models, agents and baselines by their public names; knows no file but the world's."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from wmagent.domain.types import Action, Facts, Goal, key_of
from wmagent.domain.world import Policy
from wmagent.evals.closed_loop import Firm, Replanning
from wmagent.evals.flips import flip_scores, flips
from wmagent.evals.floors import goal_probability, own_policy
from wmagent.evals.interventions import answers, floor, questions, scores
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.rollouts import courses, exact, imagined, persistence, rollout_scores
from wmagent.evals.success import Case, Make, random_policy, simulate, success
from wmagent.latent.protocols import Budget, Dynamics
from wmagent.model.baselines import NAMES, baseline
from wmagent.model.baselines.dynamics import BaselineDynamics
from wmagent.model.controls import MODES, Controlled
from wmagent.planning.remembered import Remembered

log = logging.getLogger(__name__)

PARTS = ("interventions", "plans", "controls", "rollouts", "flips")
MLP_ROWS = 20_000  # that the MLP among the baselines learns from: more take minutes
REACHABLE = 0.02  # goals that the best policy reaches less often than this say nothing about plans

NOTES = (
    "interventions: P(goal) of courses whose first action the log shows fewer than 5 times in that state, against the "
    "oracle; mae is over the answered, caught the share of forced errors above .15 that were refused. The copy-gated "
    "MLP learns from the first 20,000 rows, everything else from all.",
    "plans: simulated cases; success is the optimum less what the decisions lost against the best ones (Kakade & "
    "Langford 2002), relative to the optimum; reached is the plain share.",
    "controls: the same planner and machinery with predictions replaced; firm: an action that the world refuses ends "
    "the case; free: the planner's next choice is taken.",
    "rollouts: facts certain in truth (accuracy) and the total variation of the others (distance) after k steps.",
    "flips: one fact of a recorded step replaced by a value that the world could not have made.",
)


@dataclass(frozen=True)
class Settings:
    """How much is learned from and asked.

    `floor_questions` of the questions are asked of baselines, too. `cases` are (start, goal) pairs for plans, each
    simulated `runs` times; the first `control_cases` of them `control_runs` times under each control. `simulations` is
    what one decision may imagine. `parts` may leave some of PARTS out. Above `max_states` reachable states the truth is
    sampled.
    """

    transitions: int = 60_000
    preset: str = "small"
    text: str = "auto"
    planner: str = "best-first"
    questions: int = 100
    floor_questions: int = 30
    cases: int = 8
    runs: int = 8
    control_cases: int = 6
    control_runs: int = 2
    simulations: int = 6_000
    courses: int = 60
    flips: int = 400
    parts: tuple[str, ...] = PARTS
    max_states: int = 400_000


def run(
    world: str | Path,
    seed: int = 0,
    settings: Settings | None = None,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Learn a world from made experience and compare all that is imagined with the truth; one JSON-ready object.

    `world` is a shipped name or the path of a definition file; `models` a folder in which learned models are kept.
    InputError for what cannot be used.
    """
    settings = settings or Settings()
    return _Judged(world, seed, settings, models, progress or log.info).result()


class _Judged:
    """One world and seed: its experience, its learned model, and every question asked about it."""

    def __init__(
        self, world: str | Path, seed: int, settings: Settings, models: Path | None, say: Callable[[str], None]
    ) -> None:
        import wmagent.worlds as worlds
        from wmagent import Agent
        from wmagent.worlds.sampled import truth

        self.settings, self.seed, self.say = settings, seed, say
        self.world = worlds.load(world)
        self.oracle = truth(self.world, settings.max_states, seed=seed)
        say(f"{self.world.name}: {self.oracle.grounds}")
        self.training = worlds.experience(self.world, transitions=settings.transitions, seed=seed)
        self.held_out = worlds.experience(self.world, transitions=12_000, seed=10_000 + seed)
        self.model, self.learning = learned(
            self.world.name, self.training, seed, settings.preset, settings.text, models
        )
        say(f"learned: {self.learning}")
        self.agent = Agent(self.model, planner=settings.planner)
        self.imagined = Remembered(self.model)  # for all the searches of policies that plan anew at every step
        self.recorded = {key_of(row.before.facts) for row in self.training}

    def result(self) -> dict[str, Any]:
        """Ask everything; every part says what it took."""
        found: dict[str, Any] = {
            "eval": "what-if",
            "world": self.world.name,
            "seed": self.seed,
            "settings": {**self.settings.__dict__, "parts": list(self.settings.parts)},
            "truth": self.oracle.grounds,
            "exact": self.oracle.exact,
            "learning": self.learning,
            "held_out": {k: v for k, v in self.model.card["held_out"].items() if k != "calibration"},
        }
        seconds: dict[str, float] = {}
        for part in self.settings.parts:
            began = time.perf_counter()
            found[part] = getattr(self, f"_{part}")()
            seconds[part] = round(time.perf_counter() - began, 1)
            self.say(f"{part} took {seconds[part]} s")
        return {**found, "seconds": seconds, "notes": list(NOTES), "versions": versions()}

    def _interventions(self) -> dict[str, Any]:
        asked = questions(self.world, self.oracle, self.training, self.held_out, self.settings.questions, self.seed)
        self.say(f"{len(asked)} questions")
        found = scores(answers(self.agent, asked), self.seed)
        self.say(f"answered: mae {found.get('mae')}, caught {found['caught']} of {found['large_errors']}")
        some = asked[: self.settings.floor_questions]
        found["baselines"] = {}
        for name in NAMES:
            began = time.perf_counter()
            rows = self.training[: MLP_ROWS if name == "copy_gated_mlp" else None]
            dynamics = BaselineDynamics(baseline(name).fit(rows, self.seed), rows)
            found["baselines"][name] = floor(partial(goal_probability, dynamics), some, self.seed)
            self.say(f"{name} took {time.perf_counter() - began:.1f} s")
        return found

    def _plans(self) -> dict[str, Any]:
        cases, runs = self.cases, self.settings.runs
        found = {"world model": self._judge(self._replanning(self.imagined), cases, runs)}
        for name in ("tabular_mdp", "successor_representation"):
            fitted = baseline(name).fit(self.training, self.seed)
            found[name] = self._judge(self._own(fitted), cases, runs)
        found["recorded behaviour"] = self._judge(self._usual, cases, runs)
        found["random"] = self._judge(random_policy(self.world, self.seed), cases, runs)
        return found

    def _controls(self) -> dict[str, Any]:
        sample = random.Random(self.seed).sample(self.training, min(400, len(self.training)))
        reference = self.model.observe([row.before.facts for row in sample])
        runs = self.settings.control_runs
        found: dict[str, Any] = {"firm": {}, "free": {}}
        cases = self.cases[: self.settings.control_cases]
        for mode in MODES:
            planned = self._replanning(Controlled(self.imagined, mode, self.seed, reference))  # type: ignore[arg-type]
            found["firm"][mode] = self._judge(lambda *case, planned=planned: Firm(planned(*case)), cases, runs)
            found["free"][mode] = self._judge(planned, cases, runs)
        if cases:
            real, shuffled = (found["firm"][mode]["success"] for mode in ("real", "shuffled"))
            found["points_over_shuffled"] = 100 * (real - shuffled)
        return found

    def _rollouts(self) -> dict[str, Any]:
        asked = courses(self.held_out, self.settings.courses, self.seed)
        ways = {"world model": imagined(self.model), "persistence": persistence}
        return rollout_scores(exact(self.oracle), ways, asked, self.seed)

    def _flips(self) -> dict[str, Any]:
        found = flips(self.held_out, self.world.domains, self.oracle, self.settings.flips, self.seed)
        return flip_scores(self.model, found, self.seed)

    @cached_property
    def cases(self) -> list[Case]:
        """Return (start, goal) pairs, every goal in turn, first states as the world draws them."""
        goals, found = self.world.goals(), []
        for number in range(4 * self.settings.cases):
            case = self.world.initial(50_000 + 1_000 * self.seed + number // len(goals)), goals[number % len(goals)]
            if len(found) < self.settings.cases and self._reachable(*case):
                found.append(case)
        return found

    def _reachable(self, start: Facts, goal: Goal) -> bool:
        if goal.reached(start) or goal.violated(start) or goal.max_cost is not None:
            return False
        return not self.oracle.exact or self.oracle.optimal(start, goal).probability >= REACHABLE

    def _judge(self, make: Make, cases: Sequence[Case], runs: int) -> dict[str, Any]:
        found = simulate(self.world, self.oracle, make, cases, runs, self.seed, self._known)
        return success(found, runs, self.seed)

    def _known(self, facts: Facts) -> bool:
        return key_of(facts) in self.recorded

    def _replanning(self, dynamics: Dynamics) -> Callable[[Facts, Goal], Replanning]:
        """Return the policies that plan anew at every step; asked again for a goal, with what was decided already."""
        from wmagent.planning import planner

        search, budget = planner(self.settings.planner), Budget(self.settings.simulations)
        known: dict[Goal, Replanning] = {}

        def make(start: Facts, goal: Goal) -> Replanning:
            if goal not in known:
                observe, legal = self.model.observe, self.world.legal
                known[goal] = Replanning(dynamics, observe, search, goal, legal, self.seed, budget, parts=None)
            return known[goal]

        return make

    def _own(self, fitted: Any) -> Make:
        def make(start: Facts, goal: Goal) -> Policy:
            policy = own_policy(fitted, goal, self.world.legal)
            assert policy is not None
            return policy

        return make

    def _usual(self, start: Facts, goal: Goal) -> Policy:
        """What recorded behaviour does most often, whatever the goal."""
        draw = random.Random(f"usual {self.seed} {goal.words}")

        def policy(facts: Facts, elapsed: float) -> Action | None:
            legal = self.world.legal(facts)
            if not legal:
                return None
            chances = self.model.behaviour(self.model.observe(facts, strict=False))[0].tolist()
            weights = [chances[self.model.action_index(action)] + 1e-9 for action in legal]
            return draw.choices(legal, weights)[0]

        return policy
