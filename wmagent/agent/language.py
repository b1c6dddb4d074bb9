"""What the agent asks of a language model, and how a question is put to it: recorded text is data, never instructions.
Knows messages and candidates; must not know any backend."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from wmagent.domain.types import Facts, Goal

MOST_TEXT = 400  # characters of one value that a prompt shows


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@runtime_checkable
class LanguageModel(Protocol):
    """Continues a conversation. LanguageModelError where no answer could be had."""

    name: str

    def complete(self, messages: Sequence[Message], max_tokens: int = 256, stop: Sequence[str] = ()) -> str:
        """Return the answer's text, greedily decoded, without what follows a stop text."""
        ...


@runtime_checkable
class ScoringModel(LanguageModel, Protocol):
    """A language model that also says how likely given continuations are."""

    def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """Return the log-probability of every continuation as the answer, summed over its tokens."""
        ...


@runtime_checkable
class ChoosingModel(LanguageModel, Protocol):
    """A language model that can be held to given answers while it writes."""

    def choose(self, messages: Sequence[Message], options: Sequence[str], keep: int = 1) -> list[tuple[str, float]]:
        """Return the `keep` likeliest of the options as the answer, with log-probabilities, best first."""
        ...


def shown_facts(facts: Facts) -> str:
    """Return facts as one JSON object, long values cut: quoted, so that text in them stays data."""
    return json.dumps({key: _cut(value) for key, value in facts.items()}, ensure_ascii=False)


def shown_goal(goal: Goal) -> str:
    """Return a goal as one JSON object."""
    found: dict[str, object] = {"reach": [condition.words() for condition in goal.conditions]}
    if goal.forbidden:
        found["never"] = [condition.words() for condition in goal.forbidden]
    limits: Mapping[str, float | None] = {"deadline_hours": goal.deadline, "max_cost": goal.max_cost}
    return json.dumps(found | {name: limit for name, limit in limits.items() if limit is not None}, ensure_ascii=False)


def _cut(value: object) -> object:
    return f"{value[: MOST_TEXT - 1]}…" if isinstance(value, str) and len(value) > MOST_TEXT else value
