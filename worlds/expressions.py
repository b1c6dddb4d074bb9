"""Conditions written back as text, so that a definition can be rewritten through its parsed expressions.

Knows the trees of `conditions`; knows no facts' values and no worlds.
"""

from __future__ import annotations

import re

from wmagent.errors import InputError
from wmagent.worlds.conditions import Either, Every, Expression, Negation, Test

_PLAIN = re.compile(r"""[^\s()=!<>,'"]+( [^\s()=!<>,'"]+)*""")


def text_of(tree: Expression) -> str:
    """Return the text that parses to this expression; empty for one that always holds."""
    if isinstance(tree, Test):
        return _test(tree)
    if isinstance(tree, Negation):
        return f"not {_part(tree.part)}"
    word = " or " if isinstance(tree, Either) else " and "
    return word.join(_part(part) for part in tree.parts)


def key_text(key: str) -> str:
    """Return a fact's name as a condition spells it: quoted where plain words would be misread."""
    return _spelled(key, ("and", "or", "in", "not"))


def value_text(value: str) -> str:
    """Return a value as a condition spells it: quoted where plain words would be misread."""
    return _spelled(value, ("and", "or"))


def _test(test: Test) -> str:
    if test.op in ("in", "not in"):
        return f"{key_text(test.key)} {test.op} ({', '.join(map(value_text, test.values))})"
    return f"{key_text(test.key)} {test.op} {value_text(test.values[0])}"


def _part(tree: Expression) -> str:
    return f"({text_of(tree)})" if isinstance(tree, (Every, Either)) else text_of(tree)


def _spelled(text: str, stops: tuple[str, ...]) -> str:
    if _PLAIN.fullmatch(text) and not set(text.split(" ")) & set(stops):
        return text
    for mark in ("'", '"'):
        if mark not in text:
            return f"{mark}{text}{mark}"
    raise InputError(f"{text!r} holds both kinds of quotation marks, which no condition can spell; use one kind")
