"""The words of a world: fact slots with their known values, and actions. Knows no tensors of a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from wmagent.domain.types import Action, Facts, Transition, Value, canonical
from wmagent.errors import OutOfDomain, unknown

ABSENT = "\x00absent"  # how a missing fact is coded; no real value contains a NUL


@dataclass
class Vocabulary:
    """Slots, the values each can take, and actions, in the order the network indexes them.

    `values[i]` are the canonical texts of slot i (ABSENT for a missing fact), `raw[i]` the values as recorded.
    `active` are the slots the network computes; the others never vary (or are identifiers) and are only copied.
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

    def __post_init__(self) -> None:
        self._codes = [{v: c for c, v in enumerate(known)} for known in self.values]
        self._slot = {key: i for i, key in enumerate(self.slots)}
        self._action = {action.label(): i for i, action in enumerate(self.actions)}

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
        values = [sorted(c) for c in counts]
        varies = [len(v) > 1 and (changed[i] or len(v) <= limit) for i, v in enumerate(values)]
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
            if self.code(i, value) < 0:
                known = [v if v != ABSENT else "(absent)" for v in self.values[i][:12]]
                given = "missing" if value is None else repr(value)
                raise OutOfDomain(
                    f"outside what this model knows: fact {self.slots[i]!r} is {given}; seen values: {', '.join(known)}"
                )


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
    return f"{words(key)}: {'absent' if value == ABSENT else value.replace('_', ' ')}"


def action_sentences(action: Action) -> list[str]:
    """Return how an action is worded: its name, then one sentence per argument."""
    return [words(action.name), *(f"{words(k)}: {canonical(v)}" for k, v in sorted(action.arguments.items()))]
