"""Words to goals without a language model: clauses, negation, limits, comparisons. Knows no planner.

Every phrase is read as a known fact or refused; two readings that are about as good are an error that lists them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from wmagent.agent.cautions import NOT, denied, is_a_value, left_over, without_objects
from wmagent.agent.comparisons import comparison, listed, plain_number
from wmagent.agent.goal_check import check_condition, check_goal, numeric
from wmagent.agent.idioms import plain
from wmagent.agent.limits import Limits, take_limits
from wmagent.agent.meanings import meaning
from wmagent.agent.readings import (
    beside,
    choose,
    fact_words,
    is_switch,
    known_values,
    nearest,
    positive,
    wanted,
)
from wmagent.agent.worded import Reading, Worded
from wmagent.domain.types import Condition, Goal, Op, Value, canonical
from wmagent.errors import InputError, unknown
from wmagent.words.lexicon import STOP
from wmagent.words.phrases import spoken, stems

_EXPLICIT = re.compile(r"^(?P<key>[^=<>!:]+?)\s*(?P<op>==|!=|<=|>=|=|<|>|:)\s*(?P<value>[^=<>!:].*)$")
_SPLIT = re.compile(
    r"\s*(?:[,;()]|\.\s|\bbut\b|\bwhile\b|\bplus\b|\s[+&]\s|\band\b(?:\s+then\b)?|\bthen\b|(?=\bwithout\b|\bwith no\b)"
    r"|\bwith (?=[^,;]*\b(?:not|never) (?:being|becoming|getting|having)\b))\s*",
    re.I,
)
_FILLER = re.compile(
    r"\b(?:by|until|till) (?:then|now)\b|\bon the way(?: there)?\b|\bas well\b|\bat the same time\b|\bin addition\b"
    r"|\b(?:i|we)(?:'d| would) (?:be (?:very )?(?:glad|grateful|happy)|appreciate it|like it|love it) if\b"
    r"|^\s*what (?:we|i) (?:are|am) (?:after|working towards|aiming for|looking for) is\b(?: that\b)?",
    re.I,
)
_AT_NO_POINT = re.compile(
    r"\b(?:must|may|should|shall|can|will)?\s*(?:at no (?:point|time|moment)|not)\b(?P<rest>.*?)"
    r"(?:\bat any (?:point|time|moment)|$)",
    re.I,
)
_NEVER = re.compile(
    r"^(?:(?:it |there |this |which |that )?(?:must|may|should|shall|can|does|do|will|is to|are to)?\s*"
    r"(?:not|n't|never)(?: ever)? (?=be\b|become\b|have\b|get\b|any\b|there\b|a\b|an\b|reach\b)"
    r"|mustn't|never|without|with no|avoid(?:ing)?|no(?!\w)|not at any time|prevent(?:ing)?|forbid(?:ding)?"
    r"|(?:and |but )?(?:please )?(?:don't|do not|never) let)\s*"
    r"(?:ever )?",
    re.I,
)
_KEEP_FROM = re.compile(r"^(?:keep|stop|prevent|save)\b(.*)\bfrom\b(?: being| becoming| getting)?(.*)$", re.I)
_OR = re.compile(r"\s*\b(?:or|nor)\b\s*", re.I)
_CONDITIONAL = re.compile(r"\b(?:if|unless|except|when|whenever|before|after|until)\b", re.I)
_VAGUE_LIMIT = re.compile(  # what is left of limits after the usable ones were taken out
    r"\b(?:within|in|by|no later than|at most)\s+\S+\s+(?:minute|hour|day|week|month|year)s?\b"
    r"|\b(?:for|costing|spending|cheaper)\s+(?:under|below|at most|(?:less|no more|not more)?\s*than)\s+[^a-z\s]\S*"
    r"|\b(?:by|before|until|till|on|within|after|in)\s+(?:the\s+)?(?:end of\s+)?"
    r"(?:the\s+)?(?:next\s+|this\s+)?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april"
    r"|may|june|july|august|september|october|november|december|day|week|month|quarter|year|today|yesterday"
    r"|tonight|noon|midnight|christmas|easter|\d)"
    r"|\b\d+\s*(?:hours?|days?|weeks?|months?|years?)\b",
    re.I,
)
_NEVER_INSIDE = re.compile(r"\b(?:must|may|should|shall|can|will)\s*(?:not|never)\b|\bmustn't\b|\bnever\b", re.I)
_NOT = re.compile(r"\b(?:not|no longer|isn't|aren't|isnt)\b", re.I)
_OPS: dict[str, Op] = {"==": "==", "=": "==", ":": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class Phrase:
    """How one phrase of a goal was read; `certain` is 1 for explicit forms."""

    said: str
    conditions: tuple[Condition, ...]
    forbidden: bool
    score: float

    def words(self) -> str:
        what = (" or " if self.forbidden else " and ").join(c.words() for c in self.conditions)
        return f"{self.said!r} as {'never ' if self.forbidden else ''}{what} ({self.score:.2f})"


@dataclass(frozen=True)
class Understanding:
    """A goal and how its words were read; `reader` is the language model that read them, empty for rules."""

    goal: Goal
    phrases: tuple[Phrase, ...]
    limits: tuple[str, ...] = ()
    reader: str = ""

    def words(self) -> str:
        """Return one line that says how the goal was understood."""
        parts = [phrase.words() for phrase in self.phrases]
        if self.goal.deadline is not None:
            parts.append(f"deadline {self.goal.deadline:g} h")
        if self.goal.max_cost is not None:
            parts.append(f"cost at most {self.goal.max_cost:g}")
        return f"understood {'; '.join(parts)}{f', as {self.reader} reads it' if self.reader else ''}"


def understand(words: str, model: Worded) -> Understanding:
    """Return the goal that words express in a model's facts.

    Raises InputError when a phrase is nothing the model knows (naming the nearest facts), when two readings are
    about as good (listing them), or when the goal contradicts itself.
    """
    if not words.strip():
        raise InputError("the goal is empty; say what should hold, such as 'status = approved'")
    if len(words) > 2_000:
        raise InputError(f"the goal has {len(words)} characters; 2,000 are read at most")
    limits = limits_of(words, model)
    phrases = [_read(clause, model) for clause in _clauses(limits.rest, model)]
    conditions = tuple(c for phrase in phrases if not phrase.forbidden for c in phrase.conditions)
    forbidden = tuple(c for phrase in phrases if phrase.forbidden for c in phrase.conditions)
    if not conditions:
        raise InputError(
            f"{words!r} does not say what should become true; name a fact to reach, such as {_example(model)!r}"
        )
    goal = Goal(_distinct(conditions), _distinct(forbidden), limits.deadline, limits.max_cost, words.strip())
    check_goal(goal, model)
    return Understanding(goal, tuple(phrases), limits.said)


def partly(words: str, model: Worded) -> tuple[list[Phrase], list[str]]:
    """Return the phrases of a goal that can be read, and the clauses that cannot."""
    read, unread = list[Phrase](), list[str]()
    try:
        clauses = _clauses(limits_of(words, model).rest, model)
    except InputError:
        return [], [words]
    for clause in clauses:
        try:
            read.append(_read(clause, model))
        except InputError:
            unread.append(clause)
    return read, unread


def forbidden(words: str, model: Worded) -> tuple[Condition, ...]:
    """Return the facts that a rule in words forbids, such as "never rejected or withdrawn" or "status == cancelled".

    Raises InputError for what cannot be read, and for values never seen: nobody could tell when they come true.
    """
    if not words.strip():
        raise InputError("the rule is empty; say what must never be, such as 'never status == cancelled'")
    found: list[Condition] = []
    for clause in _clauses(words, model):
        phrase = _read(clause, model)
        if not phrase.forbidden:
            phrase = _read(f"never {clause}", model)
        found += phrase.conditions
    for condition in found:
        check_condition(condition, model)
    return tuple(dict.fromkeys(found))


def _speaks(text: str, model: Worded) -> bool:
    """Return whether a text uses a word of a known fact's name or value."""
    return bool((set(stems(text)) - STOP) & fact_words(model, model.slots))


