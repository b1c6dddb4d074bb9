"""What-ifs that the log hardly shows, against the truth: errors by support, refusals, coverage.
Knows worlds, oracles and agents by their public names; knows no file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from wmagent.domain.types import Action, Facts, Goal, Transition, key_of
from wmagent.domain.world import Oracle, World
from wmagent.evals.metrics import bootstrap, coverage
from wmagent.evals.outcomes import recorded_pairs

RARE = 5  # a (state, action) pair that was recorded fewer times than this is rare
LARGE = 0.15  # an error from here on is one that should have been refused
SUCCESSES = 0.7  # share of questions that begin in cases which reach the goal asked about, so that not all truths are 0

STRAY = 3  # random steps away from recorded cases
ATTEMPTS = 200  # per question, before there are held to be no more

Said = Callable[[Facts, Sequence[Action], Goal], float]


@dataclass(frozen=True)
class Question:
    """What is P(goal) if these actions are done from here? The first one was recorded `seen` times in this state;
    `kind` says how it came about: do, skip, insert, swap or replace."""

    start: Facts
    actions: tuple[Action, ...]
    goal: Goal
    kind: str
    seen: int
    truth: float


def questions(
    world: World[Facts], oracle: Oracle, training: Sequence[Transition], cases: Sequence[Transition], n: int, seed: int
) -> list[Question]:
    """Return up to n questions about rare or absent interventions in `cases`, which are not the training rows.

    At a random step of a case, and after up to STRAY random steps away from it, the course of what was really done from
    there is changed so that an action comes first which the training log shows fewer than RARE times in that state (in
    most of them: never).
    """
    draw = random.Random(f"questions {seed}")
    counts = recorded_pairs(training)
    runs = [[row for row in rows if row.error is None] for _, rows in groupby(cases, key=lambda row: row.case)]
    runs = [rows for rows in runs if rows]
    by_goal = [(goal, [rows for rows in runs if goal.reached(rows[-1].after.facts)]) for goal in world.goals()]
    found: list[Question] = []
    for _attempt in range(60 * n):
        if len(found) >= n:
            break
        goal, successes = by_goal[len(found) % len(by_goal)]
        rows = draw.choice(successes if successes and draw.random() < SUCCESSES else runs)
        at = draw.randrange(len(rows))
        start = _strayed(world, rows[at].before.facts, draw)
        if goal.reached(start) or goal.violated(start):
            continue
        kind, course = _changed([row.action for row in rows[at:]], world.actions, draw)
        if not course or course[0] not in world.legal(start):
            continue
        seen = counts[key_of(start), course[0].label()]
        if seen >= RARE:
            continue
        truth = oracle.plan_value(start, course, goal).probability
        found.append(Question(start, tuple(course), goal, kind, seen, truth))
    return found


def _strayed(world: World[Facts], facts: Facts, draw: random.Random) -> Facts:
    for _ in range(draw.randrange(STRAY + 1)):
        legal = world.legal(facts)
        if legal:
            facts = world.step(facts, draw.choice(legal), draw.getrandbits(32)).state
    return facts


def _changed(course: list[Action], actions: Sequence[Action], draw: random.Random) -> tuple[str, list[Action]]:
    kind = draw.choice(("do", "skip", "insert", "swap", "replace"))
    new = draw.choice(list(actions))
    if kind == "skip":
        return kind, course[1:]
    if kind == "swap":
        other = draw.randrange(1, len(course)) if len(course) > 1 else 0
        return kind, [course[other], *course[:other], *course[other + 1 :]]
    if kind == "replace":
        return kind, [new, *course[1:]]
    if kind == "insert":
        return kind, [new, *course]
    return kind, [new, *(action for action in course if action != new)]


@dataclass(frozen=True)
class Answered:
    """One question with what the agent said: the number (forced where it would refuse), its interval, its support."""

    question: Question
    said: float
    interval: tuple[float, float]
    support: str
    n: int = 0  # recorded cases behind the least supported step of the likeliest line
    illegal: bool = False  # the model holds the first action for not allowed, though it is

    @property
    def refused(self) -> bool:
        """Whether no number is given without force."""
        return self.support == "extrapolated" or self.illegal

    @property
    def error(self) -> float:
        """How far the number is from the truth."""
        return abs(self.said - self.question.truth)


def answers(agent: Any, asked: Sequence[Question]) -> list[Answered]:
    """Ask an agent every question through `what_if`, forcing numbers where it would give none."""
    return list(_answers(agent, asked))


def _answers(agent: Any, asked: Sequence[Question]) -> Iterator[Answered]:
    from wmagent.errors import InputError

    for question in asked:
        try:
            found = agent.what_if(question.start, actions=question.actions, until=question.goal, force=True)
        except InputError:
            yield Answered(question, 0.0, (0.0, 1.0), "extrapolated", illegal=True)
            continue
        least = min((evidence.n for evidence in found.evidence), default=0)
        yield Answered(question, found.probability, found.interval, found.support, least)


def scores(found: Sequence[Answered], seed: int = 0) -> dict[str, Any]:
    """Return errors by support, how many of the large errors were refused, and how often intervals hold the truth.

    `mae` is over the questions that were answered (`observed` or `interpolated`), with its bootstrap 95 % interval;
    `caught` is the share of the questions with a forced error above LARGE that were refused; `needless` the share of
    the refused whose forced error was at most .03. `mae_of_the_mean` is what saying the mean truth would give.
    """
    given = [answer for answer in found if not answer.refused]
    large = [answer for answer in found if answer.error > LARGE]
    refused = [answer for answer in found if answer.refused]
    truths = np.array([answer.question.truth for answer in found])
    result: dict[str, Any] = {
        "n": len(found),
        "absent": sum(answer.question.seen == 0 for answer in found),
        "uncertain": int(((truths > 0.02) & (truths < 0.98)).sum()),
        "answered": len(given),
        "mae_of_the_mean": float(np.abs(truths - truths.mean()).mean()) if len(found) else None,
        "large_errors": len(large),
        "caught": sum(answer.refused for answer in large) / len(large) if large else None,
        "refused": len(refused),
        "needless": sum(answer.error <= 0.03 for answer in refused) / len(refused) if refused else None,
        "illegal": sum(answer.illegal for answer in found),
        **dict.fromkeys(("mae", "mae_interval", "worst", "coverage", "width")),
    }
    if given:
        errors = [answer.error for answer in given]
        result |= {
            "mae": float(np.mean(errors)),
            "mae_interval": bootstrap(errors, seed=seed),
            "worst": max(errors),
            "coverage": coverage([a.interval for a in given], [a.question.truth for a in given]),
            "width": float(np.mean([a.interval[1] - a.interval[0] for a in given])),
        }
    by_support: Mapping[str, list[float]] = {
        support: [a.error for a in found if a.support == support]
        for support in ("observed", "interpolated", "extrapolated")
    }
    result["by_support"] = {
        support: {"n": len(errors), "mae": float(np.mean(errors)) if errors else None}
        for support, errors in by_support.items()
    }
    result["points"] = [_point(answer) for answer in found]
    return result


def _point(answer: Answered) -> dict[str, Any]:
    return {
        "said": round(answer.said, 4),
        "truth": round(answer.question.truth, 4),
        "interval": [round(bound, 4) for bound in answer.interval],
        "support": answer.support,
        "n": answer.n,
        "kind": answer.question.kind,
        "first": answer.question.actions[0].label(),
        "seen": answer.question.seen,
    }


def floor(say: Said, asked: Sequence[Question], seed: int = 0) -> dict[str, Any]:
    """Return the error of another way of answering the same questions, all of them."""
    if not asked:
        return {"n": 0}
    errors = [abs(say(q.start, q.actions, q.goal) - q.truth) for q in asked]
    return {"n": len(errors), "mae": float(np.mean(errors)), "mae_interval": bootstrap(errors, seed=seed)}
