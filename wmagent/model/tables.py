"""Tensors of a vocabulary and of recorded transitions. Knows text only through a backend's embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from wmagent.domain.types import Transition
from wmagent.model.places import Places
from wmagent.model.vocabulary import Vocabulary, action_sentences, fact_sentence, words

Embed = Callable[[Sequence[str]], Tensor]
MAX_DURATIONS = 32


class OnDevice:
    """A dataclass of tensors that moves between devices as a whole."""

    def to(self, device: torch.device) -> Self:
        """Return the same tensors on another device."""
        return type(self)(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})  # type: ignore[attr-defined]


@dataclass
class FactTable(OnDevice):
    """Text features of every value that is told apart of every active slot, padded to the longest slot.

    `values` (n, v, w) centred and normalised per slot, `mask` (n, v), `keys` (n, w), `actions` (a, w).
    `centre` (n, w) is the mean over the training values, kept so that later values are placed the same way.
    """

    values: Tensor
    mask: Tensor
    keys: Tensor
    actions: Tensor
    centre: Tensor

    @classmethod
    def build(cls, vocabulary: Vocabulary, embed: Embed) -> FactTable:
        """Embed each distinct sentence once."""
        slots = vocabulary.active
        known = [(vocabulary.slots[i], vocabulary.values[i][: vocabulary.told_apart(i)]) for i in slots]
        sentences = [[fact_sentence(key, value) for value in values] for key, values in known]
        flat = embed([s for group in sentences for s in group])
        longest = max((len(group) for group in sentences), default=1)
        values = torch.zeros(len(slots), longest, flat.shape[-1] if len(flat) else 1)
        mask = torch.zeros(len(slots), longest, dtype=torch.bool)
        start = 0
        for row, group in enumerate(sentences):
            values[row, : len(group)] = flat[start : start + len(group)]
            mask[row, : len(group)] = True
            start += len(group)
        trained = torch.tensor([min(vocabulary.trained[i], vocabulary.told_apart(i)) for i in slots])
        within = (torch.arange(longest) < trained.unsqueeze(1)).unsqueeze(-1)
        centre = (values * within).sum(1) / trained.clamp(min=1).unsqueeze(1)
        values = torch.nn.functional.normalize(values - centre.unsqueeze(1), dim=-1) * mask.unsqueeze(-1)
        keys = embed([words(vocabulary.slots[i]) for i in slots])
        parts = [action_sentences(a) for a in vocabulary.actions]
        vectors = embed([s for group in parts for s in group])
        actions, start = [], 0
        for group in parts:
            actions.append(vectors[start : start + len(group)].sum(0))
            start += len(group)
        return cls(values, mask, keys, torch.stack(actions), centre)

    def grown(self, vocabulary: Vocabulary, embed: Embed) -> FactTable:
        """Return the table with the values that the vocabulary got since; what is in it stays as it is."""
        room = [vocabulary.told_apart(i) for i in vocabulary.active]
        have = self.mask.sum(1).tolist()
        values = self.values.new_zeros(len(room), max(room), self.values.shape[-1])
        values[:, : self.values.shape[1]] = self.values
        mask = torch.arange(max(room)) < torch.tensor(room).unsqueeze(1)
        for row, slot in enumerate(vocabulary.active):
            later = vocabulary.values[slot][have[row] : room[row]]
            if later:
                vectors = embed([fact_sentence(vocabulary.slots[slot], value) for value in later])
                values[row, have[row] : room[row]] = torch.nn.functional.normalize(vectors - self.centre[row], dim=-1)
        return FactTable(values, mask, self.keys, self.actions, self.centre)


def duration_grid(durations: Sequence[float]) -> Tensor:
    """Return the (m,) hours a duration distribution is over: the distinct values if few, else their quantiles."""
    distinct = sorted({round(float(d), 6) for d in durations})
    if len(distinct) > MAX_DURATIONS:
        distinct = sorted(set(np.quantile(np.asarray(durations), np.linspace(0, 1, MAX_DURATIONS)).tolist()))
    return torch.tensor(distinct or [0.0], dtype=torch.float32)


@dataclass
class Rows(OnDevice):
    """Recorded transitions as tensors of N rows; `following` is the row of the same case's next step, or -1."""

    before: Tensor  # (N, n) rows of the values of active slots in the fact table
    after: Tensor
    action: Tensor  # (N,)
    legal: Tensor  # (N,) bool
    duration: Tensor  # (N,) bins
    done: Tensor  # (N,) float
    following: Tensor  # (N,)
    code: Tensor  # (N,) outcome, -1 where there is none
    weight: Tensor  # (N,) how often a row is drawn, 1 for the usual

    @classmethod
    def build(
        cls,
        transitions: Sequence[Transition],
        vocabulary: Vocabulary,
        durations: Tensor,
        codes: tuple[Tensor, Tensor] | None = None,
    ) -> Rows:
        """Encode transitions; values not yet known are appended to the vocabulary. `codes` are the (N, s) codes of
        all slots before and after, where the caller has them already."""
        active = list(vocabulary.active)
        before, after = codes or (
            torch.from_numpy(vocabulary.encode(t.before.facts for t in transitions)),
            torch.from_numpy(vocabulary.encode(t.after.facts for t in transitions)),
        )
        before, after = before[:, active], after[:, active]
        places = Places.of(vocabulary)
        hours = torch.tensor([t.duration for t in transitions], dtype=torch.float32)
        cases = case_ids(transitions)
        following = [i + 1 if i + 1 < len(cases) and cases[i + 1] == cases[i] else -1 for i in range(len(cases))]
        return cls(
            before=places.now(before),
            after=places.then(before, after),
            action=torch.tensor([vocabulary.action_index(t.action) for t in transitions]),
            legal=torch.tensor([t.error is None for t in transitions]),
            duration=(hours.unsqueeze(1) - durations).abs().argmin(1),
            done=torch.tensor([float(t.done) for t in transitions]),
            following=torch.tensor(following),
            code=torch.zeros(len(cases), dtype=torch.long),
            weight=torch.ones(len(cases)),
        )

    def take(self, index: Tensor) -> Rows:
        """Return the rows `index`; `following` then points into the original rows."""
        return Rows(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.action)


