"""The same workflow in other words: new names for facts, values, actions and goals, and maps from old to new.

Knows definitions and rewrites conditions through their parsed form; knows no simulation and no learning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any

from wmagent.domain.types import Action, Condition, Facts, Goal, Observation, Transition, Value, canonical
from wmagent.errors import InputError, unknown
from wmagent.worlds.conditions import Expression, Negation, Test, find_code, other_fact, parse
from wmagent.worlds.expressions import text_of
from wmagent.worlds.language import ActionPart, Effect, EventPart, Fact, GoalPart, Rule
from wmagent.worlds.workflow import WorkflowWorld

_NONE: Mapping[Any, Any] = MappingProxyType({})
_LONGEST = 200  # characters of a name


@dataclass(frozen=True)
class Names:
    """New names by old ones; what is not listed keeps its name.

    `values` are by old fact and then by value as the world shows it: the new name of a policy is its new sentence.
    `goals` are by the first of a goal's wordings.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[Value, Value]] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    goals: Mapping[str, str] = field(default_factory=dict)

    def state(self, facts: Facts) -> Facts:
        """Return a state of the old world as the renamed world shows it."""
        return {self.facts.get(key, key): self._value(key, value) for key, value in facts.items()}

    def action(self, action: Action) -> Action:
        """Return an action of the old world under its new name."""
        return dataclasses.replace(action, name=self.actions.get(action.name, action.name))

    def goal(self, goal: Goal) -> Goal:
        """Return a goal of the old world in the renamed world's facts and words."""
        return dataclasses.replace(
            goal,
            conditions=tuple(map(self._condition, goal.conditions)),
            forbidden=tuple(map(self._condition, goal.forbidden)),
            words=self.goals.get(goal.words, goal.words),
        )

    def transition(self, row: Transition) -> Transition:
        """Return a recorded step of the old world as the renamed world would have recorded it (but for refusals)."""
        return dataclasses.replace(
            row, before=self._seen(row.before), action=self.action(row.action), after=self._seen(row.after)
        )

    def back(self) -> Names:
        """Return the way back: old names by new ones."""
        values = {self.facts.get(key, key): _turned(known) for key, known in self.values.items()}
        return Names(_turned(self.facts), values, _turned(self.actions), _turned(self.goals))

    def _value(self, key: str, value: Value) -> Value:
        return self.values.get(key, _NONE).get(value, value)

    def _condition(self, condition: Condition) -> Condition:
        value = self._value(condition.key, condition.value) if condition.op in ("==", "!=") else condition.value
        return Condition(self.facts.get(condition.key, condition.key), value, condition.op)

    def _seen(self, seen: Observation) -> Observation:
        return dataclasses.replace(seen, facts=self.state(seen.facts))


def renamed(world: WorkflowWorld, names: Names) -> WorkflowWorld:
    """Return the same workflow under other names.

    A new name that is one of the old name's paraphrases leaves the others as its paraphrases; any other new name has
    none. Numbers keep their size: they are not renamed. InputError for unknown old names, for new names that are
    taken or unusable, and where values that conditions compare across facts would no longer compare the same.
    """
    _check_names(world, names)
    return _Renaming(world, names).world()


def _check_names(world: WorkflowWorld, names: Names) -> None:
    goals = {part.words[0] for part in world.definition.goals}
    for kind, given, known in (
        ("fact", names.facts, world.domains),
        ("action", names.actions, world.definition.actions),
        ("goal", names.goals, goals),
    ):
        for old, new in given.items():
            if old not in known:
                raise unknown(kind, old, known)
            if not isinstance(new, str) or not new.strip() or len(new) > _LONGEST:
                raise InputError(f"the new name of {old!r} must be a text of 1 to {_LONGEST} characters, not {new!r}")
        _check_unique(kind, [given.get(old, old) for old in known])
    for key, given in names.values.items():
        if key not in world.domains:
            raise unknown("fact", key, world.domains)
        for old, new in given.items():
            find_code(key, old, world.domains[key])
            if _is_number(old) or _is_number(new) or not canonical(new).strip():
                raise InputError(f"{old!r} of {key!r} cannot become {new!r}: numbers and empty texts are no new names")


