"""States, goals and actions said in words never trained on: is the plan the same, refused, or another one?
Knows worlds with their paraphrases, and agents and models by their public names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from wmagent.domain.types import Facts, canonical
from wmagent.errors import InputError, OutOfDomain
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap

log = logging.getLogger(__name__)

NOTES = (
    "same: the same actions and the same P(goal) as for the state and goal in the model's own words; refused: an error "
    "instead of a plan; another: neither. Paraphrases are the world's own; training never sees them.",
    "not_grounded plans from the paraphrased state without reading it; random_names gives the state's values to fact "
    "names at random, which is what guessing reaches.",
    "actions: every paraphrase of every action alone, as a what-if would be asked: right, refused, or read as another.",
)


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

    Per kind of paraphrase (names of facts, their values, the goal, all of them): the shares of same, refused and
    other plans with bootstrap 95 % intervals over questions.
    """
    say = progress or log.info
    per_seed = []
    for seed in seeds:
        began = time.perf_counter()
        per_seed.append(_Seed(world, seed, transitions, preset, text, models).result(questions))
        say(f"seed {seed}: {time.perf_counter() - began:.0f} s; all: {per_seed[-1]['all']}")
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
    """One seed: a learned model, an agent around it, and the world's paraphrases."""

    def __init__(self, name: str, seed: int, transitions: int, preset: str, text: str, models: Path | None) -> None:
        import wmagent.worlds as worlds
        from wmagent import Agent

        self.world, self.seed = worlds.load(name), seed
        rows = worlds.experience(self.world, transitions=transitions, seed=seed)
        self.model, self.learning = learned(name, rows, seed, preset, text, models)
        self.agent = Agent(self.model)
        self.states = [row.before.facts for row in worlds.experience(self.world, transitions=2_000, seed=40_000 + seed)]

    def result(self, questions: int) -> dict[str, Any]:
        """Ask `questions` questions in every kind of words."""
        draw, texts = Random(self.seed), self.world.texts
        kinds = ("names", "values", "goal", "all", "not_grounded", "random_names")
        outcomes: dict[str, list[str]] = {kind: [] for kind in kinds}
        goals = self.world.goals()
        for number in range(questions):
            goal, state = goals[number % len(goals)], draw.choice(self.states)
            names = {key: draw.choice(texts.facts[key][1:] or (key,)) for key in state}
            valued = {key: self._value(draw, key, value) for key, value in state.items()}
            words = draw.choice(texts.goals[goal.words][1:] or (goal.words,))
            mixed = dict(zip(names.values(), draw.sample(list(state.values()), len(state)), strict=True))
            plain = self._plan(goal.words, state)
            if isinstance(plain, str):
                continue
            asked = {
                "names": (goal.words, {names[key]: value for key, value in state.items()}),
                "values": (goal.words, valued),
                "goal": (words, state),
                "all": (words, {names[key]: value for key, value in valued.items()}),
                "random_names": (goal.words, mixed),
            }
            for kind, (said, facts) in asked.items():
                outcomes[kind].append(_compared(plain, self._plan(said, facts)))
            outcomes["not_grounded"].append(_compared(plain, self._plan(words, asked["names"][1], ground=False)))
        found: dict[str, Any] = {"seed": self.seed, "learning": self.learning}
        return found | {kind: self._shares(said) for kind, said in outcomes.items()} | {"actions": self._actions()}

    def _value(self, draw: Random, key: str, value: Any) -> Any:
        words: Mapping[Any, tuple[str, ...]] = self.world.texts.values.get(key, {})
        said = {canonical(known): paraphrases[1:] for known, paraphrases in words.items()}.get(canonical(value))
        return draw.choice(said) if said else value

    def _plan(self, goal: str, state: Facts, ground: bool = True) -> Any:
        """Return the plan, or "refused"."""
        try:
            return self.agent.plan(goal, state, ground=ground)
        except (InputError, OutOfDomain):
            return "refused"

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
        for name, words in self.world.texts.actions.items():
            for said in words[1:]:
                try:
                    found = match_action(said, self.model).name
                    outcomes.append("same" if found == name else "another")
                    if found != name:
                        wrong[said] = found
                except InputError:
                    outcomes.append("refused")
        return {**self._shares(outcomes), "read_as_another": wrong}


def _compared(plain: Any, found: Any) -> str:
    if isinstance(found, str):
        return found
    same = found.actions == plain.actions and abs(found.probability - plain.probability) < 1e-6
    return "same" if same else "another"
