"""Answers what-ifs: evaluates a changed course beside the unchanged one. Knows imagination, no words and no graph."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from wmagent.agent.courses import Courses
from wmagent.agent.edits import Course, edited
from wmagent.agent.interval import interval
from wmagent.agent.legality import require_allowed
from wmagent.agent.outlooks import outlook_of
from wmagent.agent.plans import Line, objective_for, unfold, weakest_evidence, worst_support
from wmagent.agent.protocols import AgentModel
from wmagent.agent.starts import altered
from wmagent.domain.answers import Plan, WhatIf
from wmagent.domain.interventions import (
    ELAPSED,
    WAITING,
    ChangeFacts,
    ChangeRules,
    Do,
    Exactly,
    Intervention,
    Policy,
    Skip,
    question,
)
from wmagent.domain.types import Action, Facts, Goal
from wmagent.errors import InputError
from wmagent.planning.foresight import Foreseen, clock_for, foresee, likeliest
from wmagent.planning.ways import Clock, FixedCourse, Recorded, Rules, TimedRule, Way

FOLLOWED = 60  # steps that a policy is followed
SPAN = 6.0  # times the expected hours and cost of the plan up to which they are told apart where there is no limit
NEVER, SOME = 1e-6, 0.01  # chances that are as good as none, and that are worth a note
BEYOND = 0.1  # expected steps outside recorded experience from which on there is no ground for a number


@dataclass(frozen=True)
class Question:
    """A what-if with its words understood.

    `by` are hours for which P(goal by then) is asked; `since` the hours that had passed before the start; `identified`
    is the caller's argument that the number is causal.
    """

    goal: Goal
    facts: Facts
    interventions: tuple[Intervention, ...]
    by: tuple[float, ...] = ()
    force: bool = False
    seed: int = 0
    since: float = 0.0
    identified: str = ""


@dataclass(frozen=True)
class Baseline:
    """The plan without any change, as one open course from the start, and what it leads to."""

    plan: Plan
    courses: Courses
    course: tuple[int, ...]
    clock: Clock
    foreseen: Foreseen
    line: Line


@dataclass(frozen=True)
class Answered:
    """An answer with what comparisons and warrants need beside it: what was foreseen, the cases behind the weakest
    step, and the first step that deviates from the plan with the facts it is done in."""

    answer: WhatIf
    foreseen: Foreseen
    cases: int
    deviation: tuple[Facts, Action] | None


class Plans(Protocol):
    """The agent's own planning."""

    def __call__(
        self, goal: str | Goal, state: Facts, *, seed: int = 0, actions: Sequence[Action | str] | None = None
    ) -> Plan: ...


def baseline_for(model: AgentModel, asked: Question, plan: Plans) -> Baseline:
    """Return the plan for the question's goal from its start, followed as a fixed course."""
    found = plan(asked.goal, asked.facts, seed=asked.seed)
    courses = Courses.of(model, model.observe(asked.facts), objective_for(asked.goal))
    course = courses.open_course(found)
    expected = courses.worth([course])[0]
    hours = max([SPAN * expected.duration, *asked.by, 1.0])
    clock = clock_for(courses.graph, hours, max(SPAN * expected.cost, 1.0), since=asked.since)
    way = FixedCourse(course)
    return Baseline(
        found, courses, course, clock, foresee(courses.graph, way, clock), _line(model, courses, way, clock)
    )


