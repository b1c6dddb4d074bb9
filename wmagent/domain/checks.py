"""`check_world`: what every world promises, checked on walks through it; shipped for everyone's own worlds.

Knows the World and Oracle protocols only.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn, cast

from wmagent.domain.types import Action, Facts, canonical
from wmagent.domain.world import Oracle, Step, World
from wmagent.errors import InputError, unknown

_SIGMAS = 5.0  # how far a sampled frequency may lie from the oracle's probability


@dataclass(frozen=True)
class WorldCheck:
    """How much a passed check has looked at: walks, steps taken, refusals, and pairs compared with the oracle."""

    walks: int
    steps: int
    refusals: int
    compared: int


def check_world(world: World[Any], walks: int = 8, max_steps: int = 30, samples: int = 300) -> WorldCheck:
    """Walk through a world and raise InputError at the first broken promise; return how much was looked at.

    Promises: the same seed gives the same start and step; nothing is mutated; facts are plain values; legal actions
    are accepted and all others refused with an `error` and unchanged facts; nothing is allowed once a case is done;
    goals speak of facts that exist. Where the world has an `oracle()`, its outcome probabilities sum to 1 and agree
    with `samples` sampled steps on some pairs.
    """
    checker = _Checker(world, samples)
    for walk in range(walks):
        checker.walk(walk, max_steps)
    checker.goals()
    return WorldCheck(walks, checker.steps, checker.refusals, checker.compared)


class _Checker:
    """One world under check, with what has been seen of it."""

    def __init__(self, world: World[Any], samples: int) -> None:
        self.world = world
        self.samples = samples
        self.steps = self.refusals = self.compared = 0
        self.keys: set[str] = set()
        self.pairs: set[Hashable] = set()
        if not isinstance(world.name, str) or not world.name:
            raise InputError(f"a world needs a name; {type(world).__name__} has {world.name!r}")
        if not world.actions:
            self.broken("has no actions")
        for label, count in Counter(action.label() for action in world.actions).items():
            if count > 1:
                self.broken(f"has the action {label!r} {count} times")
        make = getattr(world, "oracle", None)
        self.oracle = cast("Oracle", make()) if callable(make) else None

    def broken(self, what: str) -> NoReturn:
        raise InputError(f"world {self.world.name!r} {what}")

    def walk(self, seed: int, max_steps: int) -> None:
        random = Random(seed)
        state = self.world.initial(seed)
        if self.facts(self.world.initial(seed)) != self.facts(state):
            self.broken(f"starts differently twice with seed {seed}")
        for _ in range(max_steps):
            legal = self.legal(state)
            refused = [action for action in self.world.actions if action not in legal]
            if refused:
                self.refuse(state, random.choice(refused), random.getrandbits(32))
            if not legal:
                return
            action = random.choice(legal)
            step = self.accept(state, action, random.getrandbits(32))
            self.compare(state, action)
            if step.done:
                if self.legal(step.state):
                    self.broken(f"still allows actions after {action.label()!r} ended the case")
                return
            state = step.state

    def facts(self, state: Any) -> dict[str, str]:
        """Return the facts in canonical form, checked to be plain values."""
        facts = self.world.observe(state).facts
        for key, value in facts.items():
            if not isinstance(key, str) or not key:
                self.broken(f"has a fact with the key {key!r}; keys are texts")
            if not isinstance(value, (str, int, float)):
                self.broken(f"has the fact {key!r} with a {type(value).__name__}; values are text, numbers, true/false")
            if isinstance(value, float) and not math.isfinite(value):
                self.broken(f"has the fact {key!r} with the value {value}")
        self.keys.update(facts)
        return _plain(facts)

    def legal(self, state: Any) -> tuple[Action, ...]:
        kept = copy.deepcopy(state)
        legal = self.world.legal(state)
        if tuple(legal) != tuple(self.world.legal(state)):
            self.broken(f"allows different actions when asked twice at {self.facts(state)}")
        for action in legal:
            if action not in self.world.actions:
                self.broken(f"allows {action.label()!r}, which is not among its actions")
        self.unchanged(kept, state, "legal")
        return legal

    def accept(self, state: Any, action: Action, seed: int) -> Step[Any]:
        kept = copy.deepcopy(state)
        step = self.world.step(state, action, seed)
        again = self.world.step(state, action, seed)
        self.unchanged(kept, state, f"step {action.label()!r}")
        if step.error is not None:
            self.broken(f"calls {action.label()!r} legal but refuses it: {step.error}")
        for name, value in (("duration", step.duration), ("cost", step.cost)):
            if not math.isfinite(value):
                self.broken(f"gives {action.label()!r} a {name} of {value}")
        if step.duration < 0:
            self.broken(f"gives {action.label()!r} a duration of {step.duration}")
        if self.facts(step.state) != self.facts(again.state) or _rest(step) != _rest(again):
            self.broken(f"takes a different step twice with the same seed: {action.label()!r} at {self.facts(state)}")
        self.steps += 1
        return step

    def refuse(self, state: Any, action: Action, seed: int) -> None:
        step = self.world.step(state, action, seed)
        if not step.error:
            self.broken(
                f"does not list {action.label()!r} as legal at {self.facts(state)} but does it without an error"
            )
        if self.facts(step.state) != self.facts(state):
            self.broken(f"changes facts although it refuses {action.label()!r}")
        if step.duration or step.cost:
            self.broken(f"charges for {action.label()!r} although it refuses it")
        if self.oracle is not None and self.oracle.outcomes(self.world.observe(state).facts, action):
            self.broken(f"refuses {action.label()!r}, but its oracle knows outcomes")
        self.refusals += 1

    def unchanged(self, kept: Any, state: Any, by: str) -> None:
        if kept != state:
            self.broken(f"mutates the state it is given ({by}); make a new one")

    def compare(self, state: Any, action: Action) -> None:
        """Hold sampled steps to the oracle's outcome probabilities, once per pair."""
        facts = self.world.observe(state).facts
        pair = (tuple(sorted(_plain(facts).items())), action.label())
        if self.oracle is None or pair in self.pairs:
            return
        self.pairs.add(pair)
        outcomes = self.oracle.outcomes(facts, action)
        total = math.fsum(outcome.probability for outcome in outcomes)
        if abs(total - 1) > 1e-9 or any(outcome.probability < 0 for outcome in outcomes):
            self.broken(f"has an oracle whose outcomes of {action.label()!r} sum to {total}")
        expected: dict[Hashable, float] = {}
        for outcome in outcomes:
            key = _key(outcome.facts, outcome.duration, outcome.cost)
            expected[key] = expected.get(key, 0.0) + outcome.probability
        seen: Counter[Hashable] = Counter()
        for seed in range(self.samples):
            step = self.world.step(state, action, seed)
            seen[_key(self.world.observe(step.state).facts, step.duration, step.cost)] += 1
        for key in seen.keys() - expected.keys():
            self.broken(f"reaches by {action.label()!r} what its oracle does not know: {key}")
        for key, chance in expected.items():
            slack = _SIGMAS * math.sqrt(chance * (1 - chance) / self.samples) + 1.0 / self.samples
            if abs(seen[key] / self.samples - chance) > slack:
                often = seen[key] / self.samples
                self.broken(
                    f"shows an outcome of {action.label()!r} at {often:.3f}; its oracle says {chance:.3f}: {key}"
                )
        self.compared += 1

    def goals(self) -> None:
        for goal in self.world.goals():
            if not goal.conditions:
                self.broken(f"has a goal without conditions: {goal.words!r}")
            for condition in (*goal.conditions, *goal.forbidden):
                if condition.key not in self.keys:
                    raise unknown(
                        f"fact of the goal {goal.words!r} of world {self.world.name!r}:", condition.key, self.keys
                    )


def _plain(facts: Facts) -> dict[str, str]:
    return {key: canonical(value) for key, value in facts.items()}


def _key(facts: Facts, duration: float, cost: float) -> Hashable:
    return (tuple(sorted(_plain(facts).items())), round(duration, 9), round(cost, 9))


def _rest(step: Step[Any]) -> tuple[object, ...]:
    return (step.duration, step.cost, step.events, step.done, step.error)
