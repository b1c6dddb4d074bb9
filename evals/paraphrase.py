"""States, goals and actions said in words never trained on: is the plan the same, refused, or another one?
Knows worlds, the wordings beside this file, and agents and models by their public names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from wmagent.agent.grounding import ground
from wmagent.domain.types import Facts, Goal, canonical
from wmagent.errors import InputError, OutOfDomain
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap
from wmagent.latent.protocols import Budget

log = logging.getLogger(__name__)

WORDINGS = Path(__file__).parent / "wordings.yaml"
BUDGET = Budget(200)  # the plans need not be good, only the same
GOALS = 5  # wordings of goals that are asked for every state in other words, at most
NOTES = (
    "same: the same actions and the same P(goal) as for the state and goal in the model's own words; refused: an error "
    "instead of a plan; another: neither. The wordings were written from the world definitions alone; neither training "
    "nor the reading of words sees them.",
    "goal: wordings of all goals; names, values: all facts of a state said otherwise, or all values that have "
    "other wordings; all: the three together; a state is the same only if every fact is read right. value: every "
    "single wording of a value in an otherwise known state, read right.",
    "not_grounded plans from the renamed state without reading it; random_names gives the state's values to fact names "
    "at random, which is what guessing reaches.",
    "actions: every wording of every action alone, as a what-if would be asked: right, refused, or read as another.",
)


@cache
def wordings(world: str) -> Mapping[str, Any]:
    """Return {goals, facts, values, actions} of a shipped world: other words for each. InputError where none exist."""
    import yaml

    known = yaml.safe_load(WORDINGS.read_text("utf-8"))
    if world not in known:
        raise InputError(f"there are no wordings for {world!r}; known: {', '.join(known)}")
    return known[world]


def run(
    world: str = "contract-approval",
    seeds: Sequence[int] = (0, 1, 2),
    transitions: int = 12_000,
    preset: str = "small",
    text: str = "minilm",
    questions: int = 40,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, object]:
    """Ask for plans in the model's words and in others; returns one JSON-ready object.

    Per kind of wording (names of facts, their values, the goal, all of them): the shares of same, refused and other
    plans with bootstrap 95 % intervals over questions.
    """
    say = progress or log.info
    per_seed = []
    for seed in seeds:
        began = time.perf_counter()
        per_seed.append(_Seed(world, seed, transitions, preset, text, models).result(questions))
        say(f"{world}, seed {seed}: {time.perf_counter() - began:.0f} s; goal: {per_seed[-1]['goal']}")
    settings = {"world": world, "transitions": transitions, "preset": preset, "text": text, "questions": questions}
    return {
        "eval": "paraphrase",
        "settings": settings,
        "seeds": list(seeds),
        "targets": {"all same": ">= 0.97"},
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


class _Seed:
    """One seed: a learned model, an agent around it, and other words for the world's facts, goals and actions."""

    def __init__(self, name: str, seed: int, transitions: int, preset: str, text: str, models: Path | None) -> None:
        import wmagent.worlds as worlds
        from wmagent import Agent

        self.world, self.seed, self.words = worlds.load(name), seed, wordings(name)
        rows = worlds.experience(self.world, transitions=transitions, seed=seed)
        self.model, self.learning = learned(name, rows, seed, preset, text, models)
        self.agent = Agent(self.model)
        self.states = [row.before.facts for row in worlds.experience(self.world, transitions=2_000, seed=40_000 + seed)]

    def result(self, questions: int) -> dict[str, Any]:
        """Ask goals in other words, at most GOALS times `questions`, and `questions` states in other words."""
        draw = Random(self.seed)
        kinds = ("goal", "names", "values", "all", "value", "not_grounded", "random_names")
        outcomes: dict[str, list[str]] = {kind: [] for kind in kinds}
        goals = self.world.goals()
        said_otherwise = [(goal, said) for goal in goals for said in self.words["goals"][goal.words]]
        for goal, said in draw.sample(said_otherwise, min(len(said_otherwise), GOALS * questions)):
            state = self._open_state(draw, goal)
            outcomes["goal"].append(self._compared(goal, state, said, state))
        for number in range(questions):
            goal = goals[number % len(goals)]
            state = self._open_state(draw, goal)
            names = {key: draw.choice(self.words["facts"].get(key, [key])) for key in state}
            valued = {key: self._value(draw, key, value) for key, value in state.items()}
            said = draw.choice(self.words["goals"][goal.words])
            renamed = {names[key]: value for key, value in state.items()}
            mixed = dict(zip(names.values(), draw.sample(list(state.values()), len(state)), strict=True))
            outcomes["names"].append(self._compared(goal, state, goal.words, renamed))
            outcomes["values"].append(self._compared(goal, state, goal.words, valued))
            everything = {names[key]: value for key, value in valued.items()}
            outcomes["all"].append(self._compared(goal, state, said, everything))
            outcomes["not_grounded"].append(self._compared(goal, state, goal.words, renamed, ground=False))
            outcomes["random_names"].append(self._compared(goal, state, goal.words, mixed))
            outcomes["value"] += self._one_by_one(state, valued)
        found: dict[str, Any] = {"seed": self.seed, "learning": self.learning}
        return found | {kind: self._shares(said) for kind, said in outcomes.items()} | {"actions": self._actions()}

    def _open_state(self, draw: Random, goal: Goal) -> Facts:
        return draw.choice([facts for facts in self.states if not goal.reached(facts) and not goal.violated(facts)])

    def _value(self, draw: Random, key: str, value: Any) -> Any:
        said = self.words["values"].get(key, {}).get(canonical(value))
        return draw.choice(said) if said else value

    def _compared(self, goal: Goal, state: Facts, said: str, facts: Facts, ground: bool = True) -> str:
        """Return whether the plan is the same as in the model's own words, refused, or another."""
        plain = self.agent.plan(goal, state, budget=BUDGET)
        try:
            found = self.agent.plan(said, facts, ground=ground, budget=BUDGET)
        except (InputError, OutOfDomain):
            return "refused"
        same = found.actions == plain.actions and abs(found.probability - plain.probability) < 1e-6
        return "same" if same else "another"

    def _one_by_one(self, state: Facts, valued: Facts) -> list[str]:
        """Return how every single value that is said otherwise is read in the state as it is."""
        found = []
        for key in (key for key in state if valued[key] != state[key]):
            read = ground({**state, key: valued[key]}, self.model).facts.get(key)
            found.append("same" if read == state[key] else "refused" if read == valued[key] else "another")
        return found

    def _shares(self, outcomes: Sequence[str]) -> dict[str, Any]:
        shares: dict[str, Any] = {"n": len(outcomes)}
        for kind in ("same", "refused", "another"):
            hits = [float(outcome == kind) for outcome in outcomes]
            shares[kind] = sum(hits) / max(1, len(hits))
            shares[f"{kind}_interval"] = bootstrap(hits, seed=self.seed)
        return shares

    def _actions(self) -> dict[str, Any]:
        from wmagent.agent.matching import match_action

        outcomes: list[str] = []
        wrong: dict[str, str] = {}
        for name, words in self.words["actions"].items():
            for said in words:
                try:
                    found = match_action(said, self.model).name
                    outcomes.append("same" if found == name else "another")
                    if found != name:
                        wrong[said] = found
                except InputError:
                    outcomes.append("refused")
        return {**self._shares(outcomes), "read_as_another": wrong}
