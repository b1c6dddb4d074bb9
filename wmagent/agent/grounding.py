"""States in words never recorded: unknown fact names and values are read as the model's, where that is clear.

Knows words and their similarity; must not know plans. What is not clear stays as it was said, for the model to refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wmagent.agent.readings import Worded, is_switch, known_values
from wmagent.domain.types import Facts, Value, canonical
from wmagent.words.lexicon import BAD, NO, SYNONYMS, TURNS, YES
from wmagent.words.phrases import spoken, stems, tokens

# Chosen on paraphrases made by hand for an incident and a loan workflow: a fact is meant where its name and value
# together are like what was said by LEAST, its name alone by NAME, and no other reading of the whole state comes
# within CLEAR; a value where it is like what was said by SAID and leads the next one by AHEAD.
LEAST, NAME, CLEAR = 0.3, 0.2, 0.05
SAID, AHEAD = 0.4, 0.1
SYNONYM, TURNED = 0.1, 0.25  # what a synonym is less than the word itself, and what a denial takes from a likeness
VALUES = 0.5  # what a value weighs beside the name of its fact
MOST = 64  # values of a fact that are compared; more are no words
SENTENCE = 5  # words from which on a value is a sentence, such as a rule: another one is another rule


@dataclass(frozen=True)
class Grounding:
    """Facts in the model's words, and in words how every fact was read that was said otherwise."""

    facts: Facts
    readings: tuple[str, ...] = ()


def ground(facts: Facts, model: Worded) -> Grounding:
    """Return the facts with unknown names and values read as known ones, one to one.

    Unknown names are read as facts that the state lacks, together with their values; unknown values as one of their
    fact's. Numbers and sentences (rules) are never read as others. What is not clear is left alone, so that `observe`
    refuses it by name.
    """
    named = _named(facts, model)
    found: dict[str, Value] = {}
    readings = []
    for key, value in facts.items():
        slot, likeness = named.get(key, (key, 1.0))
        meant = _meant(value, known_values(model, slot), model) if slot in model.slots else None
        if meant is None:
            found[key] = value
            continue
        if slot != key or meant[0] is not value:
            said, read = f"{key}: {canonical(value)}", f"{slot}: {canonical(meant[0])}"
            readings.append(f"read {said!r} as {read!r} (likeness {min(likeness, meant[1]):.2f})")
        found[slot] = meant[0]
    return Grounding(found, tuple(readings)) if readings else Grounding(facts)


def _named(facts: Facts, model: Worded) -> dict[str, tuple[str, float]]:
    """Return for unknown names the slots that they clearly mean, and how alike they are."""
    slots = {spoken(slot): slot for slot in model.slots}
    said = [key for key in facts if key not in model.slots and tokens(key)]
    found = {key: (slots[spoken(key)], 1.0) for key in said if slots.get(spoken(key), key) not in facts}
    taken = {*facts, *(slot for slot, _ in found.values())}
    said, free = [key for key in said if key not in found], [slot for slot in model.slots if slot not in taken]
    if not said or not free:
        return found
    names = np.array([model.similarity(spoken(key), [spoken(slot) for slot in free]) for key in said])
    values = np.array([[_likeness(facts[key], known_values(model, slot), model) for slot in free] for key in said])
    scores = (names + VALUES * values) / (1 + VALUES)
    for row, column in _clear(scores).items():
        if scores[row, column] >= LEAST and names[row, column] >= NAME:
            found[said[row]] = (free[column], float(scores[row, column]))
    return found


def _clear(scores: np.ndarray) -> dict[int, int]:
    """Return the best assignment of rows to columns, but for pairs without which another one is about as good."""
    best, pairs = _assigned(scores)
    clear = {}
    for row, column in pairs.items():
        without = scores.copy()
        without[row, column] = -2.0
        if best - _assigned(without)[0] >= CLEAR:
            clear[row] = column
    return clear


def _assigned(scores: np.ndarray) -> tuple[float, dict[int, int]]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(scores, maximize=True)
    return float(scores[rows, columns].sum()), dict(zip(rows.tolist(), columns.tolist(), strict=True))


def _meant(value: Value, known: Sequence[Value], model: Worded) -> tuple[Value, float] | None:
    """Return the known value that is clearly meant and how alike it is, None where none is; numbers mean themselves."""
    if _number(value):
        return value, 1.0
    for candidate in known:
        if canonical(candidate) == canonical(value):
            return value, 1.0
        if spoken(canonical(candidate)) == spoken(canonical(value)) and not _number(candidate):
            return candidate, 1.0
    scores = _similarities(value, known, model)
    if not scores:
        return None
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    ahead = scores[order[0]] - scores[order[1]] if len(order) > 1 else scores[order[0]]
    clear = scores[order[0]] >= SAID and ahead >= AHEAD
    return (known[order[0]], scores[order[0]]) if clear else None


def _likeness(value: Value, known: Sequence[Value], model: Worded) -> float:
    """Return how alike a value is to the most similar one of a fact's."""
    if any(canonical(candidate) == canonical(value) for candidate in known):
        return 1.0
    return max(_similarities(value, known, model), default=0.0)


def _similarities(value: Value, known: Sequence[Value], model: Worded) -> list[float]:
    """Return how alike a value is to each known one; nothing where they are numbers, too many, or sentences."""
    longest = max((len(tokens(canonical(v))) for v in (value, *known)), default=0)
    worded = tokens(canonical(value)) and not any(map(_number, (value, *known)))
    if not worded or len(known) > MOST or longest >= SENTENCE:
        return []
    if is_switch(known):
        heard = set(stems(canonical(value)))
        sides = {"true": bool(heard & YES), "false": bool(heard & NO)}
        return [float(sides[canonical(candidate).lower()]) for candidate in known]
    said, texts = spoken(canonical(value)), [spoken(canonical(candidate)) for candidate in known]
    alike = model.similarity(said, texts)
    return [_weighed(said, text, score) for text, score in zip(texts, alike, strict=True)]


def _weighed(said: str, text: str, likeness: float) -> float:
    """Return the likeness of what was said to a value: synonyms are alike, and of two one of which is denied or bad
    the other is less so."""
    mine, theirs = set(stems(said)), set(stems(text))
    differ = (_denied(said) != _denied(text)) + (bool(mine & BAD) != bool(theirs & BAD))
    if not differ and any(theirs <= group and mine & group for group in SYNONYMS):
        return max(likeness, 1.0 - SYNONYM)
    return likeness - TURNED * differ


def _denied(text: str) -> bool:
    """Return whether a text denies something: "not patient", "impatient", "no approval"."""
    return any(word in TURNS or (word[:2] in ("un", "in", "im") and len(word) > 6) for word in tokens(text))


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
