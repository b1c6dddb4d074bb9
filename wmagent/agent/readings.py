"""Scores what a phrase may mean: known facts against its words, by shared stems first and text similarity second.

Knows phrases and facts; must not know goals, limits or clauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from wmagent.agent.worded import Reading, Worded
from wmagent.domain.types import Value, canonical
from wmagent.words.lexicon import (
    BAD,
    DETERMINERS,
    DONE,
    EVERY,
    GENERAL,
    NO,
    NOTHING,
    OVER,
    STOP,
    UNFINISHED,
    YES,
)
from wmagent.words.phrases import stem, stems, tokens
from wmagent.words.thesaurus import synonyms

# A reading is accepted from ACCEPT on and when it leads the next one by MARGIN. Below that the text similarity may
# decide: CLEAR apart for ties between shared words, ALONE on its own where no word is shared. A value said by a synonym
# scores SYNONYM less than one said itself.
ACCEPT, MARGIN = 0.6, 0.08
CLEAR, ALONE = 0.08, 0.68
SYNONYM = 0.1


def known_values(model: Worded, key: str) -> list[Value]:
    """Return the values of a fact without absence."""
    return [value for value in model.values(key) if value is not None]


def fact_words(model: Worded, keys: Iterable[str]) -> set[str]:
    """Return the stems of the facts' names and values."""
    return {part for key in keys for text in (key, *map(canonical, known_values(model, key))) for part in stems(text)}


def is_switch(values: Sequence[Value]) -> bool:
    """Return whether a fact is a yes/no fact."""
    return bool(values) and {canonical(value).lower() for value in values} <= {"true", "false"}


def readings(phrase: str, model: Worded) -> list[Reading]:
    """Return every fact with its score, best first; with a record, what no step ever made true only if it is said
    whole."""
    said, vocabulary = tokens(phrase), fact_words(model, model.slots)
    found: list[Reading] = []
    entered = model.entered()
    purposes = _purposes(entered)
    for key in model.slots:
        values = known_values(model, key)
        if is_switch(values):
            found += _switch(key, values, said, vocabulary)
            continue
        for value in values:
            reading = _fact(key, value, said, vocabulary, alone=len(values) == 1)
            if entered and (key, value) not in entered and not _apart([reading], stems(phrase)):
                continue
            score = max([_as_done(words, said, vocabulary) for words in purposes.get((key, value), ())], default=0.0)
            found.append(Reading(key, value, score) if score > reading.score else reading)
    return sorted(found, key=lambda reading: (-reading.score, reading.key, canonical(reading.value)))


def _purposes(entered: Mapping[tuple[str, Value], Mapping[str, int]]) -> dict[tuple[str, Value], list[set[str]]]:
    """Return per fact the words of the actions that are done for it: of what an action changes, the fact that it makes
    true most often and others seldom do, if it is a good one."""
    best: dict[str, tuple[float, tuple[str, Value]]] = {}
    for fact, actions in entered.items():
        if set(stems(canonical(fact[1]))) & (NOTHING | BAD | UNFINISHED):
            continue
        for action, count in actions.items():
            best[action] = max(
                best.get(action, (0.0, fact)), (count * count / sum(actions.values()), fact), key=itemgetter(0)
            )
    found: dict[tuple[str, Value], list[set[str]]] = {}
    for action, (_, fact) in best.items():
        found.setdefault(fact, []).append({part for part in stems(action) if part not in STOP})
    return found


def _as_done(words: set[str], said: list[str], vocabulary: set[str]) -> float:
    """Score a phrase as an action's name said as if done, "the invoice paid": all its words must be there."""
    heard = [stem(word) for word in said]
    return 0.4 + 0.5 * _explained(heard, words, vocabulary | words) if len(words) > 1 and words <= set(heard) else 0.0


