"""Imagination as a place: a pure world in which everything happens as a world model imagines it.

Knows the model it asks and the World protocol; must not know any true world, planner or goal in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from wmagent.agent.protocols import AgentModel
from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Facts, Goal, Observation, Value, canonical
from wmagent.domain.world import Outcome, Step
from wmagent.errors import InputError
from wmagent.latent.protocols import Dynamics, Prediction
from wmagent.latent.threads import single_thread

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel

FAINT = 1e-3  # outcomes below this share of the likeliest are what a network cannot rule out, not what it expects
REMEMBERED = 20_000  # states whose imagination is kept

_Key = tuple[bool, tuple[tuple[str, str, Value], ...]]  # ended; key, canonical text and value of every fact


class Ended(dict[str, Value]):
    """The facts of a case that has ended as imagined: nothing is allowed there any more. Equal to the same facts."""


@dataclass(frozen=True)
class ImaginedStep(Step[Facts]):
    """A step, how probable its outcome was, and how far it lies from the record: surprise 0 was seen like this,
    above 1 lies outside the support radius."""

    probability: float = 1.0
    surprise: float = 0.0


@dataclass(frozen=True)
class _Imagined:
    """What one action does in one state: its outcomes, likeliest first, their cumulated weights, and its surprise."""

    outcomes: tuple[Outcome, ...]
    weights: tuple[float, ...]
    surprise: float


@dataclass(frozen=True)
class ImaginedWorld:
    """A world model as a world: facts in, imagined facts out. Satisfies `World[Facts]`.

    A case starts in one of `starts` (repeat one to make it likelier). An action is allowed where the model's legality
    is at least `min_legal`. A step draws one of `outcomes`; a case ends with an outcome of which the model says so
    with at least one half. `dynamics` imagines in the model's place, such as a prediction control around it. States
    outside the model's words raise OutOfDomain. What was imagined is remembered, so keep one for many steps.
    """

    model: AgentModel
    starts: Sequence[Facts]
    wanted: Sequence[Goal] = ()
    name: str = "imagined"
    min_legal: float = 0.5
    dynamics: Dynamics | None = None
    _legality: Callable[[_Key], tuple[float, ...]] = field(init=False, repr=False, compare=False)
    _imagine: Callable[[_Key], Mapping[int, _Imagined]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.starts:
            raise InputError("an imagined world needs facts to start from; give at least one start")
        self.model.observe(list(self.starts))
        object.__setattr__(self, "_legality", lru_cache(REMEMBERED)(self._ask_legality))
        object.__setattr__(self, "_imagine", lru_cache(REMEMBERED)(self._ask_outcomes))

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions the model knows."""
        return self.model.actions

    @property
    def domains(self) -> Mapping[str, tuple[Value, ...]]:
        """Every fact key with the values the model knows."""
        known = {key: self.model.values(key) for key in self.model.slots}
        return MappingProxyType({key: tuple(v for v in values if v is not None) for key, values in known.items()})

    def initial(self, seed: int) -> Facts:
        """Return the first facts of a case."""
        return dict(Random(seed).choice(self.starts))

    def legal(self, state: Facts) -> tuple[Action, ...]:
        """Return the actions that are allowed here as imagined, none once the case has ended."""
        legality = self._legality(_key(state))
        return tuple(action for action, p in zip(self.actions, legality, strict=True) if p >= self.min_legal)

    def legality(self, state: Facts, action: Action | str) -> float:
        """Return the probability that an action is allowed here, 0 once the case has ended."""
        return self._legality(_key(state))[self.model.action_index(action)]

    def step(self, state: Facts, action: Action, seed: int) -> ImaginedStep:
        """Do one action. A refused one changes nothing and says why in `error`; InputError for unknown names."""
        found = self._found(state, action)
        if found is None:
            return ImaginedStep(state, done=isinstance(state, Ended), error=self._refusal(state, action))
        chosen = Random(seed).choices(found.outcomes, cum_weights=found.weights)[0]
        facts = chosen.facts
        after = Ended(facts) if isinstance(facts, Ended) else dict(facts)
        return ImaginedStep(
            after,
            chosen.duration,
            chosen.cost,
            done=isinstance(facts, Ended),
            probability=chosen.probability,
            surprise=found.surprise,
        )

    def outcomes(self, facts: Facts, action: Action | str) -> tuple[Outcome, ...]:
        """Return what an action can lead to, likeliest first; none where it is not allowed.

        Equal results of equal duration are one outcome; faint ones (`FAINT`) are left out and the others sum to 1.
        The facts of an outcome that ends the case are `Ended`; the cost is the action's expected one.
        """
        found = self._found(facts, action)
        return found.outcomes if found is not None else ()

    def surprise(self, facts: Facts, action: Action | str) -> float | None:
        """Return how far an allowed action lies from the record (above 1: outside it), None where it is refused."""
        found = self._found(facts, action)
        return found.surprise if found is not None else None

    def evidence(self, facts: Facts, action: Action | str, k: int = 3) -> Evidence:
        """Return the support of an action here and its k nearest recorded cases."""
        return self.model.evidence(facts, self.actions[self.model.action_index(action)], k)

    def observe(self, state: Facts) -> Observation:
        """Return what is seen of a state: all of its facts."""
        return Observation(state)

    def goals(self) -> tuple[Goal, ...]:
        """Return the goals this world was given."""
        return tuple(self.wanted)

    def _found(self, facts: Facts, action: Action | str) -> _Imagined | None:
        return self._imagine(_key(facts)).get(self.model.action_index(action))

    def _refusal(self, facts: Facts, action: Action) -> str:
        if isinstance(facts, Ended):
            return f"not allowed: the case has ended, so {action.label()!r} cannot be done any more"
        allowed = ", ".join(other.label() for other in self.legal(facts)[:8])
        return (
            f"not allowed as imagined: {action.label()!r} is accepted here with {self.legality(facts, action):.1%}, "
            f"at least {self.min_legal:.0%} is asked; allowed: {allowed or 'nothing'}"
        )

    def _ask_legality(self, key: _Key) -> tuple[float, ...]:
        if key[0]:
            return (0.0,) * len(self.actions)
        with single_thread():
            return tuple((self.dynamics or self.model).legality(self.model.observe(_facts(key)))[0].tolist())

    def _ask_outcomes(self, key: _Key) -> Mapping[int, _Imagined]:
        """Return what every allowed action does, by its index: asking for all at once costs little more than one."""
        allowed = [index for index, p in enumerate(self._legality(key)) if p >= self.min_legal]
        if key[0] or not allowed:
            return {}
        with single_thread():
            latent = self.model.observe(_facts(key)).repeat(len(allowed))
            prediction = (self.dynamics or self.model).imagine(latent, torch.tensor(allowed))
            return dict(zip(allowed, self._merged(prediction), strict=True))

    def _merged(self, prediction: Prediction) -> list[_Imagined]:
        """Return the (result, duration) pairs of every row, equal ones merged and faint ones left out."""
        joint = prediction.probs.unsqueeze(-1) * prediction.duration_probs  # (b, k, m)
        joint = torch.where(joint >= FAINT * joint.amax((1, 2), keepdim=True), joint, 0.0)
        pairs, k = joint.nonzero(), joint.shape[1]
        rows, place = (pairs[:, 0] * k + pairs[:, 1]).unique(return_inverse=True)
        read, over = self.model.read(prediction.next.take(rows)), prediction.done.flatten()[rows] >= 0.5
        ends = [Ended(facts) if done else facts for facts, done in zip(read, over.tolist(), strict=True)]
        keys, hours = [_key(facts) for facts in ends], (self.dynamics or self.model).duration_values.tolist()
        merged: list[dict[tuple[_Key, float], tuple[float, Facts]]] = [{} for _ in range(len(joint))]
        for (row, _, bin_), at, p in zip(pairs.tolist(), place.tolist(), joint[joint > 0].tolist(), strict=True):
            pair = keys[at], hours[bin_]
            merged[row][pair] = merged[row].get(pair, (0.0, ends[at]))[0] + p, ends[at]
        told = zip(merged, prediction.cost.tolist(), prediction.surprise.tolist(), strict=True)
        return [_imagined(found, cost, surprise) for found, cost, surprise in told]


def recorded_starts(model: WorldModel) -> tuple[Facts, ...]:
    """Return the first recorded facts of every case that the model remembers; InputError where it remembers none."""
    if model.memory is None or not model.memory.cases:
        raise InputError("this model remembers no recorded case; give the facts to start from")
    first: dict[str, int] = {}
    for row, case in enumerate(model.memory.cases):
        first.setdefault(case, row)
    return tuple(model.vocabulary.decode(model.memory.before[list(first.values())].numpy()))


def _imagined(found: Mapping[tuple[_Key, float], tuple[float, Facts]], cost: float, surprise: float) -> _Imagined:
    total = sum(p for p, _ in found.values())
    outcomes = sorted(
        (Outcome(p / total, facts, hours, cost) for (_, hours), (p, facts) in found.items()),
        key=lambda outcome: -outcome.probability,
    )
    return _Imagined(tuple(outcomes), tuple(accumulate(o.probability for o in outcomes)), surprise)


def _key(facts: Facts) -> _Key:
    return isinstance(facts, Ended), tuple((key, canonical(value), value) for key, value in sorted(facts.items()))


def _facts(key: _Key) -> dict[str, Value]:
    return {name: value for name, _, value in key[1]}
