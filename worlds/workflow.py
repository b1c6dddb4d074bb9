"""A declarative workflow as a pure world: facts in, facts out, every randomness from the seed given.

Knows the World protocol and the machine; knows no files, no oracle algorithms and no learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from wmagent.domain.types import Action, Condition, Facts, Goal, Observation, Value, canonical
from wmagent.domain.world import Step
from wmagent.errors import InputError, unknown
from wmagent.worlds.compiler import compile_definition
from wmagent.worlds.conditions import compile_conditions, conditions, find_code
from wmagent.worlds.language import Definition, Fact, GoalPart
from wmagent.worlds.machine import Machine
from wmagent.worlds.places import at

if TYPE_CHECKING:
    from wmagent.worlds.oracle import WorkflowOracle


@dataclass(frozen=True)
class Texts:
    """How people say things in this world: paraphrases by fact key, action name and goal (its first words).

    `values` has them per fact key and value, as the world shows it, where the definition gives some. The name or
    value itself always stands first.
    """

    about: str
    facts: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[Value, tuple[str, ...]]]
    actions: Mapping[str, tuple[str, ...]]
    goals: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class WorkflowWorld:
    """A world read from a workflow definition; its state is the facts themselves. Satisfies `World[Facts]`."""

    definition: Definition
    machine: Machine = field(init=False, repr=False, compare=False)
    _actions: tuple[Action, ...] = field(init=False, repr=False, compare=False)
    _goals: tuple[Goal, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", compile_definition(self.definition))
        actions = tuple(Action(move.name, actor=move.role) for move in self.machine.moves)
        object.__setattr__(self, "_actions", actions)
        goals = [self._goal(f"goals[{number}]", part) for number, part in enumerate(self.definition.goals)]
        object.__setattr__(self, "_goals", tuple(goals))

    def __hash__(self) -> int:
        return hash(self.definition.name)

    @property
    def name(self) -> str:
        """The world's name."""
        return self.definition.name

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions, in the order of the file; the actor is the role."""
        return self._actions

    @cached_property
    def domains(self) -> Mapping[str, tuple[Value, ...]]:
        """Every fact key with all values it can take, policies as their sentences."""
        return MappingProxyType(dict(self.machine.shown))

    @cached_property
    def texts(self) -> Texts:
        """The texts and paraphrases of the definition."""
        definition = self.definition
        return Texts(
            about=definition.about,
            facts=MappingProxyType({key: (key, *fact.words) for key, fact in definition.facts.items()}),
            values=MappingProxyType({key: self._value_words(key, fact) for key, fact in definition.facts.items()}),
            actions=MappingProxyType({name: (name, *part.words) for name, part in definition.actions.items()}),
            goals=MappingProxyType({part.words[0]: part.words for part in definition.goals}),
        )

    def initial(self, seed: int) -> Facts:
        """Return the first facts of a case."""
        return self.machine.decode(self.machine.sample_start(Random(seed)))

    def legal(self, state: Facts) -> tuple[Action, ...]:
        """Return the actions allowed here, none once the case has ended; InputError if the facts do not fit."""
        return tuple(self._actions[index] for index in self.machine.legal(self.machine.encode(state)))

    def step(self, state: Facts, action: Action, seed: int) -> Step[Facts]:
        """Do one action. A refused one changes nothing and says why in `error`; InputError for unknown names."""
        machine = self.machine
        coded = machine.encode(state)
        move = self.action_index(action)
        refusal = machine.refusal(coded, move)
        if refusal is None and action.actor and machine.moves[move].role not in ("", action.actor):
            refusal = f"not allowed: {action.name!r} is for the role {machine.moves[move].role!r}, not {action.actor!r}"
        if refusal is not None:
            return Step(state, done=machine.done(coded), error=refusal)
        _, after, hours, cost, events = machine.sample(coded, move, Random(seed))
        return Step(machine.decode(after), hours, cost, events, machine.done(after))

    def observe(self, state: Facts) -> Observation:
        """Return what is seen of a state: all of its facts."""
        return Observation(state)

    def goals(self) -> tuple[Goal, ...]:
        """Return the goals people have in this world."""
        return self._goals

    def oracle(self) -> WorkflowOracle:
        """Return the exact oracle; it remembers what it has enumerated, so keep one for many questions."""
        from wmagent.worlds.oracle import WorkflowOracle

        return WorkflowOracle(self)

    def action_index(self, action: Action | str) -> int:
        """Return the position of an action in `actions`, by its name."""
        name = action if isinstance(action, str) else action.name
        index = self._positions.get(name)
        if index is None:
            raise unknown("action", name, self._positions)
        if not isinstance(action, str) and action.arguments:
            raise InputError(f"action {name!r} takes no arguments here; given: {action.label()}")
        return index

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {move.name: index for index, move in enumerate(self.machine.moves)}

    def _goal(self, place: str, part: GoalPart) -> Goal:
        return Goal(
            conditions=self._conditions(f"{place}.reach", part.reach),
            forbidden=self._conditions(f"{place}.never", part.never) if part.never.strip() else (),
            deadline=part.deadline,
            max_cost=part.max_cost,
            words=part.words[0],
        )

    def _value_words(self, key: str, fact: Fact) -> Mapping[Value, tuple[str, ...]]:
        shown = self.machine.shown[key]
        coded = {find_code(key, value, self.machine.domains[key]): words for value, words in fact.value_words.items()}
        return MappingProxyType({shown[code]: (canonical(shown[code]), *words) for code, words in coded.items()})

    def _conditions(self, place: str, text: str) -> tuple[Condition, ...]:
        """Return the comparisons of a goal with values as the domain has them."""
        with at(place):
            found = conditions(text)
            if not found:
                raise InputError("empty; say what should become true")
            compile_conditions(found, self.machine.shown)
            return tuple(
                c if c.op not in ("==", "!=") else Condition(c.key, self._value(c.key, c.value), c.op) for c in found
            )

    def _value(self, key: str, value: Value) -> Value:
        domain = self.machine.shown[key]
        return domain[find_code(key, value, domain)]
