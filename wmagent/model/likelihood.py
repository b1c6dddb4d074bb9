"""How likely a model finds the transitions of another workflow under an alignment. Knows codes, no words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmagent.domain.types import Facts, Transition, Value, canonical
from wmagent.model.likeness import Alignment, Codes, Scores
from wmagent.model.questions import log_probs
from wmagent.model.tables import case_ids
from wmagent.model.transfer import Wording
from wmagent.model.world_model import WorldModel

MISSING = 10.0  # nats that a value or an action costs which stands for nothing known


@dataclass(frozen=True)
class Habit:
    """What a fact does in a record of `rows` transitions: how often each of its values is there in the first state of
    a case (`starts`), is left (`left`) and is entered (`entered`)."""

    rows: int
    starts: NDArray[np.float64]
    left: NDArray[np.float64]
    entered: NDArray[np.float64]

    def __add__(self, pseudo: float) -> Habit:
        """Return the counts with a pseudo-count added to each."""
        return Habit(self.rows, self.starts + pseudo, self.left + pseudo, self.entered + pseudo)


@dataclass(frozen=True)
class Recorded:
    """Transitions in the codes of their own wording: `before`, `after` (N, f), `action` (N,) of `actions`, `accepted`
    (N,). `new` and `known` are the habits of the new facts and of the model's; `default` (s,) are the values of known
    slots that nothing stands for; `share` is how much of the record is looked at."""

    model: WorldModel
    before: Codes
    after: Codes
    action: Codes
    actions: int
    accepted: Tensor
    new: tuple[Habit, ...]
    known: tuple[Habit, ...]
    default: Codes
    share: float

    @classmethod
    def of(cls, model: WorldModel, wording: Wording, transitions: Sequence[Transition], most: int) -> Recorded:
        """Look at no more than `most` transitions, every action and its refusal in turn; habits are those of all."""
        codes = [(key, {_text(value): c for c, value in enumerate(values)}) for key, values in wording.facts.items()]

        def coded(states: Sequence[Facts]) -> Codes:
            return np.array([[code[_text(facts.get(key))] for key, code in codes] for facts in states], dtype=np.int64)

        before, after = coded([t.before.facts for t in transitions]), coded([t.after.facts for t in transitions])
        labels = {action.label(): i for i, action in enumerate(wording.actions)}
        rows = np.array(_in_turn(transitions)[:most])
        memory = model.memory
        assert memory is not None
        default = [np.bincount(column).argmax() for column in memory.before.numpy().T]
        return cls(
            model=model,
            before=before[rows],
            after=after[rows],
            action=np.array([labels[transitions[i].action.label()] for i in rows]),
            actions=len(labels),
            accepted=torch.tensor([transitions[i].error is None for i in rows]),
            new=_habits(before, after, case_ids(transitions), [len(known) for _, known in codes]),
            known=_habits(
                memory.before.numpy(), memory.after.numpy(), memory.cases, [len(v) for v in model.vocabulary.values]
            ),
            default=np.array(default),
            share=min(1.0, most / len(transitions)),
        )

    def habits(self, fact: int, slot: int) -> tuple[Scores, float]:
        """Return log p of what a new fact does if it does it as a known slot: the gain (v, w) where one of its values
        stands for a known one, and the rest."""
        new, known = self.new[fact], self.known[slot] + 0.5
        scores: Scores = np.zeros((len(new.starts), len(known.starts)))
        for some, like in ((new.starts, known.starts), (new.left, known.left), (new.entered, known.entered)):
            scores = scores + some[:, None] * (MISSING + np.log(like / like.sum()))
        lost = -MISSING * (new.starts + new.left + new.entered).sum()
        moves, moved = known.left.sum() / (known.rows + len(known.left)), new.left.sum()
        own = float(lost + moved * np.log(moves) + (new.rows - moved) * np.log1p(-moves))
        return self.share * scores, self.share * own

    def log_likelihood(self, some: Alignment) -> float:
        """Return log p of what followed and of acceptance and refusal, in nats."""
        known = some.actions[self.action]
        before, after, lost = self._known(some)
        chances = self._chances(before, after, torch.from_numpy(known.clip(0)))
        return float(np.where(known >= 0, chances, -MISSING).sum()) - MISSING * lost

    def by_action(self, some: Alignment) -> Scores:
        """Return (a, k) log p of the transitions of each new action if it stood for each known one."""
        before, after, _ = self._known(some)
        found = np.zeros((self.actions, len(self.model.actions)))
        for k in range(found.shape[1]):
            chances = self._chances(before, after, torch.full((len(self.action),), k))
            found[:, k] = np.bincount(self.action, chances, minlength=self.actions)
        return found

    def _chances(self, before: Tensor, after: Tensor, action: Tensor) -> NDArray[np.float64]:
        return log_probs(self.model, before, after, action, self.accepted).double().numpy()

    def _known(self, some: Alignment) -> tuple[Tensor, Tensor, int]:
        """Return the states before and after as codes (N, s) of known slots, and how many values stand for nothing."""
        states, lost = [], 0
        for codes in (self.before, self.after):
            found = np.tile(self.default, (len(codes), 1))
            for i, slot in enumerate(some.facts.tolist()):
                if slot >= 0:
                    column = some.values[i][codes[:, i]]
                    lost += int((column < 0).sum())
                    found[:, slot] = np.where(column < 0, self.default[slot], column)
            states.append(torch.from_numpy(found))
        return states[0], states[1], lost


def _in_turn(transitions: Sequence[Transition]) -> list[int]:
    """Return all rows so that the first one of every action and of its refusal come first, then the second ones …"""
    seen: Counter[tuple[str, bool]] = Counter()
    turns = []
    for t in transitions:
        kind = t.action.label(), t.error is None
        turns.append(seen[kind])
        seen[kind] += 1
    return sorted(range(len(turns)), key=lambda i: turns[i])


def _habits(before: Codes, after: Codes, cases: Sequence[str], values: Sequence[int]) -> tuple[Habit, ...]:
    first = [i for i in range(len(cases)) if i == 0 or cases[i] != cases[i - 1]]
    found = []
    for column, then, room in zip(before.T, after.T, values, strict=True):
        moved = column != then
        counted = (column[first], column[moved], then[moved])
        found.append(Habit(len(cases), *(np.bincount(codes, minlength=room).astype(float) for codes in counted)))
    return tuple(found)


def _text(value: Value | None) -> str | None:
    return None if value is None else canonical(value)
