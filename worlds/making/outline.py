"""The outline of a made-up workflow: everything that is drawn before it is written down, and how conditions name it.

Knows words and the form of conditions; knows nothing of actions and rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wmagent.worlds.expressions import value_text
from wmagent.worlds.making.words import Kind, Paraphrased

Attribute = tuple[str, tuple[str, ...], Paraphrased, Paraphrased]  # name, paraphrases, easy value, hard value
Part = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One thing to be done in a stage; it may come after another one, need a resource, be harder in some cases."""

    name: str
    words: tuple[str, ...]
    kind: Kind
    stage: int
    required: bool
    after: Check | None
    attribute: Attribute
    resource: str | None
    hours: int

    def has(self, place: int) -> str:
        """Return the condition that it is open (0), good (1) or bad (2)."""
        return f"{self.name} == {value_text(self.value(place))}"

    def value(self, place: int) -> str:
        """Return its value for open (0), good (1) or bad (2)."""
        return self.kind.values[place][0]


@dataclass(frozen=True)
class Outline:
    """Everything that is drawn before a workflow is written down; `luck` is its stochasticity.

    `chain` are the checks whose results hidden rules void, each after the one before it.
    """

    subject: Paraphrased
    stages: tuple[Paraphrased, ...]
    attributes: tuple[Attribute, ...]
    resources: tuple[Paraphrased, ...]
    checks: tuple[Check, ...]
    chain: tuple[Check, ...]
    holds: bool
    ways: int
    luck: float
    rounds: int
    budget: int
    policies: int

    def optional(self) -> list[Check]:
        """Return the checks that a case can be completed without."""
        return [check for check in self.checks if not check.required]

    def at(self, first: int, last: int | None = None) -> str:
        """Return the condition that the case is in one of the stages from `first` to `last`."""
        names = [name for name, _ in self.stages][first : None if last is None else last + 1]
        return f"stage == {names[0]}" if len(names) == 1 else f"stage in ({', '.join(names)})"

    def turns(self, bad: float, good: Part, *others: Part) -> list[Part]:
        """Return outcomes, the good one first; the others share the chance `bad`, which luck scales."""
        chance = round(min(self.luck * bad, 0.9), 3)
        if not chance:
            return [good]
        share = round(chance / len(others), 3)
        return [{"chance": round(1 - share * len(others), 3), **good}, *({"chance": share, **one} for one in others)]

    def hours(self, usual: float) -> float | dict[float, float]:
        """Return a duration that is sometimes twice as long, more often with more luck."""
        late = round(0.4 * self.luck, 3)
        return {usual: round(1 - late, 3), 2 * usual: late} if late else usual
