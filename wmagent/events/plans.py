"""Plans for open cases: decisions chosen one after another by the imagined futures that follow them.
Knows a model with its record; must not know files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wmagent.causal.shares import wilson
from wmagent.domain.answers import plain
from wmagent.errors import InputError
from wmagent.events.evidence import OFTEN, Support
from wmagent.events.forecasts import END
from wmagent.events.outlooks import Aim
from wmagent.events.recorded import RecordedProcess
from wmagent.events.rollouts import Imagination

Objective = Literal["likely", "fast", "cheap"]
WAIT = "(wait)"
DRAWS = 100  # imagined futures of every option
MOST_STEPS, MOST_OPTIONS = 5, 8
BETWEEN = 10  # events of others that are expected between two decisions, at most


@dataclass(frozen=True)
class Option:
    """A decision that could be taken, and what follows if recorded behaviour goes on after it: P(goal) with its 90 %
    interval, the median hours until the goal (or the end), the mean cost of what is decided, and its support."""

    decision: str
    probability: float
    interval: tuple[float, float]
    hours: float
    cost: float
    support: Support


@dataclass(frozen=True)
class Step:
    """A decision of a plan, and what others most likely do before the next one."""

    chosen: Option
    expected: tuple[str, ...]


@dataclass(frozen=True)
class CasePlan:
    """Decisions in order. `probability` (90 % `interval`) is that of the goal if they are taken in this order, each
    when a decision is due, and recorded behaviour goes on after them; `as_is` if it goes on at once. `rejected` are
    options instead of the first step."""

    case: str
    events: int
    last: str
    goal: str
    steps: tuple[Step, ...]
    probability: float
    interval: tuple[float, float]
    as_is: float
    rejected: tuple[Option, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return plain(self)


def plan(
    process: RecordedProcess,
    case: str,
    outcome: str | None = None,
    within_hours: float | None = None,
    objective: Objective = "likely",
    costs: Mapping[str, float] | None = None,
    wait_hours: float = 24.0,
    after: int | None = None,
    steps: int = 3,
    seed: int = 0,
) -> CasePlan:
    """Choose what the organisation should decide in a case so that the outcome (an activity, or the end) comes: most
    likely, soonest, or for the least cost (`costs` per activity, 1 unless given).

    Only decisions are chosen, and only such as are recorded in like states; waiting is one. What others do is imagined.
    InputError for what is not there, and where the organisation decides nothing.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise InputError(f"a plan has 1 to {MOST_STEPS} decisions, not {steps}")
    if not len(process.decisions):
        raise InputError("the organisation decides nothing here; mark decisions in the model's ownership.yaml")
    prices = np.ones(process.model.vocabulary.end + 1)
    for name, price in (costs or {}).items():
        prices[process.code(name)] = price
    row = process.row(case, after)
    number = int(process.cases[row])
    aim = Aim(process.codes(outcome), np.inf if within_hours is None else within_hours)
    search = _Search(process, aim, objective, prices, wait_hours, number, seed)
    start = Imagination(process.model, process.history, np.array([row]), 1, seed)
    as_is = float(process.chances(start.fork(DRAWS, seed), aim).mean())
    cursor, last = start.fork(1, seed), int(process.history.activity[row])
    chosen, rejected, notes = list[Step](), list[Option](), list[str]()
    while len(chosen) < steps and not cursor.over[0] and not np.isfinite(cursor.when[0, list(aim.codes)]).any():
        options = search.options(cursor, last)
        if not options:
            break
        best = options[0]
        rejected = rejected if chosen else options[1:]
        last, expected = search.take(cursor, best.decision, last)
        chosen.append(Step(best, expected))
    if not chosen:
        notes.append("no decision is recorded in states like this one; nothing is proposed")
    total = search.follow(start, [step.chosen.decision for step in chosen]) if chosen else np.array([as_is])
    worth = chosen[0].chosen.support.acted if chosen else 0
    if objective == "likely" and chosen and float(total.mean()) < as_is:
        notes.append("recorded behaviour does no worse by itself")
    goal = (outcome or END) + ("" if within_hours is None else f" within {within_hours:g} h")
    return CasePlan(
        case,
        row - int(process.history.starts[number]) + 1,
        process.name(int(process.history.activity[row])),
        goal,
        tuple(chosen),
        float(total.mean()),
        wilson(float(total.mean()), float(max(1, worth))),
        as_is,
        tuple(rejected),
        tuple(notes),
    )