def _check_unique(kind: str, new: Sequence[str]) -> None:
    twice = sorted({name for name in new if new.count(name) > 1})
    if twice:
        raise InputError(f"two {kind}s would be called {twice[0]!r}; give every one its own name")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class _Renaming:
    """One definition while it is rewritten: `raw` are the values that guards compare, `new` those of the new world."""

    def __init__(self, world: WorkflowWorld, names: Names) -> None:
        self.definition, self.names = world.definition, names
        self.raw, self.shown = world.machine.domains, world.domains
        self.new = {self.fact(key): tuple(self.value(key, v) for v in domain) for key, domain in self.raw.items()}

    def world(self) -> WorkflowWorld:
        definition = self.definition
        actions = definition.actions.items()
        changed = {
            "facts": {self.fact(key): self._fact_part(key, fact) for key, fact in definition.facts.items()},
            "actions": {self.action(name): self._action_part(name, part) for name, part in actions},
            "rules": {name: self._law(rule) for name, rule in definition.rules.items()},
            "events": {name: self._law(event) for name, event in definition.events.items()},
            "goals": tuple(map(self._goal_part, definition.goals)),
            "done": self.condition(definition.done),
        }
        return WorkflowWorld(definition.model_copy(update=changed))

    def fact(self, key: str) -> str:
        return self.names.facts.get(key, key)

    def action(self, name: str) -> str:
        return self.names.actions.get(name, name)

    def value(self, key: str, value: Value) -> Value:
        """Return the new form of a value in guards, starts and effects; those behind policies stay."""
        if not self.names.values.get(key) or self.definition.facts[key].policy is not None:
            return value
        domain = self.raw[key]
        return self._renamed(key, domain[find_code(key, value, domain)])

    def _renamed(self, key: str, shown: Value) -> Value:
        known = self.names.values.get(key, _NONE)
        return next((new for old, new in known.items() if canonical(old) == canonical(shown)), shown)

    def condition(self, text: str) -> str:
        return text_of(_mapped(parse(text), self._test))

    def _test(self, test: Test) -> Test:
        other = other_fact(test, self.raw)
        if other is not None:
            values: Iterable[Value] = (self.fact(other),)
        elif test.op in ("==", "!=", "in", "not in"):
            values = [self.value(test.key, value) for value in test.values]
        else:
            values = test.values
        new = Test(self.fact(test.key), test.op, tuple(map(canonical, values)))
        if other_fact(new, self.new) != (None if other is None else self.fact(other)):
            raise InputError(f"{text_of(new)!r} would no longer mean {text_of(test)!r}; choose other names")
        if other is not None and test.op in ("==", "!="):
            self._check_pair(test.key, other)
        return new

    def _check_pair(self, left: str, right: str) -> None:
        """Refuse new names under which two facts that are compared agree elsewhere than before."""
        for one, two in product(self.raw[left], self.raw[right]):
            same = canonical(self.value(left, one)) == canonical(self.value(right, two))
            if same != (canonical(one) == canonical(two)):
                raise InputError(
                    f"{left!r} and {right!r} are compared with each other; rename {canonical(one)!r} in both alike"
                )

    def _fact_part(self, key: str, fact: Fact) -> Fact:
        words = {}
        for value, said in fact.value_words.items():
            shown = self.shown[key][find_code(key, value, self.raw[key])]
            words[self.value(key, value)] = _other_words(shown, self._renamed(key, shown), said)
        changed = {
            "values": None if fact.values is None else tuple(self.value(key, value) for value in fact.values),
            "start": self._start(key, fact),
            "words": _other_words(key, self.fact(key), fact.words),
            "value_words": words,
        }
        if fact.policy is not None and key in self.names.values:
            shown = zip(self.raw[key], self.shown[key], strict=True)
            changed["policy"] = {value: self._renamed(key, sentence) for value, sentence in shown}
        return fact.model_copy(update=changed)

    def _start(self, key: str, fact: Fact) -> object:
        if isinstance(fact.start, dict):
            return {self.value(key, value): chance for value, chance in fact.start.items()}
        if not isinstance(fact.start, tuple):
            return self.value(key, fact.start)
        return tuple(
            case.model_copy(
                update={
                    "when": self.condition(case.when),
                    "chances": {self.value(key, value): chance for value, chance in case.chances.items()},
                }
            )
            for case in fact.start
        )

    def _action_part(self, name: str, part: ActionPart) -> ActionPart:
        changed = {
            "guard": self.condition(part.guard),
            "effects": tuple(map(self._effect, part.effects)),
            "words": _other_words(name, self.action(name), part.words),
        }
        return part.model_copy(update=changed)

    def _effect(self, effect: Effect) -> Effect:
        outcomes = tuple(result.model_copy(update={"set": self._set(result.set)}) for result in effect.outcomes)
        return effect.model_copy(update={"when": self.condition(effect.when), "outcomes": outcomes})

    def _law(self, part: Rule | EventPart) -> Rule | EventPart:
        after = tuple(map(self.action, part.after))
        changed = {"when": self.condition(part.when), "set": self._set(part.set), "after": after}
        return part.model_copy(update=changed)

    def _set(self, changes: Mapping[str, Value]) -> dict[str, Value]:
        return {self.fact(key): self.value(key, value) for key, value in changes.items()}

    def _goal_part(self, part: GoalPart) -> GoalPart:
        first = self.names.goals.get(part.words[0], part.words[0])
        words = part.words if first == part.words[0] else (first, *_other_words(part.words[0], first, part.words[1:]))
        goal = {
            "reach": text_of(_mapped(parse(part.reach), self._goal_test)),
            "never": text_of(_mapped(parse(part.never), self._goal_test)),
        }
        return part.model_copy(update=goal | {"words": words})

    def _goal_test(self, test: Test) -> Test:
        """Return a comparison of a goal, which speaks of values as the world shows them and never of two facts."""
        values = test.values
        if test.op in ("==", "!="):
            domain = self.shown[test.key]
            found = (domain[find_code(test.key, value, domain)] for value in values)
            values = tuple(canonical(self._renamed(test.key, value)) for value in found)
        return Test(self.fact(test.key), test.op, values)


def _mapped(tree: Expression, change: Callable[[Test], Test]) -> Expression:
    """Return the expression with every comparison changed."""
    if isinstance(tree, Test):
        return change(tree)
    if isinstance(tree, Negation):
        return Negation(_mapped(tree.part, change))
    parts = tuple(_mapped(part, change) for part in tree.parts)
    return type(tree)(parts)


def _other_words(old: Value, new: Value, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what else the renamed thing is called: the old name too where the new one was among its paraphrases."""
    if canonical(new) == canonical(old):
        return words
    return tuple(word for word in (canonical(old), *words) if word != new) if new in words else ()


def _turned(known: Mapping[Any, Any]) -> dict[Any, Any]:
    return {new: old for old, new in known.items()}
