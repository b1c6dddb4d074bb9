"""A walk through an imagined world by hand: what there is to see at every place, and how one goes on and back.

Knows the imagined world, an oracle to set beside it and a way to ask for P(goal); must not know any terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from wmagent.agent.imagined import Ended, ImaginedWorld
from wmagent.domain.answers import Change, Plan, Support
from wmagent.domain.types import Action, Facts, Goal, canonical, same_value
from wmagent.domain.world import Oracle, Outcome
from wmagent.errors import InputError, OutOfDomain, checked_seed

Ask = Callable[[Goal, Facts], Plan]


@dataclass(frozen=True)
class Result:
    """One thing that an action may lead to. `probability` is the imagined one (0: not imagined), `truth` the world's
    (None: there is none to compare with); `duration` is the expected one in hours."""

    probability: float
    changes: tuple[Change, ...]
    duration: float
    cost: float
    ends: bool = False
    truth: float | None = None


@dataclass(frozen=True)
class Choice:
    """One allowed action with its results, likeliest first, and how well the record supports it."""

    action: Action
    results: tuple[Result, ...]
    support: Support
    n: int
    surprise: float
    missing: tuple[Result, ...] = ()  # what truly may happen and is not imagined
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where the walk has come to. `probability` is P(goal) from here, None without a goal or an answer."""

    steps: int
    facts: Facts
    changed: tuple[str, ...]
    duration: float
    cost: float
    choices: tuple[Choice, ...] = ()
    ended: bool = False
    reached: bool | None = None
    probability: float | None = None
    interval: tuple[float, float] | None = None
    advice: Action | None = None  # what a plan would do here
    warnings: tuple[str, ...] = ()


@dataclass
class Walk:
    """The way so far, with its present end in `place`. Same seed and same choices, same walk; undoing repeats luck."""

    world: ImaginedWorld
    goal: Goal | None = None
    ask: Ask | None = None
    oracle: Oracle | None = None
    seed: int = 0
    _way: list[Place] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        first = self.world.initial(checked_seed(self.seed))
        self._way.append(self._seen(Place(0, first, (), 0.0, 0.0)))

    @property
    def place(self) -> Place:
        """Where the walk is."""
        return self._way[-1]

    def back(self) -> Place:
        """Take the last step back; InputError at the start."""
        if len(self._way) == 1:
            raise InputError("this is where the walk began; there is no step to take back")
        self._way.pop()
        return self.place

    def go(self, choice: Choice, result: int | None = None) -> Result:
        """Do the chosen action; its result is the one of that index, or the one that chance draws."""
        here = self.place
        groups = _groups(self.world.outcomes(here.facts, choice.action))
        drawn = Random(f"{self.seed} {here.steps} {choice.action.label()}")
        if result is None:
            weights = [sum(outcome.probability for outcome in group) for group in groups]
            result = drawn.choices(range(len(groups)), weights)[0]
        group = groups[result]
        outcome = drawn.choices(group, [outcome.probability for outcome in group])[0]
        changed = tuple(change.key for change in _changes(here.facts, outcome.facts))
        spent = here.duration + outcome.duration, here.cost + outcome.cost
        self._way.append(self._seen(Place(here.steps + 1, outcome.facts, changed, *spent)))
        return choice.results[result]

    def _seen(self, place: Place) -> Place:
        """Return the place with all that there is to see from it."""
        place = replace(place, ended=isinstance(place.facts, Ended))
        try:
            actions = self.world.legal(place.facts)
        except OutOfDomain as error:
            return replace(place, ended=True, warnings=(str(error),))
        backing = self.world.model.evidences([place.facts] * len(actions), actions, 1)
        choices = []
        for action, evidence in zip(actions, backing, strict=True):
            groups = _groups(self.world.outcomes(place.facts, action))
            surprise = self.world.surprise(place.facts, action) or 0.0
            told = tuple(_result(place.facts, group) for group in groups)
            choice = Choice(action, told, evidence.support, evidence.n, surprise)
            choices.append(self._beside(place.facts, replace(choice, warnings=_warnings(choice)), groups))
        return self._with_goal(replace(place, choices=tuple(choices)))

    def _beside(self, facts: Facts, choice: Choice, groups: Sequence[Sequence[Outcome]]) -> Choice:
        """Return the choice with the true probabilities beside the imagined ones."""
        if self.oracle is None:
            return choice
        try:
            true = _groups(self.oracle.outcomes(facts, choice.action))
        except InputError as error:
            return replace(choice, warnings=(*choice.warnings, f"the true world does not know this: {error}"))
        if not true:
            return replace(choice, warnings=(*choice.warnings, "the true world does not allow this here"))
        chances = {_same(group[0].facts): sum(o.probability for o in group) for group in true}
        met = [_same(group[0].facts) for group in groups]
        results = [replace(r, truth=chances.get(key, 0.0)) for r, key in zip(choice.results, met, strict=True)]
        unmet = [group for group in true if _same(group[0].facts) not in met]
        missing = [
            replace(_result(facts, group), probability=0.0, truth=chances[_same(group[0].facts)]) for group in unmet
        ]
        return replace(choice, results=tuple(results), missing=tuple(missing))

    def _with_goal(self, place: Place) -> Place:
        """Return the place with P(goal) within what is left of its limits."""
        if self.goal is None:
            return place
        spent = ((self.goal.deadline, place.duration), (self.goal.max_cost, place.cost))
        late = any(limit is not None and used > limit + 1e-9 for limit, used in spent)
        if late or self.goal.violated(place.facts):
            return replace(place, reached=False, probability=0.0)
        if self.goal.reached(place.facts):
            return replace(place, reached=True, probability=1.0)
        if not place.choices or self.ask is None:
            return replace(place, reached=False, probability=None if place.choices else 0.0)
        left = [None if limit is None else limit - used for limit, used in spent]
        if any(amount is not None and amount <= 0 for amount in left):
            return replace(place, reached=False, probability=0.0)
        plan = self.ask(replace(self.goal, deadline=left[0], max_cost=left[1]), dict(place.facts))
        advice = plan.steps[0].action if plan.steps else None
        return replace(place, reached=False, probability=plan.probability, interval=plan.interval, advice=advice)


def _groups(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Return outcomes with the same facts together, the likeliest group first."""
    found: dict[object, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((isinstance(outcome.facts, Ended), _same(outcome.facts)), []).append(outcome)
    return sorted(found.values(), key=lambda group: -sum(outcome.probability for outcome in group))


def _result(before: Facts, group: Sequence[Outcome]) -> Result:
    p = sum(outcome.probability for outcome in group)
    hours, cost = (sum(o.probability * getattr(o, name) for o in group) / p for name in ("duration", "cost"))
    return Result(p, _changes(before, group[0].facts, p), hours, cost, isinstance(group[0].facts, Ended))


def _changes(before: Facts, after: Facts, probability: float = 1.0) -> tuple[Change, ...]:
    keys = dict.fromkeys((*before, *after))
    moved = [key for key in keys if key not in before or key not in after or not same_value(before[key], after[key])]
    return tuple(Change(key, before.get(key), after.get(key), probability) for key in moved)


def _same(facts: Facts) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, canonical(value)) for key, value in facts.items()))


def _warnings(choice: Choice) -> tuple[str, ...]:
    """Return what should make one doubt an imagined step."""
    found = []
    if choice.support == "extrapolated":
        found.append("no record is like this: what follows is extrapolated")
    if choice.surprise > 1:
        found.append(f"surprise {choice.surprise:.1f}: this lies outside recorded experience (1 is its edge)")
    return tuple(found)
