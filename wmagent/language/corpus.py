"""Text that worlds generate, as conversations: what actions change, what to do next, what a goal means, what a fact
is, how an explanation is shortened. Knows worlds with an exact oracle and the agent's prompts; knows no model."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from wmagent.agent import language_goals, language_proposer, rephrasing
from wmagent.agent.explainer import TemplateExplainer
from wmagent.agent.language import Message
from wmagent.domain.answers import Change, Evidence, Plan, PlanStep
from wmagent.domain.types import Action, Condition, Facts, Goal, Transition, Value, canonical
from wmagent.language.goal_phrases import Phrases
from wmagent.language.prompts import REFUSED, about, changes, what_changes
from wmagent.worlds.behaviour import experience
from wmagent.worlds.generator import random_workflow
from wmagent.worlds.loading import load
from wmagent.worlds.oracle import WorkflowOracle
from wmagent.worlds.workflow import WorkflowWorld

Document = list[Message]
SHIPPED = ("contract-approval", "it-incident", "purchase-to-pay", "loan-application", "project-phases")
SHARES = {"changes": 0.3, "next": 0.35, "goal": 0.2, "question": 0.1, "explanation": 0.05}
GOALS_EACH = 4  # goals per conversation
UNKNOWN = 0.08  # share of goals about facts that the world does not have
FOREIGN = 12  # worlds that such goals come from
WALK = 14  # decisions asked for per start
SEED = 900  # what is generated for training comes from these seeds on; evaluations use others


@dataclass
class Corpus:
    """What one world tells, drawn with a seed; the same seed gives the same conversations."""

    world: WorkflowWorld
    seed: int

    @cached_property
    def rows(self) -> list[Transition]:
        """Recorded steps."""
        return experience(self.world, transitions=6_000, seed=SEED + self.seed)

    @cached_property
    def oracle(self) -> WorkflowOracle:
        """The world's exact truth."""
        return self.world.oracle()

    def documents(self, kind: str, n: int) -> list[Document]:
        """Return n conversations of a kind in SHARES."""
        draw = Random(f"{self.world.name} {kind} {self.seed}")
        makers: dict[str, Callable[[Random], Iterator[Document]]] = {
            "changes": self._changes,
            "next": self._next,
            "goal": self._goals,
            "question": self._questions,
            "explanation": self._explanations,
        }
        source = makers[kind](draw)
        return [next(source) for _ in range(n)]

    def _changes(self, draw: Random) -> Iterator[Document]:
        while True:
            row = draw.choice(self.rows)
            before, after = row.before.facts, row.after.facts
            said = REFUSED if row.error is not None else changes(before, after)
            yield [*what_changes(before, row.action.label()), Message("assistant", said)]

    def _next(self, draw: Random) -> Iterator[Document]:
        while True:
            start = self.world.initial(draw.randrange(1 << 30))
            for goal, facts, action in self._decisions(draw, start):
                labels = [each.label() for each in self.world.legal(facts)]
                if draw.random() < 0.3:
                    labels = [each.label() for each in self.world.actions]
                draw.shuffle(labels)
                said = action.label() if action is not None else language_proposer.UNSURE
                yield [*language_proposer.asked(facts, goal, labels), Message("assistant", said)]

    def _decisions(self, draw: Random, start: Facts) -> Iterator[tuple[Goal, Facts, Action | None]]:
        """Yield (goal, facts, best action) along a walk that mostly follows the best policy."""
        goal = replace(draw.choice(self.world.goals()), max_cost=None)
        if goal.reached(start) or goal.violated(start):
            return
        policy, facts, elapsed = self.oracle.optimal_policy(start, goal), start, 0.0
        for _ in range(WALK):
            best = policy(facts, elapsed)
            yield goal, facts, best
            legal = self.world.legal(facts)
            if not legal:
                return
            action = best if best is not None and draw.random() < 0.75 else draw.choice(legal)
            step = self.world.step(facts, action, draw.randrange(1 << 30))
            facts, elapsed = step.state, elapsed + step.duration
            if step.done or goal.reached(facts) or goal.violated(facts):
                return

    def _goals(self, draw: Random) -> Iterator[Document]:
        texts, domains = self.world.texts, self.world.domains
        phrases = Phrases(texts.facts, texts.values)
        others = [random_workflow(SEED + number, size="tiny") for number in range(FOREIGN)]
        foreign = [(Phrases(other.texts.facts, other.texts.values), other.domains) for other in others]
        fixed = {key for key, fact in self.world.definition.facts.items() if fact.static}
        free = [key for key in domains if key not in fixed and all(isinstance(v, (str, bool)) for v in domains[key])]
        while True:
            turns = list[Message]()
            for place in range(GOALS_EACH):
                words, meaning = self._goal(draw, phrases, domains, free)
                if draw.random() < UNKNOWN:
                    strange, known = draw.choice(foreign)
                    key = draw.choice([key for key in known if key not in domains])
                    words = strange.goal(draw, {key: draw.choice(known[key])}, {}, named=True).words
                    meaning = json.dumps({"unsure": f"which fact is meant? there is no {key} here"})
                asked = language_goals.asked(words, domains)
                if place:
                    asked = [Message("user", asked[1].content.rpartition("\n")[2])]
                turns += [*asked, Message("assistant", meaning)]
            yield turns

    def _goal(
        self, draw: Random, phrases: Phrases, domains: Mapping[str, Sequence[Value]], free: Sequence[str]
    ) -> tuple[str, str]:
        if draw.random() < 0.2:
            goal = draw.choice(self.world.goals())
            words = draw.choice(self.world.texts.goals[goal.words])
            return words, _meaning(_named(goal.conditions), _named(goal.forbidden))
        keys = draw.sample(free, draw.choices([1, 2, 3], [6, 3, 1])[0])
        avoid = [key for key in free if key not in keys and draw.random() < 0.04][:1]
        reach, never = ({key: draw.choice(domains[key]) for key in some} for some in (keys, avoid))
        said = phrases.goal(draw, reach, never)
        return said.words, _meaning(said.reach, said.never)

    def _questions(self, draw: Random) -> Iterator[Document]:
        while True:
            facts = draw.choice(self.rows).after.facts
            keys = draw.sample(list(facts), min(6, len(facts)))
            yield about(facts, {key: facts[key] for key in keys})

    def _explanations(self, draw: Random) -> Iterator[Document]:
        while True:
            rows = [row for row in (draw.choice(self.rows) for _ in range(draw.randint(1, 6))) if row.error is None]
            if not rows:
                continue
            plan = _told(draw, rows, draw.choice(self.world.goals()))
            lines = TemplateExplainer().explain(plan).text.splitlines()
            kept = [lines[0], lines[1], *[line for line in lines[2:] if line.startswith(("Step", "Mind"))][:4]]
            system = rephrasing.SYSTEM.format(lines=rephrasing.LINES)
            yield [Message("system", system), Message("user", "\n".join(lines)), Message("assistant", "\n".join(kept))]


