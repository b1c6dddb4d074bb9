"""States in words never recorded: unknown fact names and values are read as the model's, where that is clear.

Knows words and their similarity; must not know plans. What is not clear stays as it was said, for the model to refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wmagent.agent.readings import is_switch, known_values
from wmagent.agent.worded import Worded
from wmagent.domain.types import Facts, Value, canonical
from wmagent.words.lexicon import BAD, NEGATIONS, NO, STOP, TURNS, UNFINISHED, YES, YET
from wmagent.words.lexicon import NOTHING as ABSENT
from wmagent.words.phrases import spoken, stems, tokens

# Chosen on wordings of workflows that are not shipped: a fact is meant where its name and value together are like what
# was said by LEAST, its name alone by NAME, and no other reading of the whole state comes within CLEAR; a value where
# it is like what was said by WORD and meant with a chance of SURE, by a softmax over its likeness alone and beside its
# fact's name, times SHARP, in which nothing known is as likely as a likeness of NOTHING.
LEAST, NAME, CLEAR = 0.25, 0.1, 0.03
WORD, SHARP, NOTHING, SURE = 0.35, 7.0, 0.6, 0.6
TURNED = 0.15  # what a denial takes from a likeness
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
        meant = _meant(slot, value, known_values(model, slot), model) if slot in model.slots else None
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


def _meant(key: str, value: Value, known: Sequence[Value], model: Worded) -> tuple[Value, float] | None:
    """Return the known value that is clearly meant and how sure that is, None if none is; numbers mean themselves."""
    if _number(value):
        return value, 1.0
    for candidate in known:
        if canonical(candidate) == canonical(value):
            return value, 1.0
        if spoken(canonical(candidate)) == spoken(canonical(value)) and not _number(candidate):
            return candidate, 1.0
    if (empty := _denying(key, canonical(value), known)) is not None:
        return empty, 1.0
    alone = _similarities(value, known, model)
    if not alone:
        return None
    beside = _alike([f"{spoken(key)}: {spoken(canonical(v))}" for v in (value, *known)], model)
    chances = np.exp(SHARP * (np.array(alone) + beside))
    best = int(chances.argmax())
    sure = float(chances[best] / (chances.sum() + np.exp(SHARP * NOTHING)))
    return (known[best], sure) if sure >= SURE and alone[best] >= WORD else None


def _denying(key: str, said: str, known: Sequence[Value]) -> Value | None:
    """Return the value that a denial means, None where that is not certain.

    "no invoice" and "not registered yet" are the one value that says nothing is there yet; "not registered" and
    "nothing missing" are the other one of two values where one of them says so.
    """
    heard = set(stems(said))
    denied = heard - NEGATIONS - YET - STOP
    if not heard & NEGATIONS or not denied:
        return None
    words = [set(stems(canonical(value))) - STOP for value in known]
    begins = [bool(found & (ABSENT | UNFINISHED)) for found in words]
    if denied in words and len(known) == 2 and any(begins):
        return known[1 - words.index(denied)]
    if denied <= set(stems(key)) - STOP or (denied in words and heard & YET):
        absent = [bool(found & ABSENT) for found in words]
        nothing = [value for value, empty in zip(known, absent if any(absent) else begins, strict=True) if empty]
        return nothing[0] if len(nothing) == 1 else None
    return None


def _likeness(value: Value, known: Sequence[Value], model: Worded) -> float:
    """Return how alike a value is to the most similar one of a fact's."""
    if any(canonical(candidate) == canonical(value) for candidate in known):
        return 1.0
    return max(_similarities(value, known, model), default=0.0)


def _similarities(value: Value, known: Sequence[Value], model: Worded) -> list[float]:
    """Return how alike a value is to each known one; nothing where they are numbers, too many, or sentences."""
    worded = tokens(canonical(value)) and not any(map(_number, (value, *known)))
    lengths = [len(tokens(canonical(v))) for v in (value, *known)]
    if not worded or len(known) > MOST or max(lengths[1:], default=0) >= SENTENCE or lengths[0] >= 2 * SENTENCE:
        return []
    if is_switch(known):
        heard = set(stems(canonical(value)))
        sides = {"true": bool(heard & YES), "false": bool(heard & NO)}
        return [float(sides[canonical(candidate).lower()]) for candidate in known]
    return _alike([spoken(canonical(v)) for v in (value, *known)], model)


def _alike(texts: Sequence[str], model: Worded) -> list[float]:
    """Return how alike the first text is to each of the others; less so where one of the two is denied, or only the
    first is bad, and not at all where one is the other denied."""
    said, *others = texts
    denied, bad, content = _denied(said), _bad(said), set(stems(said)) - NEGATIONS
    found = []
    for text, score in zip(others, model.similarity(said, others), strict=True):
        turned = denied != _denied(text)
        opposite = turned and content == set(stems(text)) - NEGATIONS
        found.append(0.0 if opposite else score - TURNED * (turned + (bad and not _bad(text))))
    return found


def _bad(text: str) -> bool:
    return bool(set(stems(text)) & BAD)


def _denied(text: str) -> bool:
    """Return whether a text denies something: "not patient", "impatient", "no approval"."""
    return any(word in TURNS or (word[:2] in ("un", "in", "im") and len(word) > 6) for word in tokens(text))


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