def limits_of(words: str, model: Worded) -> Limits:
    """Return the limits in a goal's words and the rest of them; InputError for one such as "by Friday", which is no
    number of hours."""
    words = plain(words, lambda text: _speaks(text, model))
    limits = take_limits(_FILLER.sub(" ", words), any(stems(key) == ["cost"] for key in model.slots))
    if vague := _VAGUE_LIMIT.search(limits.rest):
        raise InputError(
            f"{vague[0]!r} is no limit that can be used; give hours, days or weeks from now, 'within 3 days', "
            "or a cost, 'for at most 500'"
        )
    return limits


def _clauses(words: str, model: Worded) -> list[str]:
    if conditional := _CONDITIONAL.search(words):
        raise InputError(
            f"a goal says what should hold, not {conditional[0]!r} something else; name only facts: 'status = done'"
        )
    parts = [_titled(part.strip(" \t\n.!?"), model) for part in _SPLIT.split(words)]
    return [part for part in parts if part and (_explicit(part) or not set(stems(part)) <= STOP)]


def _titled(part: str, model: Worded) -> str:
    """Return a part without its title ("end state: contract signed"), or as plain words where the title is a fact and a
    value is said among other words ("legal review: to be passed"); other parts as they are."""
    match = _explicit(part)
    if match is None or match["op"] != ":":
        return part
    title, rest = match["key"].strip(), match["value"]
    try:
        value_of(_key(title, model), rest.strip("'\""), "==", model)
    except InputError:
        if _speaks(title, model) or NOT & set(stems(title)):
            return f"{title} {rest}" if _speaks(rest, model) else part
        return part if get_close_matches(title.lower(), map(spoken, model.slots), 1) else rest
    return part


