"""Words as tokens: splits names like `legal_review` or `wifiEnabled`, strips endings. Knows no facts and no model."""

from __future__ import annotations

import re

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+(?:\.\d+)?")
_PASTS = {
    "begin": ("began", "begun"), "buy": ("bought",), "break": ("broke", "broken"), "bring": ("brought",),
    "build": ("built",), "choose": ("chose", "chosen"), "do": ("did", "done"), "fall": ("fell", "fallen"),
    "find": ("found",), "freeze": ("froze", "frozen"), "give": ("gave", "given"), "go": ("gone", "went"),
    "get": ("got",), "hold": ("held",), "keep": ("kept",), "leave": ("left",), "lose": ("lost",), "meet": ("met",),
    "pay": ("paid",), "rise": ("rose",), "send": ("sent",), "spend": ("spent",), "steal": ("stole", "stolen"),
    "take": ("taken", "took"), "tell": ("told",), "withdraw": ("withdrawn", "withdrew"), "win": ("won",),
    "write": ("written", "wrote"),
}  # fmt: skip
_IRREGULAR = {past: base for base, pasts in _PASTS.items() for past in pasts}
_ENDINGS = (
    "ature",
    "ations",
    "ation",
    "ings",
    "ing",
    "ments",
    "ment",
    "als",
    "al",
    "ied",
    "ies",
    "ed",
    "es",
    "ely",
    "er",
    "e",
    "s",
    "y",
)


def tokens(text: str) -> list[str]:
    """Return the lower-case words of a phrase or identifier: `wifiEnabled` -> [wifi, enabled]."""
    return [part.lower() for part in _PARTS.findall(text.replace("'", ""))]


def stem(word: str) -> str:
    """Return a crude stem so that approve, approved and approval meet; numbers and short words stay."""
    word = _IRREGULAR.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return _single(word[: -len(ending)])
    return word


def stems(text: str) -> list[str]:
    """Return the stems of a phrase or identifier in order."""
    return [stem(word) for word in tokens(text)]


def stem_set(words: str) -> frozenset[str]:
    """Return the stems of a word list."""
    return frozenset(stem(word) for word in words.split())


def spoken(name: str) -> str:
    """Return an identifier as words: `legal_review` -> `legal review`."""
    return " ".join(tokens(name)) or name


def trigrams(text: str) -> frozenset[str]:
    """Return the character trigrams of the spoken form, word ends included."""
    padded = f" {spoken(text)} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))


def _single(word: str) -> str:
    """Return the stem without a doubled last consonant: `submitt` -> `submit`."""
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        return word[:-1]
    return word
