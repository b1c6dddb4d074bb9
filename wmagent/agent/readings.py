"""Scores what a phrase may mean: known facts against its words, by shared stems first and text similarity second.

Knows phrases and facts; must not know goals, limits or clauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wmagent.agent.phrases import stem, stem_set, stems, tokens
from wmagent.domain.types import Value, canonical

# A reading is accepted from ACCEPT on and when it leads the next one by MARGIN. Below that the text similarity may
# decide: CLEAR apart for ties between shared words, ALONE on its own where no word is shared.
ACCEPT, MARGIN = 0.6, 0.08
CLEAR, ALONE = 0.08, 0.6
STOP = stem_set(
    "a an the it its this that be is are was been being have has had get gets got getting make makes made making "
    "sure ensure bring brings keep keeps become becomes reach set let do does to of for with and then so please "
    "want need wants needs i we you my our should must can will would shall as by at into in on there state "
    "possible soon quickly try turn turned switch switched put goal case while also both still until end up"
)
YES = stem_set("true yes on enabled enable active activated")
NO = stem_set("false no off disabled disable inactive deactivated out")
_GENERAL = stem_set("status state stage outcome result phase mode setting")
_NOTHING = stem_set("none no false absent nothing null unknown 0")
_OVER = stem_set("cleared closed resolved ended lifted removed released cancelled canceled over")


class Worded(Protocol):
    """What is needed of a model to read words."""

    @property
    def slots(self) -> tuple[str, ...]: ...

    def values(self, key: str) -> tuple[Value | None, ...]: ...

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]: ...

    def fact_sentences(self) -> Mapping[tuple[str, Value], str]: ...


@dataclass(frozen=True)
class Reading:
    """One fact that a phrase may mean; `score` in [0, 1], `named` when only the fact's name was said."""

    key: str
    value: Value
    score: float
    named: bool = False

    def words(self) -> str:
        return f"{self.key} = {canonical(self.value)}"


def known_values(model: Worded, key: str) -> list[Value]:
    """Return the values of a fact without absence."""
    return [value for value in model.values(key) if value is not None]


def is_switch(values: Sequence[Value]) -> bool:
    """Return whether a fact is a yes/no fact."""
    return bool(values) and {canonical(value).lower() for value in values} <= {"true", "false"}


def readings(phrase: str, model: Worded) -> list[Reading]:
    """Return every fact with its score, best first."""
    said = tokens(phrase)
    found: list[Reading] = []
    vocabulary = {part for key in model.slots for part in stems(key)}
    vocabulary |= {
        part for key in model.slots for value in known_values(model, key) for part in stems(canonical(value))
    }
    for key in model.slots:
        values = known_values(model, key)
        if is_switch(values):
            found += _switch(key, values, said, vocabulary)
        else:
            found += [_fact(key, value, said, vocabulary, alone=len(values) == 1) for value in values]
    return sorted(found, key=lambda reading: (-reading.score, reading.key, canonical(reading.value)))


def _fact(key: str, value: Value, said: list[str], vocabulary: set[str], alone: bool) -> Reading:
    """Score one fact: are its value's words said, are its name's words said, is much else said?

    A fact with one known value (`alone`) never changes, so it is only meant where its name is said.
    """
    heard = [stem(word) for word in said]
    names, parts = stems(key), stems(canonical(value)) or [canonical(value).lower()]
    content = [part for part in parts if part not in STOP] or parts
    free = list(heard)
    for part in content:
        if part in free and (part not in names or free.count(part) > 1):
            free.remove(part)
    borrowed = any(part in names and heard.count(part) < 2 for part in content)
    value_share = 0.0 if borrowed else _share(content, heard)
    name_share = _share(names, free if value_share == 1.0 else heard)
    explained = _explained(heard, {*names, *parts}, vocabulary)
    if alone and name_share < 0.5:
        return Reading(key, value, 0.25 * explained)
    if value_share < 1.0 and name_share == 1.0:
        return Reading(key, value, 0.45 + 0.3 * explained + 0.1 * value_share, named=value_share == 0.0)
    general = 0.03 if _GENERAL & set(names) else 0.0
    value_share = value_share if value_share == 1.0 else 0.5 * value_share
    literal = 0.1 if len(parts) > 1 and in_a_row(parts, heard) else 0.0
    return Reading(key, value, min(1.0, 0.5 * value_share + 0.25 * name_share + 0.25 * explained + general + literal))


