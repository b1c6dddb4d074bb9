"""What keeps a reading of a phrase from being taken as it stands: denials, words left out, things with an article.
Knows phrases and facts; must not know goals or limits."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wmagent.agent.readings import fact_words, in_a_row, known_values
from wmagent.agent.worded import Reading, Worded
from wmagent.domain.types import canonical
from wmagent.words.lexicon import BAD, NEGATIONS, NOTHING, STOP, UNFINISHED
from wmagent.words.phrases import stem, stem_set, stems, tokens

_THING = re.compile(r"\b(?:the|a|an|our|my|your|their|his|her|this|that) (?P<noun>[\w'-]+)", re.I)
NOT = stem_set("no not never without")


def is_a_value(clause: str, model: Worded) -> bool:
    """Return whether the negation in a clause belongs to a known value: "not started", "no service"."""
    heard = stems(clause)
    for key in model.slots:
        for value in known_values(model, key):
            parts = stems(canonical(value))
            if len(parts) > 1 and parts[0] in NOT and in_a_row(parts, heard):
                return True
    return False


def without_objects(body: str, model: Worded) -> str:
    """Leave out "the offer" in "accept the offer" where a fact may be both accepted and offered: what has an article is
    a thing that something is done to."""
    heard = stems(body)
    for key in model.slots:
        said = {stems(canonical(value))[0] for value in known_values(model, key) if len(stems(canonical(value))) == 1}
        said &= set(heard)
        things = [found for found in _THING.finditer(body) if set(stems(found["noun"])) & said]
        if len(said) == 2 and len(things) == 1:
            return f"{body[: things[0].start()]} {body[things[0].end() :]}".strip()
    return body


def denied(body: str, meant: Sequence[Reading]) -> bool:
    """Return whether a phrase that wants something bad or unfinished has a denial in it: "nothing missing"."""
    values = {part for reading in meant for part in stems(canonical(reading.value))}
    return bool(values & (BAD | UNFINISHED)) and bool((NEGATIONS | NOTHING) & set(stems(body)) - values)


def left_over(body: str, meant: Sequence[Reading], model: Worded) -> str:
    """Return a word of a fact that can change which readings by likeness do not account for; empty where there is none,
    or where a value was said itself."""
    heard = set(stems(body))
    if any(set(stems(canonical(r.value))) <= heard for r in meant):
        return ""
    used = {part for r in meant for part in (*stems(r.key), *stems(canonical(r.value)))}
    entered = model.entered()
    known = fact_words(model, {key for key, _ in entered} or model.slots)
    return next((word for word in tokens(body) if stem(word) in known - used - STOP), "")