@dataclass
class _Search:
    process: RecordedProcess
    aim: Aim
    objective: Objective
    prices: np.ndarray
    wait_hours: float
    case: int
    seed: int

    def options(self, cursor: Imagination, last: int) -> list[Option]:
        """Return the decisions that can be taken now, the best first."""
        told = cursor.next_events()[0]
        likely = [code for code in np.argsort(-told).tolist() if code in self.process.decisions and told[code] >= OFTEN]
        found = []
        for code in likely[:MOST_OPTIONS]:
            support = self.process.evidence.support(cursor.latents[0].numpy(), last, code, self.case)
            if support.kind != "extrapolated":
                found.append(self._option(cursor, code, support))
        if found:
            support = self.process.evidence.support(cursor.latents[0].numpy(), last, None, self.case)
            found.append(self._option(cursor, None, support))
        found.sort(key=self._order)
        if self.objective == "likely" and found:
            first = _preferred(found)
            found = [first, *(option for option in found if option is not first)]
        return found

    def _option(self, cursor: Imagination, code: int | None, support: Support) -> Option:
        imagined = cursor.fork(DRAWS, self.seed)
        self._decide(imagined, code)
        chance = float(self.process.chances(imagined.fork(1, self.seed), self.aim).mean())
        for _ in range(self.process.horizon):
            imagined.step()
            if imagined.over.all():
                break
        hours = np.minimum(imagined.when[:, list(self.aim.codes)].min(1), imagined.hours) - cursor.hours[0]
        costs = [sum(self.prices[c] for c in course if c in self.process.decisions) for course in imagined.courses]
        name = WAIT if code is None else self.process.name(code)
        worth = float(max(1, support.acted))
        return Option(name, chance, wilson(chance, worth), float(np.median(hours)), float(np.mean(costs)), support)

    def _order(self, option: Option) -> tuple[float, float]:
        if self.objective == "fast":
            return option.hours, -option.probability
        if self.objective == "cheap":
            return option.cost, -option.probability
        return -option.probability, option.hours

    def _decide(self, imagined: Imagination, code: int | None) -> None:
        if code is None:
            self.process.wait(imagined, self.wait_hours)
        else:
            codes = np.full(len(imagined.hours), code)
            imagined.go_on(codes, imagined.gaps(codes))

    def take(self, cursor: Imagination, decision: str, last: int) -> tuple[int, tuple[str, ...]]:
        """Let a decision happen, then what others most likely do until a decision is due; returns the last activity and
        what is expected of others."""
        code = None if decision == WAIT else self.process.code(decision)
        before = len(cursor.courses[0])
        self._decide(cursor, code)
        own = 0 if code is None else 1
        for _ in range(BETWEEN):
            likeliest = int(cursor.next_events()[0].argmax())
            if likeliest in self.process.decisions or cursor.over[0]:
                break
            cursor.go_on(np.array([likeliest]), cursor.gaps(np.array([likeliest])))
        happened = cursor.courses[0][before + own :]
        expected = tuple(self.process.name(other) for other in happened)
        return (cursor.courses[0] or [last])[-1], expected

    def follow(self, start: Imagination, decisions: list[str]) -> np.ndarray:
        """Return P(goal) (draws,) if the decisions are taken in order, each when one is due."""
        imagined = start.fork(DRAWS, self.seed + 1)
        codes = [None if name == WAIT else self.process.code(name) for name in decisions]
        self._decide(imagined, codes[0])
        taken = np.ones(DRAWS, np.int64)
        for _ in range(self.process.horizon):
            drawn = imagined.drawn(imagined.next_events())
            due = np.isin(drawn, self.process.decisions) & (taken < len(codes)) & ~imagined.over
            planned = np.array([codes[min(n, len(codes) - 1)] or -1 for n in taken.tolist()])
            drawn = np.where(due & (planned >= 0), planned, drawn)
            taken += due
            imagined.go_on(drawn, imagined.gaps(drawn))
            if (taken >= len(codes)).all():
                break
        return self.process.chances(imagined.fork(1, self.seed), self.aim)[:, 0]


def _preferred(options: list[Option]) -> Option:
    """Return, of the options that are as likely as the best but for the error of sampling, the one that most cases
    took; waiting only if nothing else is as good."""
    best = max(option.probability for option in options)
    error = np.sqrt(best * (1 - best) / DRAWS)
    alike = [option for option in options if option.probability >= best - error]
    return max(alike, key=lambda option: (option.decision != WAIT, option.support.acted))
