"""The words of a world: fact slots with their known values, and actions. Knows no tensors of a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from wmagent.domain.types import Action, Condition, Facts, Transition, Value, canonical
from wmagent.errors import InputError, OutOfDomain, shortened, unknown

ABSENT = "\x00absent"  # how a missing fact is coded; no real value contains a NUL
RARE = "\x00rare"  # in a crowded slot: how every value that is not among the most frequent enters the network
OTHER = "\x00other"  # in a crowded slot: some value that was not there before and that has no name of its own
MAX_VALUES = 256  # values of one slot that the network tells apart
MIN_ROWS = 5  # in a crowded slot a value that was seen less often has no name: nothing could be learned of it
UNNAMED = "(another value)"  # how OTHER is read; a number is never made up


@dataclass
class Vocabulary:
    """Slots, the values each can take, and actions, in the order the network indexes them.

    `values[i]` are the canonical texts of slot i (ABSENT for a missing fact), `raw[i]` the values as recorded.
    `active` are the slots the network computes; the others never vary (or are identifiers) and are only copied.
    A slot with more than MAX_VALUES values (an amount, a timestamp) is crowded: its most frequent values come first,
    then RARE and OTHER, which stand for the rest; those keep their codes, so they are copied and shown exactly.
    `dynamic` (a subset of the active) are those seen to change. Values met later are appended, never reordered.
    """

    slots: tuple[str, ...]
    values: list[list[str]]
    raw: list[list[Value | None]]
    trained: list[int]  # per slot: how many of the values were in the training data
    active: tuple[int, ...]
    dynamic: tuple[int, ...]
    actions: tuple[Action, ...]
    _codes: list[dict[str, int]] = field(default_factory=list, repr=False)
    _slot: dict[str, int] = field(default_factory=dict, repr=False)
    _action: dict[str, int] = field(default_factory=dict, repr=False)
    _spans: dict[int, tuple[float, float] | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._codes = [{v: c for c, v in enumerate(known)} for known in self.values]
        self._slot = {key: i for i, key in enumerate(self.slots)}
        self._action = {action.label(): i for i, action in enumerate(self.actions)}
        self._spans = {i: _span(self.raw[i][: self.trained[i]]) for i in range(len(self.slots)) if self.crowded(i)}

    @classmethod
    def build(cls, transitions: Sequence[Transition], identifier_share: float = 0.2) -> Vocabulary:
        """Collect slots, values and actions. A never-changing slot with a new value in more than
        `identifier_share` of the rows names things rather than describing them, and is left to copying."""
        keys = sorted({k for t in transitions for k in (*t.before.facts, *t.after.facts)})
        counts: list[Counter[str]] = [Counter() for _ in keys]
        raws: list[dict[str, Value | None]] = [{} for _ in keys]
        changed = [False] * len(keys)
        for t in transitions:
            before, after = t.before.facts, t.after.facts
            for i, key in enumerate(keys):
                old, new = before.get(key), after.get(key)
                text = ABSENT if old is None else canonical(old)
                counts[i][text] += 1
                raws[i].setdefault(text, old)
                if old is not new and old != new:
                    other = ABSENT if new is None else canonical(new)
                    if other != text:
                        changed[i] = True
                        counts[i][other] += 1
                        raws[i].setdefault(other, new)
        limit = max(32, int(identifier_share * len(transitions)))
        varies = [len(c) > 1 and (changed[i] or len(c) <= limit) for i, c in enumerate(counts)]
        values = [_ordered(c) if varies[i] else sorted(c) for i, c in enumerate(counts)]
        for raw in raws:
            raw |= {RARE: UNNAMED, OTHER: UNNAMED}
        actions = {t.action.label(): t.action for t in transitions}
        return cls(
            slots=tuple(keys),
            values=values,
            raw=[[raws[i][v] for v in known] for i, known in enumerate(values)],
            trained=[len(v) for v in values],
            active=tuple(i for i in range(len(keys)) if varies[i]),
            dynamic=tuple(i for i in range(len(keys)) if changed[i]),
            actions=tuple(actions[label] for label in sorted(actions)),
        )

    def action_index(self, action: Action | str) -> int:
        """Return the index of a known action, given as an Action, its label, or its name where that is unique."""
        if not isinstance(action, Action | str):
            raise InputError(f"an action is an Action, its label or its name, not {type(action).__name__}")
        label = action if isinstance(action, str) else action.label()
        if label in self._action:
            return self._action[label]
        same_name = [i for i, a in enumerate(self.actions) if a.name == label]
        if len(same_name) == 1:
            return same_name[0]
        raise unknown("action", label, self._action)

    def slot_index(self, key: str) -> int:
        """Return the index of a known fact key."""
        if key not in self._slot:
            raise unknown("fact", key, self.slots)
        return self._slot[key]

    def crowded(self, slot: int) -> bool:
        """Return whether a slot has more values than the network tells apart."""
        return RARE in self._codes[slot]

    def told_apart(self, slot: int) -> int:
        """Return how many of the values of a slot have a place of their own in the network, from the first on;
        in a crowded slot RARE and OTHER are the last two of them."""
        return self._codes[slot][OTHER] + 1 if self.crowded(slot) else min(len(self.values[slot]), MAX_VALUES + 2)

    def known(self, key: str) -> tuple[Value | None, ...]:
        """Return the values recorded or met of a slot; None stands for absent."""
        slot = self.slot_index(key)
        return tuple(v for t, v in zip(self.values[slot], self.raw[slot], strict=True) if t not in (RARE, OTHER))

    def named(self) -> Iterator[tuple[int, str, Value]]:
        """Yield (slot, text, value) of all values that have a name of their own; identifiers have none."""
        for i in range(len(self.slots)):
            many = len(self.values[i]) > MAX_VALUES
            room = (self.told_apart(i) if i in self.active else 0) if many else None
            for text, value in zip(self.values[i][:room], self.raw[i][:room], strict=True):
                if value is not None and text not in (RARE, OTHER):
                    yield i, text, value

    def named_chances(self, slot: int, chances: Sequence[float], now: Value | None) -> dict[Value | None, float]:
        """Return the chance of each value by name, given those of its places; the uncommon value that a crowded
        slot has `now` is named too."""
        named: dict[Value | None, float] = dict(zip(self.raw[slot], chances, strict=False))
        if self.crowded(slot):
            rare, other = chances[self._codes[slot][RARE]], chances[self._codes[slot][OTHER]]
            named[UNNAMED] = other if self.code(slot, now) >= self.told_apart(slot) else other + rare
            if self.code(slot, now) >= self.told_apart(slot):
                named[now] = rare
        return named

    def accepted(self, condition: Condition) -> list[bool]:
        """Return per code of the condition's slot whether it holds. In a crowded slot only `==` and `!=` with one of
        the values told apart can be judged; OutOfDomain for the rest."""
        slot = self.slot_index(condition.key)
        code = self.code(slot, condition.value)
        if self.crowded(slot) and not (condition.op in ("==", "!=") and 0 <= code < self.told_apart(slot)):
            raise OutOfDomain(
                f"outside what this model knows: {shortened(condition.words())}; {condition.key!r} takes "
                f"{len(self.values[slot]) - 2:,} values, of which {self.told_apart(slot) - 2} frequent ones are told "
                "apart and the others are imagined without a name: ask with == or != for a frequent one"
            )
        return [condition.op == "!=" if v is None else condition.accepts(v) for v in self.raw[slot]]

    def code(self, slot: int, value: Value | None, extend: bool = False) -> int:
        """Return the code of a value in a slot; an unknown one is appended if `extend`, else -1."""
        text = ABSENT if value is None else canonical(value)
        codes = self._codes[slot]
        if text not in codes and extend:
            codes[text] = len(self.values[slot])
            self.values[slot].append(text)
            self.raw[slot].append(value)
        return codes.get(text, -1)

    def encode(self, facts: Iterable[Facts], strict: bool = False) -> np.ndarray:
        """Return (b, n_slots) int64 codes. Unknown values are appended, or with `strict` raise OutOfDomain."""
        rows, pairs = [], list(zip(self.slots, self._codes, strict=True))
        for given in facts:
            if strict:
                self._check(given)
            row = [codes.get(_text(given.get(key)), -1) for key, codes in pairs]
            if -1 in row:
                row = [self.code(i, given.get(self.slots[i]), True) if c < 0 else c for i, c in enumerate(row)]
            rows.append(row)
        return np.asarray(rows, dtype=np.int64).reshape(len(rows), len(self.slots))

    def decode(self, codes: np.ndarray) -> list[dict[str, Value]]:
        """Return the facts of (b, n_slots) codes; absent facts are missing keys."""
        found: list[dict[str, Value]] = []
        for row in codes.tolist():
            values = ((key, self.raw[i][c]) for i, (key, c) in enumerate(zip(self.slots, row, strict=True)))
            found.append({key: value for key, value in values if value is not None})
        return found

    def _check(self, facts: Facts) -> None:
        for key in facts:
            if key not in self._slot:
                raise OutOfDomain(f"outside what this model knows: {unknown('fact', key, self.slots)}")
        for i in self.active:
            value = facts.get(self.slots[i])
            if self.code(i, value) < 0 and not self.covers(i, value):
                known = [v if v != ABSENT else "(absent)" for v in self.values[i][:12]]
                given = "missing" if value is None else shortened(repr(value))
                seen = f"seen values: {', '.join(map(shortened, known))}"
                if span := self._spans.get(i):
                    seen = f"seen: numbers from {span[0]:g} to {span[1]:g}"
                raise OutOfDomain(f"outside what this model knows: fact {self.slots[i]!r} is {given}; {seen}")

    def covers(self, slot: int, value: Value | None) -> bool:
        """Return whether a value never seen may stand in a crowded slot: text among text, a number in the range."""
        if value is None or slot not in self._spans:
            return False
        span, number = self._spans[slot], isinstance(value, int | float) and not isinstance(value, bool)
        return span is not None and span[0] <= value <= span[1] if number else span is None  # type: ignore[operator]


def _ordered(counts: Counter[str]) -> list[str]:
    """Return the values of a slot in the order of their codes."""
    if len(counts) <= MAX_VALUES:
        return sorted(counts)
    often = [text for text in counts if counts[text] >= MIN_ROWS or text == ABSENT]
    frequent = sorted(often, key=lambda text: (text != ABSENT, -counts[text], text))[:MAX_VALUES]
    return [*sorted(frequent), RARE, OTHER, *sorted(counts.keys() - set(frequent))]


def _span(values: Sequence[Value | None]) -> tuple[float, float] | None:
    """Return the range of the numbers among values, None where there is none."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return (min(numbers), max(numbers)) if numbers else None


def _text(value: Value | None) -> str:
    if type(value) is str:  # most are, and their canonical text is themselves
        return value
    return ABSENT if value is None else canonical(value)


def words(text: str) -> str:
    """Return an identifier as words: `network_mode.preference` -> `network mode preference`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.sub(r"[_.\-/]+", " ", spaced).strip().lower() or text


def fact_sentence(key: str, value: str) -> str:
    """Return how a fact is worded for a text backend; `value` in canonical text or ABSENT."""
    special = {ABSENT: "absent", RARE: "an uncommon value", OTHER: "another value"}
    return f"{words(key)}: {special.get(value) or value.replace('_', ' ')}"


def action_sentences(action: Action) -> list[str]:
    """Return how an action is worded: its name, then one sentence per argument."""
    return [words(action.name), *(f"{words(k)}: {canonical(v)}" for k, v in sorted(action.arguments.items()))]
