"""Answers what-ifs: evaluates a changed course beside the unchanged one. Knows imagination, no words and no graph."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from wmagent.agent.courses import Courses
from wmagent.agent.interval import interval
from wmagent.agent.plans import Line, objective_for, unfold, weakest_evidence, worst_support
from wmagent.agent.protocols import AgentModel
from wmagent.domain.answers import Plan, WhatIf
from wmagent.domain.types import Action, Facts, Goal
from wmagent.errors import InputError
from wmagent.latent.protocols import Candidate, Latent, Objective


@dataclass(frozen=True)
class Question:
    """A what-if with its words understood; `actions` None means: the baseline, changed by `skip` and `insert`."""

    goal: Goal
    facts: Facts
    actions: tuple[Action, ...] | None = None
    skip: tuple[Action, ...] = ()
    insert: tuple[int | None, Action] | None = None
    force: bool = False
    seed: int = 0

    def words(self) -> str:
        """Return the question as text."""
        if self.actions is not None:
            return f"what if we do {', '.join(a.label() for a in self.actions) or 'nothing'}?"
        parts = [f"skip {', '.join(a.label() for a in self.skip)}"] if self.skip else []
        if self.insert is not None:
            place = "" if self.insert[0] is None else f" as step {self.insert[0] + 1}"
            parts.append(f"insert {self.insert[1].label()}{place}")
        return f"what if we {' and '.join(parts)}?"


class Plans(Protocol):
    """The agent's own planning."""

    def __call__(
        self, goal: str | Goal, state: Facts, *, seed: int = 0, actions: Sequence[Action | str] | None = None
    ) -> Plan: ...


def answer_what_if(model: AgentModel, question: Question, plan: Plans) -> WhatIf:
    """Return P(goal) under the intervention beside the baseline, both followed as fixed courses.

    The best that remains is replanned at every step, and so is the plan that the notes mention. A course outside
    recorded experience gets no number unless the question forces one.
    """
    started = time.perf_counter()
    start, objective = model.observe(question.facts), objective_for(question.goal)
    fixed = Courses.of(model, start, objective)
    baseline = plan(question.goal, question.facts, seed=question.seed)
    course = fixed.open_course(baseline)
    notes: list[str] = []
    courses = _courses(question, _named(model, course), notes)
    indices = [[model.action_index(action) for action in course] for course in courses]
    base, *worth = fixed.worth([course, *indices])
    best = max(range(len(worth)), key=lambda i: worth[i].utility)
    line = likeliest(model, start, indices[best], objective)
    support = worst_support([step.evidence for step in line.steps])
    refused = support == "extrapolated" and not question.force
    notes += _support_notes(line, refused)
    found = None if refused else worth[best]
    again = _replanned(model, question, plan)
    if again is not None:
        notes.append(
            f"as a fixed course the plan reaches {base.probability:.2f}, "
            f"replanned at every step {baseline.probability:.2f}"
        )
    return WhatIf(
        question=question.words(),
        until=question.goal,
        actions=courses[best],
        probability=found.probability if found else None,
        interval=_bounds(found, line) if found else None,
        baseline_actions=_named(model, course),
        baseline_probability=base.probability,
        replanned_actions=again.actions if again else (),
        replanned_probability=again.probability if again else None,
        duration=found.duration if found else None,
        cost=found.cost if found else None,
        support=support,
        evidence=tuple(step.evidence for step in line.steps),
        warnings=tuple(dict.fromkeys(notes)),
        imagined=baseline.imagined + (again.imagined if again else 0) + fixed.graph.imagined,
        milliseconds=(time.perf_counter() - started) * 1000,
    )


def _named(model: AgentModel, indices: Sequence[int]) -> tuple[Action, ...]:
    return tuple(model.actions[index] for index in indices)


def likeliest(model: AgentModel, start: Latent, actions: Sequence[int], objective: Objective) -> Line:
    """Return the likeliest way through an open course: refused actions are skipped, it ends at goal or forbidden."""
    states, done, reached, chance = [start], [], [], 1.0
    for index in actions:
        here = states[-1]
        if _settled(model, here, objective):
            break
        prediction = model.imagine(here, torch.tensor([index]))
        if float(prediction.legal[0]) < objective.min_legal:
            continue
        outcome = int(prediction.probs[0].argmax())
        reached.append(chance * float(prediction.legal[0]))
        chance = reached[-1] * float(prediction.probs[0, outcome])
        done.append(index)
        states.append(prediction.next.take(torch.tensor([outcome])))
    return unfold(model, Latent.cat(states), done, reached)


def _settled(model: AgentModel, latent: Latent, objective: Objective) -> bool:
    if bool(model.holds(latent, objective.conditions)[0]):
        return True
    return any(bool(model.holds(latent, [condition])[0]) for condition in objective.forbidden)


def _courses(question: Question, baseline: tuple[Action, ...], notes: list[str]) -> list[tuple[Action, ...]]:
    """Return the courses under the intervention; several where an insertion has no given place."""
    if question.actions is not None:
        return [question.actions]
    skipped = {action.label() for action in question.skip}
    course = tuple(action for action in baseline if action.label() not in skipped)
    if skipped and course == baseline:
        notes.append(f"the plan does not contain {' or '.join(sorted(skipped))}: skipping it changes nothing")
    if question.insert is None:
        return [course]
    place, action = question.insert
    if place is not None and not 0 <= place <= len(course):
        raise InputError(
            f"cannot insert at {place}: the course has {len(course)} steps, so 0 to {len(course)} are places"
        )
    places = [place] if place is not None else range(len(course) + 1)
    return [(*course[:at], action, *course[at:]) for at in places]


def _replanned(model: AgentModel, question: Question, plan: Plans) -> Plan | None:
    """Return the best plan without the skipped actions; None where nothing is skipped or nothing is left."""
    skipped = {action.label() for action in question.skip}
    left = [action for action in model.actions if action.label() not in skipped]
    if not skipped or not left:
        return None
    return plan(question.goal, question.facts, seed=question.seed, actions=left)


def _bounds(found: Candidate, line: Line) -> tuple[float, float]:
    return interval(found.probability, found.head_probabilities, weakest_evidence(line.steps))


def _support_notes(line: Line, refused: bool) -> list[str]:
    notes = [
        f"step {number} ({step.action.label()}) is outside recorded experience: {step.evidence.n} similar cases"
        for number, step in enumerate(line.steps, 1)
        if step.evidence.support == "extrapolated"
    ]
    if refused:
        notes.append("outside what this model knows, so no number is given; force one with force=True")
    return notes
