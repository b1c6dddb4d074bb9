"""What is observed, done and wanted: plain values. Knows no torch, no model and no planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from wmagent.errors import InputError

Value = str | int | float | bool
Facts = Mapping[str, Value]
FactKey = tuple[tuple[str, str], ...]  # facts as something that can be looked up
Op = Literal["==", "!=", "<", "<=", ">", ">="]

_NOTHING: Facts = MappingProxyType({})


@dataclass(frozen=True)
class Observation:
    """What is seen of the world at one moment; facts are flat `key -> value`, an absent fact is a missing key."""

    facts: Facts
    text: str = ""
    time: float | None = None  # hours since the case began


@dataclass(frozen=True)
class Action:
    """Something that can be done: a name, its arguments, and who does it."""

    name: str
    arguments: Facts = field(default_factory=lambda: _NOTHING)
    actor: str = ""

    def label(self) -> str:
        """Return the one-line form that also serves as its key: `name(arg=value, …)`."""
        if not self.arguments:
            return self.name
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in sorted(self.arguments.items()))})"

    def __hash__(self) -> int:
        return hash(self.label())


@dataclass(frozen=True)
class Transition:
    """One recorded step. `error` is the refusal text of an attempt that was not allowed (facts then stay)."""

    before: Observation
    action: Action
    after: Observation
    duration: float = 0.0  # hours
    cost: float = 0.0
    events: tuple[str, ...] = ()
    done: bool = False
    error: str | None = None
    case: str = ""


@dataclass(frozen=True)
class Condition:
    """One constraint on one fact, such as `status == approved` or `amount <= 500`."""

    key: str
    value: Value
    op: Op = "=="

    def holds(self, facts: Facts) -> bool:
        """Return whether the facts satisfy it; an absent fact satisfies only `!=`."""
        if self.key not in facts:
            return self.op == "!="
        return self.accepts(facts[self.key])

    def accepts(self, given: Value) -> bool:
        """Return whether one value of the fact satisfies it; numbers compare as numbers, all else as text."""
        if self.op in ("==", "!="):
            return same_value(given, self.value) == (self.op == "==")
        try:
            left, right = float(given), float(self.value)
        except (TypeError, ValueError):
            raise InputError(f"{self.words()} compares {given!r} as a number; use == or != for text") from None
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[self.op]

    def words(self) -> str:
        """Return the condition as text, such as `status == approved`."""
        return f"{self.key} {self.op} {self.value}"


@dataclass(frozen=True)
class Goal:
    """What should become true, what must never be true on the way, and the limits; `words` is how it was said."""

    conditions: tuple[Condition, ...]
    forbidden: tuple[Condition, ...] = ()
    deadline: float | None = None  # hours from now
    max_cost: float | None = None
    words: str = ""

    def reached(self, facts: Facts) -> bool:
        """Return whether all goal conditions hold (limits are about the way, not about one state)."""
        return all(condition.holds(facts) for condition in self.conditions)

    def violated(self, facts: Facts) -> bool:
        """Return whether any forbidden condition holds."""
        return any(condition.holds(facts) for condition in self.forbidden)


def canonical(value: Value) -> str:
    """Return the text form in which values are compared and embedded: `True`, `3`, `2.5`, `approved`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def key_of(facts: Facts) -> FactKey:
    """Return a hashable form of facts; equal facts have equal keys."""
    return tuple(sorted((name, canonical(value)) for name, value in facts.items()))


def same_value(left: Value, right: Value) -> bool:
    """Return whether two values are the same fact value: `2`, `2.0` and "2" are; case matters."""
    return canonical(left) == canonical(right)
