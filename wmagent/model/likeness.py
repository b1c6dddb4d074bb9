"""How alike the words of another workflow and a model's are, and the alignment that makes them most alike.

Knows words, their embeddings and their synonyms; must not know transitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.types import Value, canonical
from wmagent.model.transfer import Pair, Translation, Wording
from wmagent.model.vocabulary import MAX_VALUES, action_sentences, words
from wmagent.model.world_model import WorldModel
from wmagent.words.thesaurus import blended

VALUES = 0.5  # what the values of a fact weigh beside its name
BESIDE = 0.67  # what the likeness of values beside their facts' names weighs; chosen on workflows that are not shipped
Scores = NDArray[np.float64]
Codes = NDArray[np.int64]  # per new word the known one, -1 where there is none


@dataclass(frozen=True)
class Alignment:
    """Known slots (f,) of the new facts, per fact the known codes of its values, known actions (a,); -1 for none."""

    facts: Codes
    values: tuple[Codes, ...]
    actions: Codes


class Likeness:
    """How alike the words of a wording and a model's are: `facts` (f, s), `values[i, s]` (v, w), `actions` (a, k)."""

    def __init__(self, model: WorldModel, wording: Wording) -> None:
        self.model, self.wording = model, wording
        self.keys = list(wording.facts)
        self.known = [model.vocabulary.raw[slot] for slot in range(len(model.slots))]
        self.pairs = [(i, s) for i in range(len(self.keys)) for s in range(len(model.slots))]
        self.values: dict[tuple[int, int], Scores] = {}
        self.facts = self._alike([words(key) for key in self.keys], [words(key) for key in model.slots])
        for i, s in self.pairs:
            alone = self._values(wording.facts[self.keys[i]], self.known[s])
            share = total(alone, assigned(alone)) / max(1, len(alone))
            self.facts[i, s] = (self.facts[i, s] + VALUES * share) / (1 + VALUES)
            beside = self._values(wording.facts[self.keys[i]], self.known[s], (self.keys[i], model.slots[s]))
            self.values[i, s] = (1 - BESIDE) * alone + BESIDE * beside
        sentences = [[" ".join(action_sentences(a)) for a in group] for group in (wording.actions, model.actions)]
        self.actions = self._alike(*sentences)

    def best(self) -> Alignment:
        """Return the alignment by meaning alone."""
        facts = assigned(self.facts)
        return Alignment(facts, self.inner(facts, lambda pair: assigned(self.values[pair])), assigned(self.actions))

    def inner(self, facts: Codes, of: Callable[[tuple[int, int]], Codes]) -> tuple[Codes, ...]:
        """Return the values of each fact in its slot, as `of` says; none for facts (f,) without a slot."""
        none = [np.full(len(values), -1) for values in self.wording.facts.values()]
        return tuple(of((i, s)) if s >= 0 else none[i] for i, s in enumerate(facts.tolist()))

    def of(self, found: Alignment) -> float:
        """Return how alike everything is under an alignment: the sum over facts, values and actions."""
        pairs = [(i, s) for i, s in enumerate(found.facts.tolist()) if s >= 0]
        within = sum(total(self.values[i, s], found.values[i]) for i, s in pairs)
        return total(self.facts, found.facts) + total(self.actions, found.actions) + within

    def translation(self, found: Alignment) -> Translation:
        """Return an alignment in words."""
        facts, values, actions, lost = [], {}, [], []
        for i, (key, s) in enumerate(zip(self.keys, found.facts.tolist(), strict=True)):
            if s < 0:
                lost.append(f"fact {key}")
                continue
            facts.append(Pair(key, self.model.slots[s], float(self.facts[i, s])))
            values[key], without = self._named(i, s, found.values[i])
            lost += without
        for action, a, scores in zip(self.wording.actions, found.actions.tolist(), self.actions, strict=True):
            if a < 0:
                lost.append(f"action {action.label()}")
            else:
                actions.append(Pair(action, self.model.actions[a], float(scores[a])))
        return Translation(tuple(facts), values, tuple(actions), tuple(lost))

    def _named(self, i: int, s: int, codes: Codes) -> tuple[tuple[Pair[Value], ...], list[str]]:
        pairs, lost = [], []
        for v, (new, code) in enumerate(zip(self.wording.facts[self.keys[i]], codes.tolist(), strict=True)):
            known = self.known[s][code] if code >= 0 else None
            if new is not None and known is not None:
                pairs.append(Pair(new, known, float(self.values[i, s][v, code])))
            elif new is not None:
                lost.append(f"{self.keys[i]}: {canonical(new)}")
        return tuple(pairs), lost

    def _values(
        self, new: Sequence[Value | None], known: Sequence[Value | None], keys: tuple[str, str] | None = None
    ) -> Scores:
        """Return how alike the values of two facts are, beside their `keys` if these are given. Numbers and absence are
        only like themselves, and so is everything in facts with too many values to be words."""
        texts = [["" if v is None else canonical(v) for v in group] for group in (new, known)]
        said = (
            [[f"{words(key)}: {text}" for text in group] for key, group in zip(keys, texts, strict=True)]
            if keys
            else texts
        )
        small = max(len(new), len(known)) <= MAX_VALUES
        scores = self._alike(*said) if small else np.zeros((len(new), len(known)))
        for i, left in enumerate(new):
            for j, right in enumerate(known):
                if not (_is_word(left) and _is_word(right)):
                    scores[i, j] = float((left is None) == (right is None) and texts[0][i] == texts[1][j])
                elif texts[0][i] == texts[1][j]:
                    scores[i, j] = 1.0
        return scores

    def _alike(self, new: Sequence[str], known: Sequence[str]) -> Scores:
        if not new or not known:
            return np.zeros((len(new), len(known)))
        cosines = (self.model.embed(new) @ self.model.embed(known).T).tolist()
        return np.array([blended(text, known, row) for text, row in zip(new, cosines, strict=True)])


def assigned(scores: Scores) -> Codes:
    """Return for each row the column it is assigned to, one to one, so that the scores add up to most; -1 for none."""
    from scipy.optimize import linear_sum_assignment

    found = np.full(len(scores), -1)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    found[rows] = columns
    return found


def total(scores: Scores, codes: Codes) -> float:
    """Return the sum of the scores of the assigned columns."""
    rows = (codes >= 0).nonzero()[0]
    return float(scores[rows, codes[rows]].sum())


def _is_word(value: Value | None) -> bool:
    return isinstance(value, str | bool)
