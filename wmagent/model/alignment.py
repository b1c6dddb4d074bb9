"""Finds which known word each word of another workflow stands for: by meaning, and by what the record makes likely.

Knows how alike words are and how likely transitions are; trains nothing and renames nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wmagent.domain.types import Transition
from wmagent.errors import InputError, shortened
from wmagent.model.likelihood import Recorded
from wmagent.model.likeness import Alignment, Codes, Likeness, assigned, total
from wmagent.model.transfer import Translation, Wording
from wmagent.model.vocabulary import MAX_VALUES
from wmagent.model.world_model import WorldModel

LEAST = 0.42  # mean likeness of facts and actions below which two workflows have nothing to do with each other
NATS = 20.0  # what one point of likeness weighs against the log-likelihood of recorded transitions
ROWS = 150  # transitions that alignments are compared on
SWEEPS = 4


def align(model: WorldModel, words: Wording | None = None, transitions: Sequence[Transition] = ()) -> Translation:
    """Return the translation from the words of another workflow to a model's.

    Facts are matched one to one so that their names and values are most alike together, then the values within them,
    then the actions. With transitions of the new workflow, what makes them likelier under the model than it costs in
    likeness is preferred. `words` may be left out where there are transitions. Raises InputError where the words have
    too little in common to be of the same workflow.
    """
    if words is None and not transitions:
        raise InputError("an alignment needs the words of the new workflow, or transitions of it")
    wording = Wording.of(transitions, words)
    if not wording.facts or not wording.actions:
        raise InputError(f"the new workflow has {len(wording.facts)} facts and {len(wording.actions)} actions")
    likeness = Likeness(model, wording)
    translation = likeness.translation(likeness.best())
    if translation.score < LEAST:
        near = ", ".join(f"{p.new} as {p.known} ({p.score:.2f})" for p in translation.facts[:4])
        raise InputError(
            f"this is another kind of workflow: its words are like the model's by {translation.score:.2f} on average, "
            f"{LEAST:.2f} is the least ({shortened(near, 200)}); learn a model of its own"
        )
    if transitions:
        found = _Climb(likeness, Recorded.of(model, wording, transitions, ROWS)).best()
        translation = likeness.translation(found)
    return translation


class _Climb:
    """Coordinate ascent from the alignment that habits and words suggest; `within` are each pair's values by both."""

    def __init__(self, likeness: Likeness, recorded: Recorded) -> None:
        self.likeness, self.recorded = likeness, recorded
        self.habits = {pair: recorded.habits(*pair) for pair in likeness.pairs}
        self.facts, self.within = NATS * likeness.facts, {}
        for pair, (of_values, of_fact) in self.habits.items():
            self.within[pair] = assigned(NATS * likeness.values[pair] + of_values)
            self.facts[pair] += of_fact + total(of_values, self.within[pair])

    def best(self) -> Alignment:
        """Return the alignment after every exchange that pays: of two facts, of two values, of the actions at once."""
        facts = assigned(self.facts)
        found = self._acting(Alignment(facts, self._inner(facts), assigned(self.likeness.actions)))
        for _ in range(SWEEPS):
            before = found
            found = self._acting(self._sweep(found))
            if self._worth(found) <= self._worth(before):
                found = self._together(before)
                if found is before:
                    return before
        return found

    def _together(self, found: Alignment) -> Alignment:
        """Return the first better alignment with two values exchanged and the actions chosen anew for it: what a word
        is taken for and what the actions are taken for may hold each other in place."""
        best = self._worth(found)
        for i in range(len(found.values)):
            for v in range(len(found.values[i])):
                for code in range(self._room(int(found.facts[i]))):
                    codes = _exchanged(found.values[i], v, code)
                    if codes is not None:
                        values = (*found.values[:i], codes, *found.values[i + 1 :])
                        other = self._acting(replace(found, values=values))
                        if self._worth(other) > best:
                            return other
        return found

    def _sweep(self, found: Alignment) -> Alignment:
        """Try every fact in every slot and every value as every code, once, and keep what pays."""
        best = self._worth(found)
        for i in range(len(found.facts)):
            for slot in range(len(self.likeness.known)):
                facts = _exchanged(found.facts, i, slot)
                if facts is not None:
                    kept = zip(found.values, self._inner(facts), facts == found.facts, strict=True)
                    other = replace(found, facts=facts, values=tuple(old if same else new for old, new, same in kept))
                    found, best = self._better(found, best, other)
        for i in range(len(found.values)):
            for v in range(len(found.values[i])):
                for code in range(self._room(int(found.facts[i]))):
                    codes = _exchanged(found.values[i], v, code)
                    if codes is not None:
                        values = (*found.values[:i], codes, *found.values[i + 1 :])
                        found, best = self._better(found, best, replace(found, values=values))
        return found

    def _better(self, found: Alignment, best: float, other: Alignment) -> tuple[Alignment, float]:
        worth = self._worth(other)
        return (other, worth) if worth > best else (found, best)

    def _worth(self, some: Alignment) -> float:
        worth = NATS * self.likeness.of(some) + self.recorded.log_likelihood(some)
        for i, slot in enumerate(some.facts.tolist()):
            if slot >= 0:
                of_values, of_fact = self.habits[i, slot]
                worth += of_fact + total(of_values, some.values[i])
        return worth

    def _acting(self, some: Alignment) -> Alignment:
        """Return the alignment with the best actions for its facts and values."""
        chances = self.recorded.by_action(some)
        return replace(some, actions=assigned(NATS * self.likeness.actions + chances))

    def _inner(self, facts: Codes) -> tuple[Codes, ...]:
        return self.likeness.inner(facts, lambda pair: self.within[pair])

    def _room(self, slot: int) -> int:
        """Return how many values a slot has that words may stand for; none where there are too many."""
        values = self.likeness.known[slot] if slot >= 0 else ()
        return len(values) if len(values) <= MAX_VALUES else 0


def _exchanged(codes: Codes, at: int, known: int) -> Codes | None:
    """Return the codes with `known` at a place, and what was there where `known` was; None for what is so already or
    is tried from the other side."""
    holder = (codes == known).nonzero()[0]
    if len(holder) and holder[0] <= at:
        return None
    changed = codes.copy()
    changed[holder] = codes[at]
    changed[at] = known
    return changed
