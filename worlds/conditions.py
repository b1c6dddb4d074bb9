"""The small expression form of guards and rules, such as `status == in review and amount > approval limit`.

Knows how to parse it and turn it into a fast check over coded states; knows nothing of actions or files.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wmagent.domain.types import Condition, Op, Value, canonical
from wmagent.errors import InputError, unknown
from wmagent.worlds.tokens import Token, tokens

State = tuple[int, ...]  # one value code per fact, in the order of the definition
Check = Callable[[State], bool]

_LIMIT = 2_000  # characters of one expression
_DEPTH = 40  # nested brackets
_ORDER = ("<", "<=", ">", ">=")
_COMPARE: dict[str, Callable[[float | str, float | str], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Test:
    """One fact against values: `op` is ==, !=, <, <=, >, >= with one value, or `in`, `not in` with several.

    The one value may also name another fact, whose value then counts.
    """

    key: str
    op: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Every:
    """All parts hold; no parts: always true."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Either:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Negation:
    """The part does not hold."""

    part: Expression


Expression = Test | Every | Either | Negation


def parse(text: str) -> Expression:
    """Parse an expression; empty text is always true.

    Keys and values may hold spaces; quote those that contain `and`, `or`, `in`, brackets or operators.
    A bare key means the fact is true. Raises InputError with the character where reading stopped.
    """
    if len(text) > _LIMIT:
        raise InputError(f"the condition has {len(text)} characters; at most {_LIMIT} are allowed")
    if not text.strip():
        return Every(())
    return _Parser(text).read()


def conditions(text: str) -> tuple[Condition, ...]:
    """Return the parts of a pure conjunction as domain conditions (values as text); InputError if it is not one."""
    tree = parse(text)
    parts = tree.parts if isinstance(tree, Every) else (tree,)
    found = []
    for part in parts:
        if not isinstance(part, Test) or part.op in ("in", "not in"):
            raise InputError(f"a goal joins plain comparisons with 'and'; {text!r} does more than that")
        op: Op = part.op  # type: ignore[assignment]
        found.append(Condition(part.key, part.values[0], op))
    return tuple(found)


class _Parser:
    """Recursive descent over the tokens of one expression; lives for one `parse`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tuple(tokens(text))
        self.at = 0
        self.depth = 0

    def read(self) -> Expression:
        tree = self._either()
        if self._now().kind != "end":
            raise self._wrong("expected 'and', 'or' or the end")
        return tree

    def _now(self) -> Token:
        return self.tokens[self.at]

    def _is(self, *words: str) -> bool:
        token = self._now()
        return token.kind in ("op", "word") and token.text in words

    def _wrong(self, why: str) -> InputError:
        token = self._now()
        seen = "the end" if token.kind == "end" else repr(token.text)
        return InputError(f"cannot read {self.text!r}: {why}, found {seen} at character {token.at + 1}")

    def _either(self) -> Expression:
        parts = [self._every()]
        while self._is("or"):
            self.at += 1
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _every(self) -> Expression:
        parts = [self._term()]
        while self._is("and"):
            self.at += 1
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _term(self) -> Expression:
        self.depth += 1
        if self.depth > _DEPTH:
            raise self._wrong(f"more than {_DEPTH} nested parts")
        try:
            if self._is("not"):
                self.at += 1
                return Negation(self._term())
            if self._is("("):
                self.at += 1
                inner = self._either()
                self._take(")")
                return inner
            return self._test()
        finally:
            self.depth -= 1

    def _test(self) -> Test:
        key = self._words("a fact", ("and", "or", "in", "not"))
        if self._is("in"):
            self.at += 1
            return Test(key, "in", self._several())
        if self._is("not") and self.tokens[self.at + 1].text == "in":
            self.at += 2
            return Test(key, "not in", self._several())
        if self._is("==", "!=", *_ORDER):
            op = self._now().text
            self.at += 1
            return Test(key, op, (self._words("a value", ("and", "or")),))
        if self._now().kind == "end" or self._is("and", "or", ")"):
            return Test(key, "==", ("true",))
        raise self._wrong("expected an operator such as == or !=")

    def _several(self) -> tuple[str, ...]:
        self._take("(")
        values = [self._words("a value", ())]
        while self._is(","):
            self.at += 1
            values.append(self._words("a value", ()))
        self._take(")")
        return tuple(values)

    def _take(self, symbol: str) -> None:
        if not self._is(symbol):
            raise self._wrong(f"expected {symbol!r}")
        self.at += 1

    def _words(self, what: str, stops: tuple[str, ...]) -> str:
        """Return a quoted text, or plain words up to the next operator or stop word."""
        if self._now().kind == "text":
            self.at += 1
            return self.tokens[self.at - 1].text
        found = []
        while self._now().kind == "word" and self._now().text not in stops:
            found.append(self._now().text)
            self.at += 1
        if not found:
            raise self._wrong(f"expected {what}")
        return " ".join(found)


def find_code(key: str, text: Value, domain: Sequence[Value]) -> int:
    """Return the index of a value in the fact's domain; InputError with did-you-mean if it is none of them."""
    code = _code(text, domain)
    if code is None:
        raise unknown(f"value of {key!r}", canonical(text), [canonical(value) for value in domain])
    return code


