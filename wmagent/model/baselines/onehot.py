"""One-hot codes of fact dicts and actions for the MLP baseline.
Knows the values each fact took in training, absence included; knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.types import Action, Facts, Transition, Value
from wmagent.model.baselines.base import changes_between, text


@dataclass(frozen=True)
class OneHot:
    """Which facts vary and with which values, which of them change, and which actions there are.

    `values[i]` belongs to `keys[i]`; None stands for an absent fact. `targets` index the keys that ever change.
    """

    keys: tuple[str, ...]
    values: tuple[tuple[Value | None, ...], ...]
    targets: tuple[int, ...]
    labels: tuple[str, ...]

    @staticmethod
    def of(transitions: Sequence[Transition]) -> OneHot:
        """Collect keys with more than one value, the changing ones among them, and the action labels."""
        seen: dict[str, dict[str | None, Value | None]] = {}
        changing: set[str] = set()
        everything = {key for row in transitions for facts in (row.before.facts, row.after.facts) for key in facts}
        for row in transitions:
            for facts in (row.before.facts, row.after.facts):
                for key in everything:
                    seen.setdefault(key, {}).setdefault(text(facts.get(key)), facts.get(key))
            changing.update(key for key, _ in changes_between(row.before.facts, row.after.facts))
        keys = tuple(sorted(key for key, values in seen.items() if len(values) > 1))
        return OneHot(
            keys=keys,
            values=tuple(tuple(value for _, value in sorted(seen[key].items(), key=_order)) for key in keys),
            targets=tuple(i for i, key in enumerate(keys) if key in changing),
            labels=tuple(sorted({row.action.label() for row in transitions})),
        )

    @property
    def width(self) -> int:
        """Length of one input row: all values of all keys, then the actions."""
        return sum(len(values) for values in self.values) + len(self.labels)

    def codes(self, facts: Sequence[Facts]) -> NDArray[np.int64]:
        """Return (b, n) value indices of the facts; -1 for a value never seen in training."""
        tables = [{text(value): i for i, value in enumerate(values)} for values in self.values]
        rows = [
            [table.get(text(state.get(key)), -1) for key, table in zip(self.keys, tables, strict=True)]
            for state in facts
        ]
        return np.asarray(rows, dtype=np.int64).reshape(len(facts), len(self.keys))

    def inputs(self, facts: Sequence[Facts], actions: Sequence[Action]) -> NDArray[np.float32]:
        """Return (b, width) one-hot rows; values and actions never seen in training are all zero."""
        codes = self.codes(facts)
        result = np.zeros((len(facts), self.width), np.float32)
        offset = 0
        for column, values in enumerate(self.values):
            known = np.flatnonzero(codes[:, column] >= 0)
            result[known, offset + codes[known, column]] = 1.0
            offset += len(values)
        places = {label: offset + i for i, label in enumerate(self.labels)}
        for row, action in enumerate(actions):
            if action.label() in places:
                result[row, places[action.label()]] = 1.0
        return result


def _order(item: tuple[str | None, Value | None]) -> tuple[bool, str]:
    return (item[0] is not None, item[0] or "")