def _named(conditions: Sequence[Condition]) -> dict[str, Value]:
    return {condition.key: condition.value for condition in conditions}


def _meaning(reach: Mapping[str, Value], never: Mapping[str, Value]) -> str:
    said: dict[str, object] = {"reach": {key: canonical(value) for key, value in reach.items()}}
    if never:
        said["never"] = {key: [canonical(value)] for key, value in never.items()}
    return json.dumps(said, ensure_ascii=False)


def _told(draw: Random, rows: Sequence[Transition], goal: Goal) -> Plan:
    """Return a plan of recorded steps with drawn numbers: what matters is the form of its explanation."""
    steps = []
    for row in rows:
        before, after = row.before.facts, row.after.facts
        found = [
            Change(key, before.get(key), after.get(key), round(draw.uniform(0.3, 1), 2))
            for key in after
            if before.get(key) != after.get(key)
        ]
        evidence = Evidence(draw.choice(["observed", "interpolated", "extrapolated"]), draw.randrange(400))
        steps.append(PlanStep(row.action, 1.0, tuple(found), row.duration, row.cost, evidence))
    chance = draw.uniform(0.05, 1)
    return Plan(
        goal,
        tuple(steps),
        chance,
        (max(0.0, chance - draw.uniform(0, 0.1)), min(1.0, chance + draw.uniform(0, 0.1))),
        sum(step.duration for step in steps),
        sum(step.cost for step in steps),
        draw.choice(["observed", "interpolated", "extrapolated"]),
    )


def told(name: str, n: int, seed: int) -> list[Document]:
    """Return about n conversations of all kinds from a shipped world or a file."""
    corpus = Corpus(load(name), seed)
    return [each for kind, share in SHARES.items() for each in corpus.documents(kind, max(1, round(share * n)))]


def documents(names: Sequence[str], n: int, seed: int, workers: int = 1) -> list[Document]:
    """Return about n conversations, as many from every world, in a seeded order; `workers` processes make them."""
    share = [round(n / len(names))] * len(names)
    if workers > 1:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(told, names, share, [seed] * len(names)))
    else:
        found = [told(name, each, seed) for name, each in zip(names, share, strict=True)]
    mixed = [each for part in found for each in part]
    Random(seed).shuffle(mixed)
    return mixed
