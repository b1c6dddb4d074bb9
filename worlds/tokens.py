"""The words and symbols of a condition, with where each begins; quoted texts are one token.

Knows characters only; knows no grammar and no facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wmagent.errors import InputError

_TOKEN = re.compile(r"""\s*(?:(==|!=|<=|>=|<|>|\(|\)|,)|'([^']*)'|"([^"]*)"|([^\s()=!<>,'"]+))""")


@dataclass(frozen=True)
class Token:
    """One token: its kind is "op" for symbols, "word", "text" for a quoted string, or "end"."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression and its end; InputError with the character that cannot be read."""
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            hint = "; compare with ==" if rest.startswith("=") else ""
            raise InputError(f"cannot read {text!r} from character {len(text) - len(rest) + 1} on{hint}")
        symbol, single, double, word = match.groups()
        if symbol is not None:
            yield Token("op", symbol, match.start(1))
        elif word is not None:
            yield Token("word", word, match.start(4))
        else:
            yield Token("text", single if single is not None else double, match.start())
        at = match.end()
    yield Token("end", "", len(text))