def answer_what_if(model: AgentModel, asked: Question, plan: Plans, baseline: Baseline | None = None) -> Answered:
    """Return P(goal) under the interventions beside the baseline, both followed as fixed courses.

    The best that remains is replanned at every step, and so is the plan that the notes mention. A course outside
    recorded experience gets no number unless the question forces one.
    """
    started = time.perf_counter()
    base = baseline or baseline_for(model, asked, plan)
    notes: list[str] = []
    begun, facts, remade = _begin(model, asked, plan, base, notes)
    way, waits = _way(model, asked, facts, begun, plan, notes)
    clock = begun.clock
    if waits:
        hours = max(clock.time.top * clock.time.unit, *asked.by, 0.0) + sum(waits)
        clock = clock_for(begun.courses.graph, hours, clock.money.top * clock.money.unit, waits, asked.since)
    graph = begun.courses.graph
    found = foresee(graph, way, clock)
    line = _line(model, begun.courses, way, clock)
    _note_steps(model, asked, way, found, notes)
    support = "extrapolated" if found.outside >= BEYOND else worst_support([step.evidence for step in line.steps])
    refused = support == "extrapolated" and not asked.force
    notes += _support_notes(line, found, refused)
    again = _without(model, asked, facts, plan)
    if again is not None:
        notes.append(
            f"as a fixed course the plan reaches {base.foreseen.probability:.2f}, "
            f"replanned at every step {base.plan.probability:.2f}"
        )
    again = again or remade
    cases = weakest_evidence(line.steps)
    at = _deviation(line, base.line, facts is not asked.facts)
    graphs = {id(one): one for one in (graph, base.courses.graph)}
    answer = WhatIf(
        question=question(asked.interventions),
        until=asked.goal,
        actions=_named(model, way.actions) if isinstance(way, FixedCourse) else tuple(s.action for s in line.steps),
        probability=None if refused else found.probability,
        interval=None if refused else interval(found.probability, found.heads, cases),
        baseline_actions=_named(model, base.course),
        baseline_probability=base.foreseen.probability,
        replanned_actions=again.actions if again else (),
        replanned_probability=again.probability if again else None,
        duration=None if refused else found.duration,
        cost=None if refused else found.cost,
        support=support,
        evidence=tuple(step.evidence for step in line.steps),
        warnings=tuple(dict.fromkeys(notes)),
        wording=f"causal effect, identified by: {asked.identified}" if asked.identified else "predicted association",
        interventions=asked.interventions,
        outlook=None if refused else outlook_of(found, asked.goal, asked.by),
        baseline_outlook=outlook_of(base.foreseen, asked.goal, asked.by),
        propensity=None if at is None else _propensity(model, line, at),
        n=None if at is None else line.steps[at].evidence.n,
        imagined=base.plan.imagined + (again.imagined if again else 0) + sum(g.imagined for g in graphs.values()),
        milliseconds=(time.perf_counter() - started) * 1000,
    )
    deviation = None if at is None else (line.facts[at], line.steps[at].action)
    return Answered(answer, found, cases, deviation)


def _begin(
    model: AgentModel, asked: Question, plan: Plans, base: Baseline, notes: list[str]
) -> tuple[Baseline, Facts, Plan | None]:
    """Return the plan that is changed, the facts it starts from, and the best plan there where the start is changed."""
    changes = [one for one in asked.interventions if isinstance(one, (ChangeFacts, ChangeRules))]
    if not changes:
        return base, asked.facts, None
    facts = altered(asked.facts, changes, model, notes)
    begun = baseline_for(model, replace(asked, facts=facts), plan)
    kept = begun.courses.worth([base.course])[0].probability
    if begun.course != base.course:
        notes.append(f"the plan made without this change reaches {kept:.2f} from there")
    return begun, facts, begun.plan


def _way(
    model: AgentModel, asked: Question, facts: Facts, begun: Baseline, plan: Plans, notes: list[str]
) -> tuple[FixedCourse | Rules, tuple[float, ...]]:
    """Return what is done under the interventions, and the hours waited for steps."""
    least = begun.courses.graph.objective.min_legal
    for one in asked.interventions:
        if isinstance(one, Exactly):
            return FixedCourse(tuple(model.action_index(action) for action in one.actions)), ()
        if isinstance(one, Policy):
            return _rules(model, one, begun.course), ()
        if isinstance(one, Do):
            require_allowed(model, facts, one.actions[0], least)
    courses = edited(_named(model, begun.course), asked.interventions, notes)
    ways = [_fixed(model, course) for course in courses]
    ways += _remade(model, asked, begun, plan)
    worth = begun.courses.worth([way.actions for way in ways])
    best = ways[max(range(len(ways)), key=lambda i: worth[i].utility)]
    return best, tuple(best.waits.values())


def _remade(model: AgentModel, asked: Question, begun: Baseline, plan: Plans) -> list[FixedCourse]:
    """Return what is done first with the plan made anew for its likeliest outcome, where that is all that changes."""
    changes = [one for one in asked.interventions if not isinstance(one, (ChangeFacts, ChangeRules))]
    if len(changes) != 1 or not isinstance(changes[0], Do):
        return []
    first = FixedCourse(tuple(model.action_index(action) for action in changes[0].actions))
    graph = begun.courses.graph
    line = likeliest(graph, first, begun.clock)
    state = line.states[-1]
    spent = foresee(graph, first, begun.clock).duration
    deadline = asked.goal.deadline
    if graph.goal[state] or graph.forbidden[state] or (deadline is not None and deadline <= spent):
        return []
    goal = replace(asked.goal, deadline=None if deadline is None else deadline - spent)
    there = graph.latents(np.array([state]))
    rest = Courses.of(model, there, objective_for(goal)).open_course(plan(goal, model.read(there)[0], seed=asked.seed))
    return [FixedCourse((*first.actions, *rest))]