def _code(text: Value, domain: Sequence[Value]) -> int | None:
    wanted = canonical(text)
    for code, value in enumerate(domain):
        spelled = canonical(value)
        if spelled == wanted or (isinstance(value, bool) and spelled.lower() == wanted.lower()):
            return code
        if not isinstance(value, (str, bool)) and _number(wanted) == value:
            return code
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def compile_check(tree: Expression, domains: Mapping[str, Sequence[Value]]) -> Check:
    """Return the expression as a function of a coded state; fact i of the state is the i-th key of `domains`."""
    if isinstance(tree, Test):
        other = other_fact(tree, domains)
        if other is not None:
            return _pair(tree, other, domains)
        at, table = _table(tree, domains)
        return lambda state: table[state[at]]
    if isinstance(tree, Negation):
        inner = compile_check(tree.part, domains)
        return lambda state: not inner(state)
    if isinstance(tree, Every):
        single = [part for part in tree.parts if isinstance(part, Test) and other_fact(part, domains) is None]
        rest = tuple(compile_check(part, domains) for part in tree.parts if part not in single)
        return _all_of(tuple(_table(part, domains) for part in single), rest)
    parts = tuple(compile_check(part, domains) for part in tree.parts)
    return lambda state: any(part(state) for part in parts)


def compile_conditions(found: Sequence[Condition], domains: Mapping[str, Sequence[Value]]) -> Check:
    """Return the check that all conditions of a goal hold, each of one fact against one value."""
    tests = [Test(c.key, c.op, (canonical(c.value),)) for c in found]
    return _all_of(tuple(_table(test, domains) for test in tests), ())


def _all_of(tables: tuple[tuple[int, tuple[bool, ...]], ...], rest: tuple[Check, ...]) -> Check:
    def check(state: State) -> bool:  # a plain loop: three times faster than all(…) here
        for at, table in tables:  # noqa: SIM110
            if not table[state[at]]:
                return False
        return True

    if not rest:
        return check
    return lambda state: check(state) and all(part(state) for part in rest)


def other_fact(test: Test, domains: Mapping[str, Sequence[Value]]) -> str | None:
    """Return the fact on the right side, or None where the words are a value of the fact on the left."""
    text = test.values[0]
    if test.op not in _COMPARE or text not in domains or test.key not in domains:
        return None
    if test.op in _ORDER:
        return None if _number(text) is not None else text
    return None if _code(text, domains[test.key]) is not None else text


def _pair(test: Test, other: str, domains: Mapping[str, Sequence[Value]]) -> Check:
    """Return the comparison of two facts: as numbers for an order, as text for == and !=."""
    keys, compare = list(domains), _COMPARE[test.op]
    left, right = keys.index(test.key), keys.index(other)
    if test.op in _ORDER:
        lefts = [_as_number(test.key, test.op, value) for value in domains[test.key]]
        rights = [_as_number(other, test.op, value) for value in domains[other]]
    else:
        lefts = [canonical(value) for value in domains[test.key]]
        rights = [canonical(value) for value in domains[other]]
    return lambda state: compare(lefts[state[left]], rights[state[right]])


def _table(test: Test, domains: Mapping[str, Sequence[Value]]) -> tuple[int, tuple[bool, ...]]:
    """Return the fact's position and, per value code, whether the test holds."""
    if test.key not in domains:
        raise unknown("fact", test.key, domains)
    domain = domains[test.key]
    at = list(domains).index(test.key)
    if test.op in _ORDER:
        return at, tuple(_ordered(test, value) for value in domain)
    codes = {find_code(test.key, value, domain) for value in test.values}
    wanted = test.op in ("==", "in")
    return at, tuple((code in codes) == wanted for code in range(len(domain)))


def _ordered(test: Test, value: Value) -> bool:
    _as_number(test.key, test.op, value)
    op: Op = test.op  # type: ignore[assignment]
    return Condition(test.key, test.values[0], op).accepts(value)


def _as_number(key: str, op: str, value: Value) -> float:
    if isinstance(value, (str, bool)):
        raise InputError(f"{key!r} holds words; {op} compares numbers, use == or != or in (…)")
    return value