def _fact(key: str, value: Value, said: list[str], vocabulary: set[str], alone: bool) -> Reading:
    """Score one fact: are its value's words said, are its name's words said, is much else said?

    A fact with one known value (`alone`) never changes, so it is only meant where its name is said.
    """
    heard = [stem(word) for word in said]
    names, parts = stems(key), stems(canonical(value)) or [canonical(value).lower()]
    if len(parts) > 1 and {"".join(parts), "".join(tokens(canonical(value)))} & set(said):  # payout is paid out
        heard = [*heard, *parts]
    content = [part for part in parts if part not in STOP] or parts
    free = list(heard)
    for part in content:
        if part in free and (part not in names or free.count(part) > 1):
            free.remove(part)
    borrowed = any(part in names and heard.count(part) < 2 for part in content)
    value_share = 0.0 if borrowed else _share(content, heard)
    meant = set[str]() if value_share == 1.0 else _meant(content, heard, names)
    if meant:
        value_share, parts = 1.0, [*parts, *meant]
    name_share = _share(names, free if value_share == 1.0 else heard)
    explained = _explained(heard, {*names, *parts}, vocabulary)
    if alone and name_share < 0.5:
        return Reading(key, value, 0.25 * explained)
    if value_share < 1.0 and name_share == 1.0:
        return Reading(key, value, 0.45 + 0.3 * explained + 0.1 * value_share, named=value_share == 0.0)
    general = 0.03 if GENERAL & set(names) else 0.0
    value_share = value_share if value_share == 1.0 else 0.5 * value_share
    value_share *= 0.6 if len(parts) == 1 and _as_a_noun(parts[0], said, canonical(value).lower()) else 1.0
    literal = 0.1 if (in_a_row(parts, heard) if len(parts) > 1 else canonical(value).lower() in said) else 0.0
    score = 0.5 * value_share + 0.25 * name_share + 0.25 * explained + general + literal
    return Reading(key, value, min(1.0, score) - (SYNONYM if meant else 0.0))


def _as_a_noun(part: str, said: Sequence[str], value: str) -> bool:
    """Return whether a value is only said as a thing: "accept the offer" is not about what is offered."""
    places = [i for i, word in enumerate(said) if stem(word) == part]
    return bool(places) and all(i and said[i - 1] in DETERMINERS and said[i] != value for i in places)


def _meant(content: Sequence[str], heard: Sequence[str], names: Sequence[str]) -> set[str]:
    """Return the words that say a value of one word by a synonym; none where it has more words."""
    if len(content) != 1:
        return set()
    return set(synonyms(content[0])) & {part for part in heard if part not in names}


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
    weights = {part: 0.3 if part in GENERAL else 1.0 for part in content}
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
    """Return (meant, rivals): `meant` is one reading, all values of a fact whose name alone was said, or several facts
    that were all said.

    Empty `meant` with rivals: ambiguous between them. Empty both: nothing known is similar enough.
    """
    ranked = readings(phrase, model)
    if not ranked:
        return [], []
    if named := _by_name(phrase, model):
        return named, []
    best = ranked[0]
    if best.score < ACCEPT:
        return _by_similarity(phrase, model)
    close = [reading for reading in ranked if best.score - reading.score < MARGIN]
    if best.named:
        named = [r for r in close if r.key == best.key]
        if len(named) == len(close) or len(stems(best.key)) > 1:
            return named, []
    if len(close) == 1:
        return [best], []
    every = EVERY & set(tokens(phrase)) and len({canonical(r.value) for r in close}) == 1
    if every or _apart(close, stems(phrase)):
        return close, []
    return _settle(phrase, model, close)


def _apart(close: list[Reading], heard: Sequence[str]) -> bool:
    """Return whether every reading is said whole, each in words of its own: "the service up with the fix applied"."""
    words = [{*stems(reading.key), *stems(canonical(reading.value))} for reading in close]
    return set().union(*words) <= set(heard) and sum(map(len, words)) == len(set().union(*words))


def wanted(named: list[Reading]) -> list[Reading]:
    """Return which values of a fact whose name alone was said can be meant by wanting it: neither bad nor a start."""
    heard = {r: set(stems(canonical(r.value))) for r in named}
    return [r for r in named if not heard[r] & (NOTHING | BAD | UNFINISHED) and "not" not in heard[r]]


def positive(named: list[Reading]) -> list[Reading]:
    """Return the readings of a fact whose name alone was said that mean it is there: not "none", not over."""
    there = [r for r in named if not NOTHING & set(stems(canonical(r.value)))]
    begun = [r for r in there if not {"not"} & set(tokens(canonical(r.value)))]
    lasting = [r for r in begun if not OVER & set(stems(canonical(r.value)))]
    return lasting or begun or there


