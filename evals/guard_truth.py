"""The exact truth of what breaks a rule in a shipped world, and calls drawn from states that its own steps reach.
Knows worlds and their oracle; must not know any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from wmagent.domain.types import Action, Condition, FactKey, Facts, key_of
from wmagent.errors import InputError

BREAKS, FINE = 0.5, 0.02  # true probabilities from which a call breaks a rule, and up to which it breaks none
STEPS, SETTLED, ROUNDS = 40, 1e-9, 1_000
Kind = Literal["breaking", "fine", "refused"]


@dataclass(frozen=True)
class Call:
    """A step that could be proposed, with the true probability that it breaks a rule: `now`, right after it, and
    `ever`, counting what becomes unavoidable; `broken` are the facts that become true right after it, else later."""

    facts: Facts
    action: Action
    now: float
    ever: float
    broken: tuple[Condition, ...]


@dataclass
class Truth:
    """The oracle's word on forbidden facts. A fact is unavoidable as far as no way of going on to the case's end is
    without it: ever = 1 - max over policies of P(the case ends and no forbidden fact was true)."""

    world: Any
    never: tuple[Condition, ...]
    _oracle: Any = field(init=False)
    _safe: dict[FactKey, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._oracle = self.world.oracle()

    def call(self, facts: Facts, action: Action) -> Call:
        """Return a legal call with its true probabilities."""
        self._solve(facts)
        outcomes = self._oracle.outcomes(facts, action)
        now = {one: sum(o.probability for o in outcomes if one.holds(o.facts)) for one in self.never}
        together = sum(o.probability for o in outcomes if self.bad(o.facts))
        ever = 1 - sum(o.probability * self._safe[key_of(o.facts)] for o in outcomes)
        broken = tuple(one for one, p in now.items() if p >= FINE) or self.never  # what comes later may be any of them
        return Call(facts, action, together, ever, broken)

    def bad(self, facts: Facts) -> bool:
        """Return whether a forbidden fact is true."""
        return any(one.holds(facts) for one in self.never)

    def _solve(self, start: Facts) -> None:
        """Find P(safe end) of the best policy for every state that `start` leads to without breaking a rule."""
        if key_of(start) in self._safe:
            return
        queue, moves = [start], dict[FactKey, list[list[tuple[float, FactKey]]]]()
        for facts in queue:
            key = key_of(facts)
            if key in moves or key in self._safe:
                continue
            if self.bad(facts):
                self._safe[key] = 0.0
                continue
            moves[key] = []
            for action in self._oracle.legal(facts):
                outcomes = self._oracle.outcomes(facts, action)
                moves[key].append([(one.probability, key_of(one.facts)) for one in outcomes])
                queue += [one.facts for one in outcomes]
        self._safe |= {key: 0.0 if ways else 1.0 for key, ways in moves.items()}
        for _ in range(ROUNDS):
            moved = 0.0
            for key in reversed(moves):
                if ways := moves[key]:
                    best = max(sum(p * self._safe[after] for p, after in way) for way in ways)
                    moved, self._safe[key] = max(moved, best - self._safe[key]), best
            if moved < SETTLED:
                return


def drawn(truth: Truth, amount: int, seed: int, most_walks: int = 40_000) -> dict[Kind, list[Call]]:
    """Return distinct calls of each kind: breaking, fine, and refused ones (not allowed in their state).

    Cases start as the world's do and take legal steps by chance, to their end. Every call that is legal in a state on
    the way (where no rule is broken yet) can be drawn, and one that is not; walking ends when enough break a rule.
    """
    world, random = truth.world, Random(seed)
    found: dict[Kind, list[Call]] = {"breaking": [], "fine": [], "refused": []}
    seen: set[FactKey] = set()
    for _ in range(most_walks):
        if len(found["breaking"]) >= amount and len(found["fine"]) >= amount:
            break
        for facts, legal in _walk(world, random):
            if key_of(facts) in seen or truth.bad(facts):
                continue
            seen.add(key_of(facts))
            calls = [truth.call(facts, action) for action in legal]
            found["breaking"] += [call for call in calls if call.ever >= BREAKS]
            found["fine"] += [call for call in calls if call.ever <= FINE]
            refused = [action for action in world.actions if action not in legal]
            found["refused"] += [Call(facts, random.choice(refused), 0.0, 0.0, ())] if refused else []
    if short := [kind for kind, calls in found.items() if len(calls) < amount]:
        raise InputError(f"{world.name} has fewer than {amount} distinct calls of these kinds: {', '.join(short)}")
    return {kind: random.sample(calls, amount) for kind, calls in found.items()}


def _walk(world: Any, random: Random) -> list[tuple[Facts, Sequence[Action]]]:
    state, passed = world.initial(random.randrange(2**31)), []
    for _ in range(STEPS):
        legal = world.legal(state)
        if not legal:
            break
        passed.append((dict(world.observe(state).facts), legal))
        step = world.step(state, random.choice(legal), random.randrange(2**31))
        if step.done:
            break
        state = step.state
    return passed


def forbidden_by(world: Any) -> tuple[Condition, ...]:
    """Return what the world's own goals forbid; InputError where they forbid nothing."""
    never = tuple(dict.fromkeys(one for goal in world.goals() for one in goal.forbidden))
    if not never:
        raise InputError(f"the goals of {world.name} forbid nothing, so there is no rule to break")
    return never