def _explicit(part: str) -> re.Match[str] | None:
    return _EXPLICIT.match(part)


def _read(clause: str, model: Worded) -> Phrase:
    """Return what one clause means: wanted, or never wanted ("never rejected or withdrawn" forbids both)."""
    if kept := _KEEP_FROM.match(clause):
        never, body = True, f"{kept[1]} {kept[2]}".strip()
    elif is_a_value(clause, model):
        never, body = False, clause
    elif (found := _AT_NO_POINT.search(clause)) and re.search(r"\bat (?:no|any) (?:point|time|moment)", clause, re.I):
        never, body = True, f"{clause[: found.start()]} {found['rest']} {clause[found.end() :]}".strip()
    elif found := _NEVER.match(clause) or _NEVER_INSIDE.search(clause):
        never, body = True, f"{clause[: found.start()]} {clause[found.end() :]}".strip()
    else:
        never, body = False, clause
    parts = [part for part in _OR.split(body) if part]
    if len(parts) > 1 and not never:
        raise InputError(f"{clause!r} is two goals; plan for each of them and compare their probabilities")
    phrases = [_read_part(clause, part, never, model) for part in parts or [body]]
    conditions = tuple(condition for phrase in phrases for condition in phrase.conditions)
    return Phrase(clause, conditions, never, min(phrase.score for phrase in phrases))


def _read_part(clause: str, body: str, never: bool, model: Worded) -> Phrase:
    try:
        return _by_rules(clause, body, never, model)
    except InputError:
        found = None if _explicit(body) else meaning(body, model, never)
        if found is None:
            raise
        return Phrase(clause, (_condition(found, "=="),), never, found.score)


