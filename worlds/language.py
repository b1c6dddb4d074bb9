"""The shape of a workflow file: facts, actions, effects, rules, events, goals, texts, as frozen pydantic models.

Knows the shape only; what the words refer to is checked by `machine`, and files are opened by `loading`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from wmagent.domain.types import Value

Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Money = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Sentence = Annotated[str, Field(min_length=1, max_length=1_000)]
Words = tuple[Sentence, ...]
Duration = Hours | dict[Hours, Chance]  # fixed, or {hours: chance}


class _Part(BaseModel):
    """Every part of a file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StartCase(_Part):
    """The distribution of a fact's first value where `when` holds on the facts listed before it."""

    when: str = ""
    chances: dict[Value, Chance]


class Fact(_Part):
    """One fact: `values` or an integer `range` (both ends included), and how it starts.

    `start` is a value, `{value: chance}`, or cases of such distributions; the first case whose `when` holds counts.
    A `static` fact is drawn once and no effect may set it. `words` are paraphrases of the key, `value_words` of
    values. A static fact may be a `policy`: a sentence with `{value}` in it, or `{value: sentence}`. The world then
    shows the sentence as the fact's value, while conditions go on to compare the value behind it.
    """

    values: tuple[Value, ...] | None = None
    range: tuple[int, int] | None = None
    start: Value | dict[Value, Chance] | tuple[StartCase, ...]
    static: bool = False
    policy: Sentence | dict[Value, Sentence] | None = None
    words: Words = ()
    value_words: dict[Value, Words] = {}

    def domain(self) -> tuple[Value, ...]:
        """Return all values the fact can take."""
        if self.range is not None:
            return tuple(range(self.range[0], self.range[1] + 1))
        return self.values or ()


class Result(_Part):
    """One way an effect can turn out. `set` gives new values; `+1` or `-1` moves a number within its range."""

    chance: Chance = 1.0
    set: dict[Name, Value] = {}
    event: Name | None = None
    duration: Duration | None = None  # instead of the action's


class Effect(_Part):
    """What an action does where `when` holds; of an action's effects the first that holds counts."""

    when: str = ""
    outcomes: tuple[Result, ...]
    duration: Duration | None = None  # instead of the action's
    cost: Money | None = None


class ActionPart(_Part):
    """One action: who does it, when it is allowed, what it takes and what it may do."""

    role: Annotated[str, Field(max_length=200)] = ""
    guard: str = ""
    cost: Money = 0.0
    duration: Duration = 0.0
    effects: tuple[Effect, ...] = ()
    words: Words = ()


class Rule(_Part):
    """A hidden business rule: where `when` holds after an action, `set` follows; rules cascade to a fixpoint.

    `after` limits it to some actions.
    """

    when: str
    set: dict[Name, Value]
    after: tuple[Name, ...] = ()
    event: Name | None = None


class EventPart(_Part):
    """Something from outside that may happen after an action where `when` holds; at most one event per step."""

    when: str = ""
    chance: Chance
    set: dict[Name, Value] = {}
    after: tuple[Name, ...] = ()


class GoalPart(_Part):
    """A goal people have in this world: comparisons joined by `and`, limits, and how people say it."""

    reach: str
    never: str = ""
    deadline: Hours | None = None
    max_cost: Money | None = None
    words: Annotated[Words, Field(min_length=1)]


class Definition(_Part):
    """A whole workflow file.

    Every `guard`, `when` and `done` is a condition: comparisons of a fact with a value (`status == in review`,
    `amount in (1, 2)`) or with another fact (`amount > approval limit`; words that are a value of the fact on the
    left mean that value), joined by `and`, `or`, `not` and brackets.
    """

    format: Literal[1]
    name: Name
    about: str = ""
    facts: dict[Name, Fact]
    actions: dict[Name, ActionPart]
    rules: dict[Name, Rule] = {}
    events: dict[Name, EventPart] = {}
    goals: tuple[GoalPart, ...] = ()
    done: str = ""
