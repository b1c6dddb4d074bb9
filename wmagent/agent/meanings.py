"""What a phrase means to a reader that learned how people say facts, where rules cannot tell.
Knows phrases and facts; must not know goals, clauses or how the reader works."""

from __future__ import annotations

from wmagent.agent.readings import reachable
from wmagent.agent.worded import Reading, Worded
from wmagent.domain.types import canonical
from wmagent.words.lexicon import BAD, NEGATIONS, NOTHING, UNFINISHED
from wmagent.words.phrases import stems

SURE = 0.9  # from which probability on a reading counts


def meaning(phrase: str, model: Worded, never: bool) -> Reading | None:
    """Return the fact that a phrase means for sure; None where that is none, or not sure.

    What nobody wants is only read where it is to be avoided, and a denial in a phrase that is left to the reader is
    none of its business: readers take "not yet paid" for "paid".
    """
    facts = reachable(model.fact_sentences(), model)
    if not facts or set(stems(phrase)) & NEGATIONS or not (chances := model.meanings(phrase, facts)):
        return None
    best = max(range(len(facts)), key=chances.__getitem__)
    key, value = facts[best]
    unwanted = bool(set(stems(canonical(value))) & (BAD | UNFINISHED | NOTHING))
    if chances[best] < SURE or (unwanted and not never):
        return None
    return Reading(key, value, chances[best])
