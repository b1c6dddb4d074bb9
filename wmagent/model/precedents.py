"""Precedents: the record's own word on outcomes, effects, durations, endings and legality, beside the predictor's.

Knows contexts and recorded rows; knows no network, no text and no files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from wmagent.domain.types import Value
from wmagent.model.contexts import Contexts, Here, Trees
from wmagent.model.outcomes import signatures
from wmagent.model.tables import Rows
from wmagent.model.vocabulary import Vocabulary

NO_NUMBER = 1e300  # stands for NaN in files
LEAST_ROWS = 3  # of a context; fewer are no ground for a number
VARIED_ROWS = 30  # with each of two values of a fact, before it counts as one that decides nothing
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e6)  # rows that the predictor's opinion may count for


@dataclass
class Precedents:
    """What was recorded in the contexts of actions (`trees`, `contexts`), and of their acceptance (`gates`, `accepted`:
    results 0 refused, 1 accepted).

    `seen` (a, n, v) is how often an action was accepted with each value of each fact, `numbers` (n, v) what numbers the
    values are or tell (NaN where none), `strength` how many rows the predictor's opinion counts for.
    """

    trees: Trees
    contexts: Contexts
    gates: Trees
    accepted: Contexts
    seen: Tensor
    numbers: Tensor
    strength: float = STRENGTHS[0]

    @classmethod
    def build(cls, rows: Rows, vocabulary: Vocabulary) -> Precedents:
        """Grow the trees from recorded rows; what is in them is still to be counted (`count`)."""
        known = [vocabulary.told_apart(i) for i in vocabulary.active]
        numbers = numbers_of(vocabulary)
        actions, done = len(vocabulary.actions), rows.take(rows.legal)
        kinds: dict[object, int] = {}
        results = [kinds.setdefault(s, len(kinds)) for s in zip(signatures(done), done.done.tolist(), strict=True)]
        trees = Trees.build(done.before, done.action, torch.tensor(results), actions, known, numbers)
        gates = Trees.build(rows.before, rows.action, rows.legal.long(), actions, known, numbers)
        seen = torch.zeros(actions, len(known), max(known, default=1), dtype=torch.long)
        nothing = torch.zeros(0, dtype=torch.long)
        empty = Contexts.count(nothing, nothing, torch.zeros(0, 0), (len(trees.slot), 1))
        return cls(trees, empty, gates, empty, seen, numbers)

    def count(self, rows: Rows, weights: Tensor, outcomes: int, dynamic: Tensor, durations: int) -> None:
        """Count rows anew; `weights` (h, N) are the heads' bootstrap weights of all rows. Rows without an outcome's
        code count for legality only."""
        self.accepted = Contexts.count(
            self.gate(rows.before, rows.action), rows.legal.long(), weights, (len(self.gates.slot), 2)
        )
        coded = rows.code >= 0
        done, weights = rows.take(coded), weights[:, coded]
        self.contexts = Contexts.count(
            self.leaf(done.before, done.action), done.code, weights, (len(self.trees.slot), outcomes),
            (done.before[:, dynamic], done.after[:, dynamic]), done.duration, durations, done.done,
        )  # fmt: skip
        a, n, v = self.seen.shape
        place = (done.action[:, None] * n + torch.arange(n)) * v + done.before
        self.seen = torch.bincount(place[done.before < v], minlength=a * n * v).view(a, n, v)

    def with_more(self, rows: Rows, weights: Tensor, dynamic: Tensor) -> Precedents:
        """Return these precedents and more rows, counted in the same contexts; each weighs like one recorded before."""
        _, outcomes, durations = self.contexts.hours.shape
        more = replace(self)
        more.count(rows, weights, outcomes, dynamic, durations)
        done = rows.take(rows.code >= 0)
        changes = done.before[:, dynamic], done.after[:, dynamic]
        against = self.contexts.against(self.leaf(done.before, done.action), done.code, *changes)
        contexts = self.contexts.plus(more.contexts, against)
        accepted = self.accepted.plus(more.accepted, torch.zeros(self.accepted.effects.shape))
        return replace(self, contexts=contexts, accepted=accepted, seen=self.seen + more.seen)

    def meet(self, vocabulary: Vocabulary) -> None:
        """Take in the numbers of values that were met since."""
        self.numbers = numbers_of(vocabulary)

    def leaf(self, rows: Tensor, action: Tensor) -> Tensor:
        """Return the contexts (b,) that decide what actions (b,) do in states as rows (b, n)."""
        return self.trees.leaf(rows, self._tell(rows), action)

    def gate(self, rows: Tensor, action: Tensor) -> Tensor:
        """Return the contexts (b,) that decide whether actions (b,) are accepted."""
        return self.gates.leaf(rows, self._tell(rows), action)

    def _tell(self, rows: Tensor) -> Tensor:
        return self.numbers[torch.arange(rows.shape[1], device=rows.device), rows]

    def of_pairs(self, rows: Tensor, action: Tensor) -> Here:
        """Return what was recorded in the contexts of states as rows (b, n) and actions (b,)."""
        return self.contexts.at(self.leaf(rows, action), self.strength)

    def accepts(self, predicted: Tensor, rows: Tensor, action: Tensor) -> Tensor:
        """Return predicted probabilities (b,) that actions (b,) are accepted in states as rows (b, n), corrected."""
        both = torch.stack([1 - predicted, predicted], -1)
        return self.accepted.at(self.gate(rows, action), self.strength).probs(both)[:, 1]

    def legality(self, predicted: Tensor, rows: Tensor) -> Tensor:
        """Return the same for all actions, (b, a)."""
        b, a = predicted.shape
        action = torch.arange(a, device=rows.device).repeat(b)
        return self.accepts(predicted.flatten(), rows.repeat_interleave(a, 0), action).view(b, a)

    def novelty(self, rows: Tensor, action: Tensor) -> Tensor:
        """Return (b,) how many facts have a value with which the action was never recorded, and may decide; a number
        between two with which it was recorded is none of them."""
        size = self.seen.shape[2]
        n = torch.arange(rows.shape[1], device=rows.device)
        often = self.seen[action[:, None], n, rows.clamp(max=size - 1)] * (rows < size)
        told, met = self._tell(rows), self.seen[action] > 0
        known = self.numbers[:, :size]
        low = torch.where(met, known, torch.inf).nan_to_num(torch.inf).amin(-1)
        high = torch.where(met, known, -torch.inf).nan_to_num(-torch.inf).amax(-1)
        between = (told >= low) & (told <= high)
        return ((often == 0) & ~between & ~self.idle(action)).sum(1)

    def surprise(self, known: Here, rows: Tensor, action: Tensor) -> Tensor:
        """Return (b,) how far pairs, of which this is `known`, are from what was recorded: rows that make a context
        known by rows in theirs, and one more for each fact with a value that the action was never recorded with; above
        1 is outside."""
        return LEAST_ROWS / known.recorded().clamp(min=0.5) + self.novelty(rows, action)

    def idle(self, action: Tensor) -> Tensor:
        """Return (b, n): facts whose values varied with the action often enough to show that they do not decide."""
        varied = (self.seen[action] >= VARIED_ROWS).sum(-1) >= 2
        return varied & ~self.trees.decides[action]

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name, for a checkpoint."""
        parts = {"trees": self.trees, "contexts": self.contexts, "gates": self.gates, "accepted": self.accepted}
        found = {f"{name}.{f.name}": getattr(part, f.name) for name, part in parts.items() for f in fields(part)}
        return found | {"seen": self.seen, "numbers": self.numbers.nan_to_num(NO_NUMBER)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], strength: float) -> Precedents:
        """Return the precedents of a checkpoint's tensors."""

        def part(kind: type[Trees] | type[Contexts], name: str) -> dict[str, Tensor]:
            return {field.name: tensors[f"{name}.{field.name}"] for field in fields(kind)}

        return cls(
            Trees(**part(Trees, "trees")),
            Contexts(**part(Contexts, "contexts")),
            Trees(**part(Trees, "gates")),
            Contexts(**part(Contexts, "accepted")),
            tensors["seen"],
            torch.where(tensors["numbers"] == NO_NUMBER, torch.nan, tensors["numbers"]),
            strength,
        )


def numbers_of(vocabulary: Vocabulary) -> Tensor:
    """Return (n, v) the numbers that values of active facts are, or the only number in their words; NaN elsewhere, and
    for facts whose values do not all tell a number."""
    room = [vocabulary.told_apart(i) for i in vocabulary.active]
    table = torch.full((len(room), max(room, default=1)), torch.nan, dtype=torch.float64)
    for at, (slot, size) in enumerate(zip(vocabulary.active, room, strict=True)):
        told = [number_in(value) for value in vocabulary.raw[slot][:size]]
        learned = told[: min(vocabulary.trained[slot], size)]
        if None not in learned and len({*learned}) > 2:
            table[at, :size] = torch.tensor([torch.nan if number is None else number for number in told])
    return table


def number_in(value: Value | None) -> float | None:
    """Return the number that a value is or that its words hold, None where there is none or more than one.

    >>> number_in("orders above 2,500 euros need the director")
    2500.0
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    found = _NUMBER.findall(value)
    return float(found[0].replace(",", "")) if len(found) == 1 else None