def _switch(key: str, values: list[Value], said: list[str], vocabulary: set[str]) -> list[Reading]:
    """Score a yes/no fact: its name is what counts, words such as "off" or "dis-" turn it.

    Both sides are scored even where only one was ever seen, so that the other is refused and not taken for
    something else.
    """
    names = stems(key)
    undone = {_undone(word) for word in said} & set(names)
    heard = [*(stem(word) for word in said), *undone]
    off = bool(undone) or "off" in said or any(part in NO for part in heard)
    content = [part for part in names if part not in YES] or names
    weights = {part: 0.3 if part in _GENERAL else 1.0 for part in content}
    share = sum(weight for part, weight in weights.items() if part in heard) / sum(weights.values())
    explained = _explained(heard, {*names, *YES, *NO, *(f"dis{part}" for part in undone)}, vocabulary)
    sided = any(part in YES or part in NO for part in heard)
    score = 0.0 if share == 0.0 else share**2 * (0.4 + 0.1 * sided) + 0.5 * explained
    sides = {canonical(value).lower(): value for value in values}
    textual = any(isinstance(value, str) for value in values)
    wanted = "false" if off else "true"
    return [
        Reading(
            key, sides.get(side, side.title() if textual else side == "true"), score if side == wanted else score / 2
        )
        for side in ("true", "false")
    ]


def _undone(word: str) -> str:
    """Return the stem of what a word takes back: `disconnected` -> the stem of `connected`."""
    for prefix in ("dis", "un", "de"):
        if word.startswith(prefix):
            return stem(word[len(prefix) :])
    return ""


def in_a_row(parts: Sequence[str], heard: Sequence[str]) -> bool:
    """Return whether all words of a value were said one after another, articles aside."""
    bare = [part for part in heard if part not in ("the", "a", "an")]
    return any(bare[i : i + len(parts)] == list(parts) for i in range(len(bare)))


def _share(parts: Sequence[str], heard: Sequence[str]) -> float:
    return sum(part in heard for part in parts) / len(parts) if parts else 0.0


def _explained(heard: Sequence[str], by: set[str], vocabulary: set[str]) -> float:
    """Return the share of what was said that a fact accounts for; words no fact knows count little."""
    weights = {part: 1.0 if part in vocabulary or part in YES or part in NO else 0.4 for part in heard}
    content = {part: weight for part, weight in weights.items() if part not in STOP or part in by & vocabulary}
    total = sum(content.values())
    return sum(weight for part, weight in content.items() if part in by) / total if total else 0.0


def choose(phrase: str, model: Worded) -> tuple[list[Reading], list[Reading]]:
    """Return (meant, rivals): `meant` is one reading, or all positive values of a fact whose name alone was said.

    Empty `meant` with rivals: ambiguous between them. Empty both: nothing known is similar enough.
    """
    ranked = readings(phrase, model)
    if not ranked:
        return [], []
    best = ranked[0]
    if best.score < ACCEPT:
        return _by_similarity(phrase, model)
    close = [reading for reading in ranked if best.score - reading.score < MARGIN]
    if best.named:
        named = [r for r in close if r.key == best.key]
        if len(named) == len(close):
            return positive(named), []
    if len(close) == 1:
        return [best], []
    return _settle(phrase, model, close)


def positive(named: list[Reading]) -> list[Reading]:
    """Return the readings of a fact whose name alone was said that mean it is there: not "none", not over."""
    there = [r for r in named if not _NOTHING & set(stems(canonical(r.value)))]
    begun = [r for r in there if not {"not"} & set(tokens(canonical(r.value)))]
    lasting = [r for r in begun if not _OVER & set(stems(canonical(r.value)))]
    return lasting or begun or there


def _settle(phrase: str, model: Worded, close: list[Reading]) -> tuple[list[Reading], list[Reading]]:
    """Let the text similarity decide between readings that share as many words."""
    sentences = model.fact_sentences()
    likeness = model.similarity(phrase, [sentences.get((r.key, r.value), r.words()) for r in close])
    order = sorted(range(len(close)), key=lambda i: -likeness[i])
    if likeness[order[0]] - likeness[order[1]] >= CLEAR:
        return [close[order[0]]], []
    return [], [close[i] for i in order]


def _by_similarity(phrase: str, model: Worded) -> tuple[list[Reading], list[Reading]]:
    """Read a phrase that shares too few words with any fact by its text similarity alone."""
    sentences = dict(model.fact_sentences())
    if not sentences:
        return [], []
    facts = list(sentences)
    likeness = model.similarity(phrase, [sentences[fact] for fact in facts])
    ranked = sorted(zip(likeness, facts, strict=True), key=lambda pair: -pair[0])
    found = [Reading(key, value, score) for score, (key, value) in ranked if score >= ALONE]
    close = [reading for reading in found if found[0].score - reading.score < MARGIN]
    return (close, []) if len(close) == 1 else ([], close)


def nearest(phrase: str, model: Worded, n: int = 4) -> list[str]:
    """Return the facts most similar to a phrase that could not be read, for the error message."""
    sentences = dict(model.fact_sentences())
    facts = list(sentences)
    likeness = model.similarity(phrase, [sentences[fact] for fact in facts]) if facts else []
    shared = {(r.key, canonical(r.value)): r.score for r in readings(phrase, model)}
    scored = [
        (like + shared.get((key, canonical(value)), 0.0), f"{key} = {canonical(value)}")
        for like, (key, value) in zip(likeness, facts, strict=True)
    ]
    return [words for _, words in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:n]]