def _by_rules(clause: str, body: str, never: bool, model: Worded) -> Phrase:
    if explicit := _explicit(body):
        condition = _explicit_condition(explicit, model)
        return Phrase(clause, (condition,), never, 1.0)
    compared = comparison(body, model)
    if compared is not None:
        return Phrase(clause, (compared,), never, 1.0)
    negated = not never and not is_a_value(body, model) and _NOT.search(body) is not None
    body = _NOT.sub(" ", body).strip() if negated else body
    body = without_objects(body, model)
    meant, rivals = choose(body, model)
    if not meant and rivals:
        raise InputError(_ambiguous(clause, rivals))
    if not meant:
        near = ", ".join(nearest(body, model))
        raise InputError(f"this world cannot express {clause!r}; nearest facts: {near or 'none'}")
    if len({r.key for r in meant}) < len(meant):
        sensible = positive(meant) if never else wanted(meant)
        if not never and len(sensible) != 1:
            raise InputError(_ambiguous(clause, meant))
        meant = sensible
    if len(meant) == 1 and not never and not negated:
        meant = [*meant, *beside(body, meant[0], model)]
    if not never and denied(body, meant):
        raise InputError(f"{clause!r} may deny {meant[0].words()}; say it with 'not' or 'never'")
    if left := left_over(body, meant, model):
        raise InputError(f"{clause!r} was read as {' and '.join(r.words() for r in meant)}, which leaves out {left!r}")
    op: Op = "!=" if negated else "=="
    return Phrase(clause, tuple(_condition(r, op) for r in meant), never, meant[0].score)


def _condition(reading: Reading, op: Op) -> Condition:
    return Condition(reading.key, reading.value, op)


def _ambiguous(clause: str, rivals: list[Reading]) -> str:
    listed = "; ".join(f"{r.words()} ({r.score:.2f})" for r in rivals[:6])
    return f"{clause!r} can mean {listed}. Be explicit, such as {rivals[0].words()!r}"


def _explicit_condition(match: re.Match[str], model: Worded) -> Condition:
    key, op = _key(match["key"], model), _OPS[match["op"]]
    return Condition(key, value_of(key, match["value"].strip().strip("'\""), op, model), op)


def _key(said: str, model: Worded) -> str:
    """Return the fact key that was named: as it is, or as it is spoken."""
    said = said.strip().strip("'\"")
    spoken_keys = {spoken(key): key for key in model.slots}
    for candidate in (said, re.sub(r"^(?:the|get|make|set|have|with)\s+(?:the\s+)?", "", said, flags=re.I)):
        if candidate in model.slots:
            return candidate
        if spoken(candidate) in spoken_keys:
            return spoken_keys[spoken(candidate)]
    raise unknown("fact", said, model.slots)


def value_of(key: str, said: str, op: Op, model: Worded) -> Value:
    """Return the known value that was named; comparisons take any number."""
    values = known_values(model, key)
    if op not in ("==", "!="):
        if not numeric(values):
            raise InputError(f"{key} {op} {said}: {key} is no number here; its values are {listed(values)}")
        return plain_number(said)
    for value in values:
        if canonical(value) == said or spoken(canonical(value)) == spoken(said):
            return value
    if is_switch(values) and said.lower() in ("on", "yes", "off", "no", "enabled", "disabled"):
        wanted = "true" if said.lower() in ("on", "yes", "enabled") else "false"
        return next((v for v in values if canonical(v).lower() == wanted), wanted.title())
    raise unknown(f"value of {key}", said, [canonical(value) for value in values], "Values never seen have no meaning.")


def _example(model: Worded) -> str:
    key = next(iter(model.slots), "status")
    values = known_values(model, key) if model.slots else []
    return f"{key} = {canonical(values[-1]) if values else 'done'}"


def _distinct(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return the conditions once each, without those that a value of the same fact implies ("paid, not overpaid")."""
    values = {c.key: c.value for c in conditions if c.op == "=="}
    return tuple(c for c in dict.fromkeys(conditions) if c.op != "!=" or values.get(c.key, c.value) == c.value)
