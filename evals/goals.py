"""Goal probabilities of whole plans against the exact oracle: error, calibration, interval coverage.
Knows worlds, planners and agents by their public names; knows no file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from wmagent.domain.types import Action, Facts, Goal, Transition
from wmagent.domain.world import Oracle
from wmagent.evals.metrics import bootstrap, brier, coverage


@dataclass(frozen=True)
class Question:
    """What is P(goal) if these actions are done from here? `truth` is the oracle's exact answer."""

    start: Facts
    goal: Goal
    actions: tuple[Action, ...]
    truth: float
    source: str  # "behaviour" or "planner"


class WhatIfAgent(Protocol):
    """The part of an agent that answers what-ifs."""

    def what_if(self, state: Facts, *, actions: Sequence[Action], until: Goal, force: bool = False) -> Any: ...


def behaviour_questions(
    cases: Sequence[Transition], goals: Sequence[Goal], oracle: Oracle, n: int, seed: int
) -> list[Question]:
    """Return n questions from recorded cases: from a random step on, do what the case did; every goal in turn.

    Half of the questions with a deadline have it redrawn between a quarter and all of the original.
    """
    draw = random.Random(seed)
    runs = [list(rows) for _, rows in groupby(cases, key=lambda row: row.case)]
    found: list[Question] = []
    while len(found) < n:
        rows = draw.choice(runs)
        done = [row for row in rows if row.error is None]
        if not done:
            continue
        first = draw.choice([0, draw.randrange(len(done))])
        goal = _varied(goals[len(found) % len(goals)], draw)
        start = done[first].before.facts
        if goal.reached(start) or goal.violated(start):
            continue
        actions = tuple(row.action for row in done[first:])
        truth = oracle.plan_value(start, actions, goal).probability
        found.append(Question(start, goal, actions, truth, "behaviour"))
    return found


def _varied(goal: Goal, draw: random.Random) -> Goal:
    if goal.deadline is None or draw.random() < 0.5:
        return goal
    return replace(goal, deadline=round(goal.deadline * draw.uniform(0.25, 1.0) / 4) * 4.0)


def planner_questions(
    model: Any, planner: Any, starts: Sequence[Facts], goals: Sequence[Goal], oracle: Oracle, n: int, seed: int
) -> list[Question]:
    """Return about n questions about the plans (and runner-up plans) that a planner proposes under the model."""
    from wmagent.planning import objective_for

    draw = random.Random(seed)
    found: list[Question] = []
    for attempt in range(4 * n):
        if len(found) >= n:
            break
        start, goal = draw.choice(list(starts)), _varied(goals[attempt % len(goals)], draw)
        if goal.reached(start) or goal.violated(start):
            continue
        search = planner.plan(model, model.observe(start), objective_for(goal), seed=seed)
        for candidate in search.candidates[:2]:
            actions = tuple(model.actions[index] for index in candidate.actions)
            truth = oracle.plan_value(start, actions, goal).probability
            found.append(Question(start, goal, actions, truth, "planner"))
    return found[:n]


def goal_errors(model: Any, questions: Sequence[Question], seed: int = 0) -> dict[str, object]:
    """Return the error of `wmagent.planning.evaluate` on the questions, with bootstrap 95 % intervals over them."""
    said = [_said(model, question) for question in questions]
    found: dict[str, object] = {"all": _errors(said, questions, seed)}
    for source in ("behaviour", "planner"):
        rows = [i for i, question in enumerate(questions) if question.source == source]
        if rows:
            found[source] = _errors([said[i] for i in rows], [questions[i] for i in rows], seed)
    found["points"] = [[round(p, 5), round(q.truth, 5)] for p, q in zip(said, questions, strict=True)]
    return found


def _said(model: Any, question: Question) -> float:
    from wmagent.planning import evaluate, objective_for

    places = {action.label(): index for index, action in enumerate(model.actions)}
    plan = [places[action.label()] for action in question.actions]
    return evaluate(model, model.observe(question.start), [plan], objective_for(question.goal))[0].probability


def _errors(said: Sequence[float], questions: Sequence[Question], seed: int) -> dict[str, object]:
    truth = [question.truth for question in questions]
    wrong = np.abs(np.asarray(said) - np.asarray(truth))
    return {
        "n": len(questions),
        "mae": float(wrong.mean()),
        "mae_interval": bootstrap(wrong.tolist(), seed=seed),
        "worst": float(wrong.max()),
        "bias": float(np.mean(np.asarray(said) - np.asarray(truth))),
        "brier": brier(said, truth),
        "mean_truth": float(np.mean(truth)),
        "mae_of_the_mean": float(np.abs(np.asarray(truth) - np.mean(truth)).mean()),
    }


def interval_coverage(agent: WhatIfAgent, questions: Sequence[Question], seed: int = 0) -> dict[str, object]:
    """Return how often the agent's 90 % interval on P(goal) holds the exact value, and how wide it is.

    Asked through `agent.what_if(actions=…)`; `refused` questions got no number (outside recorded experience).
    """
    intervals: list[tuple[float, float]] = []
    truths: list[float] = []
    refused = 0
    for question in questions:
        answer = agent.what_if(question.start, actions=question.actions, until=question.goal)
        if answer.interval is None:
            refused += 1
            continue
        intervals.append(answer.interval)
        truths.append(question.truth)
    if not intervals:
        return {"n": 0, "refused": refused}
    inside = [float(low - 1e-9 <= t <= high + 1e-9) for (low, high), t in zip(intervals, truths, strict=True)]
    uncertain = [i for i, t in enumerate(truths) if 0.02 < t < 0.98]
    return {
        "n": len(intervals),
        "refused": refused,
        "coverage": coverage(intervals, truths),
        "coverage_interval": bootstrap(inside, seed=seed),
        "mean_width": float(np.mean([high - low for low, high in intervals])),
        "n_uncertain": len(uncertain),
        "coverage_uncertain": float(np.mean([inside[i] for i in uncertain])) if uncertain else None,
        "width_uncertain": float(np.mean([intervals[i][1] - intervals[i][0] for i in uncertain]))
        if uncertain
        else None,
    }