def bootstrap(heads: int, rows: int, seed: int) -> Tensor:
    """Return Poisson(1) weights of every row for every ensemble head, (h, N): the online bootstrap."""
    generator = torch.Generator().manual_seed(seed + 17)
    return torch.poisson(torch.ones(heads, rows), generator=generator) if heads > 1 else torch.ones(heads, rows)


def rarity_weights(rows: Rows, exponent: float, most: float) -> Tensor:
    """Return (N,) weights that draw uncommon situations more often: (rows with the action / rows with the action and
    the row's rarest fact) ** exponent, at most `most`, relative to the median row.

    They depend on the state and the action alone, so what follows from a situation keeps its probabilities.
    """
    total = torch.bincount(rows.action)[rows.action].float()
    rarest = total.clone()
    values = int(rows.before.max()) + 1 if rows.before.numel() else 1
    for slot in rows.before.T:
        pair = rows.action * values + slot
        rarest = torch.minimum(rarest, torch.bincount(pair)[pair].float())
    weight = (total / rarest) ** exponent
    return (weight / weight.median()).clamp(max=most)


def case_ids(transitions: Sequence[Transition]) -> list[str]:
    """Return one case id per row: the recorded one, or a walk derived from rows that continue each other."""
    found: list[str] = []
    walk = -1
    for i, t in enumerate(transitions):
        if t.case:
            found.append(t.case)
            continue
        if i == 0 or transitions[i - 1].case or dict(transitions[i - 1].after.facts) != dict(t.before.facts):
            walk += 1
        found.append(f"walk {walk}")
    return found
