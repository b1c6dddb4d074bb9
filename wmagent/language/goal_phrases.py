"""Ways to say goals, made from templates: what the embedded language model learns to read goals from.
Knows phrases; must not know the wordings that reading is measured with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from wmagent.domain.types import Value, canonical

WANTED = (
    "{k} {v}", "{k}: {v}", "{k} is {v}", "the {k} is {v}", "the {k} should be {v}", "the {k} must be {v}",
    "get the {k} to {v}", "get the {k} {v}", "bring the {k} to {v}", "have the {k} {v}", "move the {k} to {v}",
    "make sure the {k} is {v}", "make sure that the {k} ends up {v}", "see that the {k} becomes {v}",
    "see to it that the {k} is {v}", "I want the {k} to be {v}", "we want to have the {k} {v}",
    "we need the {k} {v}", "the {k} has to become {v}", "reach {v} for the {k}", "{v} {k}", "{v} as the {k}",
    "I would like the {k} to end up {v}", "it should end with the {k} {v}", "a {k} that is {v}",
    "in the end the {k} must be {v}", "take the {k} all the way to {v}", "we are done when the {k} is {v}",
    "our aim is a {k} that is {v}", "let us get the {k} to {v}", "finish with the {k} {v}",
)  # fmt: skip
PLAIN = (
    "{v}", "get it {v}", "it should be {v}", "make sure it is {v}", "I want this {v}", "have it {v}", "bring it to {v}",
)  # fmt: skip
NEVER = (
    "without {k} {v}", "without a {v} {k}", "never {k} {v}", "the {k} must never be {v}", "avoid {k} {v}",
    "and avoid that the {k} becomes {v}", "but the {k} must not be {v} at any time", "with no {v} {k}",
    "but do not let the {k} become {v}", "keep the {k} from becoming {v}", "no {v} {k} on the way",
    "and at no point may the {k} be {v}", "the {k} {v} must not happen", "please without the {k} being {v}",
)  # fmt: skip
HOURS = (
    "within {n} hours", "in {n} hours", "in at most {n} hours", "no later than {n} hours from now", "{n}h max",
    "before {n} hours are over", "in under {n} hours", "{n} hours at the longest", "and it may take {n} hours at most",
)  # fmt: skip
DAYS = ("within {n} days", "in {n} days", "in at most {n} days", "{n} days max", "we have {n} days", "by {n} days")
MONEY = ("for at most {n} euros", "costing no more than {n}", "with a budget of {n} euros", "spending less than {n}")
OPENINGS = (
    "",
    "",
    "",
    "",
    "please ",
    "could you please ",
    "hey, ",
    "what we want: ",
    "goal: ",
    "so, ",
    "I need this: ",
)


@dataclass(frozen=True)
class Said:
    """A goal in words and what it means: facts to reach, facts that must never hold."""

    words: str
    reach: Mapping[str, Value]
    never: Mapping[str, Value]


@dataclass(frozen=True)
class Phrases:
    """Says goals about facts: `facts` are the names of a key, `values` the words of its values, own name first."""

    facts: Mapping[str, Sequence[str]]
    values: Mapping[str, Mapping[Value, Sequence[str]]]

    def goal(self, draw: Random, reach: Mapping[str, Value], never: Mapping[str, Value], named: bool = False) -> Said:
        """Return the goal in drawn words, sometimes with a limit; unless `named`, a fact may go without its name where
        no other fact has the value's words."""
        parts = [self._said(draw, key, value, self._ways(draw, value, named)) for key, value in reach.items()]
        text = draw.choice([" and ", " and ", ", ", ", and "]).join(parts)
        limit = self._limit(draw)
        avoided = [self._said(draw, key, value, NEVER) for key, value in never.items()]
        tail = [part for part in [limit, *avoided] if part]
        draw.shuffle(tail)
        text = draw.choice(OPENINGS) + " ".join([text, *tail])
        text = text[:1].upper() + text[1:] if draw.random() < 0.3 else text
        return Said(text + draw.choice(["", "", ".", "!"]), reach, never)

    def _said(self, draw: Random, key: str, value: Value, ways: Sequence[str]) -> str:
        words = self.values.get(key, {}).get(value, (canonical(value),))
        return draw.choice(ways).format(k=draw.choice(list(self.facts.get(key, (key,)))), v=draw.choice(list(words)))

    def _ways(self, draw: Random, value: Value, named: bool) -> Sequence[str]:
        """Return ways to say a wanted fact; only with the fact's name where the value alone could be several."""
        shared = sum(value in words for words in self.values.values()) > 1 or not isinstance(value, str)
        return WANTED if named or shared or draw.random() < 0.75 else PLAIN

    @staticmethod
    def _limit(draw: Random) -> str:
        kind = draw.random()
        if kind < 0.2:
            return draw.choice(HOURS).format(n=draw.choice([6, 12, 24, 36, 48, 72, 96, 120, 160, 240, 480, 720]))
        if kind < 0.35:
            return draw.choice(DAYS).format(n=draw.choice([1, 2, 3, 4, 5, 6, 7, 10, 14, 20, 30]))
        return draw.choice(MONEY).format(n=draw.choice([100, 500, 1000, 2500, 10000])) if kind < 0.42 else ""