def _settle(phrase: str, model: Worded, close: list[Reading]) -> tuple[list[Reading], list[Reading]]:
    """Let the text similarity decide between readings that share as many words."""
    sentences = model.fact_sentences()
    likeness = model.similarity(phrase, [sentences.get((r.key, r.value), r.words()) for r in close])
    order = sorted(range(len(close)), key=lambda i: -likeness[i])
    if likeness[order[0]] - likeness[order[1]] >= CLEAR:
        return [close[order[0]]], []
    return [], [close[i] for i in order]


def _by_name(phrase: str, model: Worded) -> list[Reading]:
    """Return the values of the one fact that a phrase names, in part at least, saying no more than that it is done."""
    heard = {part for part in stems(phrase) if part not in STOP}
    entered = model.entered()
    changing = [key for key in model.slots if not entered or any(fact[0] == key for fact in entered)]
    named = [key for key in changing if heard & set(stems(key)) and len(known_values(model, key)) > 1]
    if len(named) != 1 or heard - set(stems(named[0])) - DONE:
        return []
    values = known_values(model, named[0])
    said = {part for key in changing for value in known_values(model, key) for part in stems(canonical(value))}
    if is_switch(values) or heard & (said - DONE) or any(set(stems(canonical(value))) & heard for value in values):
        return []
    return [Reading(named[0], value, ACCEPT, named=True) for value in values]


def _by_similarity(phrase: str, model: Worded) -> tuple[list[Reading], list[Reading]]:
    """Read a phrase that shares too few words with any fact by its text similarity alone."""
    sentences = model.fact_sentences()
    facts = reachable(sentences, model)
    if not facts:
        return [], []
    likeness = model.similarity(phrase, [sentences[fact] for fact in facts])
    ranked = sorted(zip(likeness, facts, strict=True), key=lambda pair: -pair[0])
    alike = [Reading(key, value, score) for score, (key, value) in ranked if score >= ALONE]
    close = [reading for reading in alike if alike[0].score - reading.score < MARGIN]
    if len(close) == 1:
        return close, []
    if len({reading.key for reading in close}) == 1:
        return [Reading(close[0].key, value, close[0].score, True) for value in known_values(model, close[0].key)], []
    return [], close


def reachable(facts: Iterable[tuple[str, Value]], model: Worded) -> list[tuple[str, Value]]:
    """Return the facts that a recorded step made true; all where there is no record."""
    entered = model.entered()
    return [fact for fact in facts if not entered or fact in entered]


def beside(phrase: str, first: Reading, model: Worded) -> list[Reading]:
    """Return what else a phrase says: values, of one fact each, in the words that `first` does not account for.

    "bring the full scope live" is the scope and, beside it, the one fact that can be live.
    """
    mine = {*stems(first.key), *stems(canonical(first.value))}
    mine |= _meant([word for word in mine if word not in STOP][-1:], stems(phrase), stems(first.key))
    rest = {word for word in tokens(phrase) if stem(word) not in mine and stem(word) not in STOP}
    entered = model.entered()
    found: dict[str, list[Reading]] = {}
    for key in model.slots:
        values = known_values(model, key)
        for value in () if key == first.key or is_switch(values) or len(values) == 1 else values:
            parts = set(tokens(canonical(value)))
            alone = parts and parts <= rest and not parts & set(tokens(key))
            whole = {*stems(key), *stems(canonical(value))} <= set(map(stem, rest))
            if (alone or whole) and (not entered or (key, value) in entered):
                found.setdefault(" ".join(sorted(parts)), []).append(Reading(key, value, first.score))
    return [said[0] for said in found.values() if len(said) == 1]


def nearest(phrase: str, model: Worded, n: int = 4) -> list[str]:
    """Return the facts most similar to a phrase that could not be read, for the error message."""
    sentences = model.fact_sentences()
    facts = reachable(sentences, model)
    likeness = model.similarity(phrase, [sentences[fact] for fact in facts]) if facts else []
    shared = {(r.key, canonical(r.value)): r.score for r in readings(phrase, model)}
    scored = [
        (like + shared.get((key, canonical(value)), 0.0), f"{key} = {canonical(value)}")
        for like, (key, value) in zip(likeness, facts, strict=True)
    ]
    return [words for _, words in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:n]]