def _fixed(model: AgentModel, course: Course) -> FixedCourse:
    waits = {place: step.wait for place, step in enumerate(course) if step.wait}
    return FixedCourse(tuple(model.action_index(step.action) for step in course), waits)


def _rules(model: AgentModel, policy: Policy, course: tuple[int, ...]) -> Rules:
    """Return a policy by action indices, its conditions sorted into those on facts and on time."""
    rules = tuple(
        TimedRule(
            model.action_index(rule.do),
            facts=tuple(c for c in rule.when if c.key not in (ELAPSED, WAITING)),
            elapsed=tuple(c for c in rule.when if c.key == ELAPSED),
            waiting=tuple(c for c in rule.when if c.key == WAITING),
        )
        for rule in policy.rules
    )
    return Rules(rules, FixedCourse(course) if policy.otherwise == "plan" else Recorded(FOLLOWED), FOLLOWED)


def _named(model: AgentModel, indices: Sequence[int]) -> tuple[Action, ...]:
    return tuple(model.actions[index] for index in indices)


def _line(model: AgentModel, courses: Courses, way: Way, clock: Clock) -> Line:
    """Return the likeliest way through, with what each step changes and rests on."""
    found = likeliest(courses.graph, way, clock)
    return unfold(model, courses.graph.latents(np.array(found.states)), found.actions, found.reach)


def _deviation(line: Line, base: Line, other_start: bool) -> int | None:
    """Return the first step that differs from the baseline's, 0 where none does; None where nothing is done."""
    if not line.steps:
        return None
    if other_start:
        return 0
    for i, step in enumerate(line.steps):
        if i >= len(base.steps) or base.steps[i].action != step.action:
            return i
    return 0 if len(line.steps) == len(base.steps) else None


def _propensity(model: AgentModel, line: Line, at: int) -> float:
    """Return how likely recorded behaviour chooses a step of a line."""
    with torch.no_grad():
        usual = model.behaviour(model.observe(line.facts[at]))
    return float(usual[0, model.action_index(line.steps[at].action)])


def _without(model: AgentModel, asked: Question, facts: Facts, plan: Plans) -> Plan | None:
    """Return the best plan without the skipped actions; None where nothing is skipped or nothing is left."""
    skipped = {action.label() for one in asked.interventions if isinstance(one, Skip) for action in one.actions}
    left = [action for action in model.actions if action.label() not in skipped]
    if not skipped or not left:
        return None
    return plan(asked.goal, facts, seed=asked.seed, actions=left)


def _note_steps(
    model: AgentModel, asked: Question, way: FixedCourse | Rules, found: Foreseen, notes: list[str]
) -> None:
    """Note steps of a fixed course that are never allowed when their turn comes, and policies without an end."""
    if isinstance(way, Rules):
        if found.unfinished > SOME:
            notes.append(
                f"after {FOLLOWED} steps {100 * found.unfinished:.0f} % of the imagined cases were still under way"
            )
        return
    happens = dict.fromkeys(way.actions, 0.0)
    for index, chance in zip(way.actions, found.chances, strict=True):
        happens[index] = max(happens[index], chance)
    wanted = {index for index in happens if model.actions[index] in _asked_for(asked.interventions)}
    never = [model.actions[index] for index in wanted if happens[index] < NEVER]
    for one in asked.interventions:
        if isinstance(one, Do) and min(found.chances[: len(one.actions)]) < NEVER:
            labels = [a.label() for a, p in zip(one.actions, found.chances, strict=False) if p < NEVER]
            raise InputError(
                f"{', '.join(labels)} cannot be done then: it is allowed in no state that "
                f"{one.actions[0].label()} leads to"
            )
    if never:
        labels = ", ".join(sorted(action.label() for action in never))
        notes.append(f"{labels} is not allowed when its turn comes, so it is left out")


def _asked_for(interventions: Sequence[Intervention]) -> set[Action]:
    """Return the actions that the interventions name as to be done."""
    named: set[Action] = set()
    for one in interventions:
        if isinstance(one, (ChangeFacts, ChangeRules, Skip, Policy)):
            continue
        for part in vars(one).values():
            named |= {action for action in (part if isinstance(part, tuple) else (part,)) if isinstance(action, Action)}
    return named


def _support_notes(line: Line, found: Foreseen, refused: bool) -> list[str]:
    notes = [
        f"step {number} ({step.action.label()}) is outside recorded experience: {step.evidence.n} similar cases"
        for number, step in enumerate(line.steps, 1)
        if step.evidence.support == "extrapolated"
    ]
    if found.outside >= BEYOND and not notes:
        notes.append(f"ways of {100 * found.outside:.0f} % take a step that is outside recorded experience")
    if refused:
        notes.append("outside what this model knows, so no number is given; force one with force=True")
    return notes
