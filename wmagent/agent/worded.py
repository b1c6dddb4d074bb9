"""What readers of words need of a model, and what they return. Knows facts; must not know any words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wmagent.domain.types import Value, canonical


class Worded(Protocol):
    """What is needed of a model to read words."""

    @property
    def slots(self) -> tuple[str, ...]: ...

    def values(self, key: str) -> tuple[Value | None, ...]: ...

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]: ...

    def fact_sentences(self) -> Mapping[tuple[str, Value], str]: ...

    def meanings(self, phrase: str, facts: Sequence[tuple[str, Value]]) -> list[float] | None: ...

    def entered(self) -> Mapping[tuple[str, Value], Mapping[str, int]]: ...


@dataclass(frozen=True)
class Reading:
    """One fact that a phrase may mean; `score` in [0, 1], `named` when only the fact's name was said."""

    key: str
    value: Value
    score: float
    named: bool = False

    def words(self) -> str:
        return f"{self.key} = {canonical(self.value)}"
