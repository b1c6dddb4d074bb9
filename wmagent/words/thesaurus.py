"""Which words of workflows mean the same or the opposite, and how alike two short texts are by that.

Knows stems and the groups of `thesaurus.txt`, written for this project; no embeddings and no facts of any model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from wmagent.words.lexicon import NEGATIONS, STOP
from wmagent.words.phrases import stems

SAME = 0.9  # what a synonym is worth beside the word itself
SHARE = 0.5  # of what a cosine lacks that synonyms make up for; chosen on wordings of workflows that are not shipped
_FILE = Path(__file__).with_name("thesaurus.txt")


@dataclass(frozen=True)
class Concept:
    """One word or known phrase of a text: its stems, the groups it stands in, and whether it is denied."""

    stems: tuple[str, ...]
    groups: frozenset[int]
    denied: bool = False


class Thesaurus:
    """Synonym groups, and which of them are opposites: "not approved" is like "rejected"."""

    def __init__(self, text: str) -> None:
        """Read a text: a group per line, members separated by commas; lines `a | b` say that the groups of two members
        are opposites; lines that begin with # are headings."""
        self._groups: dict[tuple[str, ...], set[int]] = {}
        self._opposed: set[tuple[int, int]] = set()
        lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        for number, line in enumerate(line for line in lines if "|" not in line):
            for member in line.split(","):
                self._groups.setdefault(tuple(stems(member)), set()).add(number)
        for left, right in (line.split("|") for line in lines if "|" in line):
            these, those = (self._groups.get(tuple(stems(member)), set()) for member in (left, right))
            self._opposed |= {pair for a in these - those for b in those - these for pair in ((a, b), (b, a))}
        self._longest = max(map(len, self._groups), default=1)

    def likeness(self, left: str, right: str) -> float:
        """Return in [0, 1] how much of two texts is the same or a synonym: 1 for the same words in any order."""
        mine, theirs = _concepts(self, left), _concepts(self, right)
        if not mine or not theirs:
            return 0.0
        shared = sum(max(self._alike(a, b) for b in theirs) for a in mine)
        shared += sum(max(self._alike(a, b) for a in mine) for b in theirs)
        return shared / (len(mine) + len(theirs))

    def like(self, word: str) -> frozenset[str]:
        """Return the single words, as stems, that share a group with a word (a stem), itself among them."""
        groups = self._groups.get((word,), set())
        return frozenset(
            {word} | {words[0] for words, held in self._groups.items() if len(words) == 1 and held & groups}
        )

    def _alike(self, a: Concept, b: Concept) -> float:
        if a.denied != b.denied:
            return SAME if self._turned(a, b) else 0.0
        return 1.0 if a.stems == b.stems else SAME if a.groups & b.groups else 0.0

    def _turned(self, a: Concept, b: Concept) -> bool:
        return any((x, y) in self._opposed for x in a.groups for y in b.groups)

    def concepts(self, text: str) -> Iterator[Concept]:
        """Yield the known phrases, the longest that fit, and other words of a text, without words that say little."""
        heard, at, denied = stems(text), 0, False
        while at < len(heard):
            lengths = range(min(self._longest, len(heard) - at), 1, -1)
            length = next((n for n in lengths if tuple(heard[at : at + n]) in self._groups), 1)
            phrase = tuple(heard[at : at + length])
            known = frozenset(self._groups.get(phrase, ()))
            at += length
            if length == 1 and phrase[0] in NEGATIONS and at < len(heard):
                denied = not denied
            elif known or phrase[0] not in STOP:
                yield Concept(phrase, known, denied)
                denied = False


@lru_cache(20_000)
def _concepts(thesaurus: Thesaurus, text: str) -> tuple[Concept, ...]:
    return tuple(thesaurus.concepts(text))


@lru_cache(20_000)
def synonyms(word: str) -> frozenset[str]:
    """Return the stems of the single words that mean the same as a word, given by its stem, itself among them."""
    return thesaurus().like(word)


def blended(text: str, candidates: Sequence[str], cosines: Sequence[float]) -> list[float]:
    """Return how alike a text is to each candidate: the cosine of their embeddings, more where they share synonyms."""
    known = thesaurus()
    pairs = zip(candidates, cosines, strict=True)
    return [cosine + SHARE * (1.0 - cosine) * known.likeness(text, candidate) for candidate, cosine in pairs]


@cache
def thesaurus() -> Thesaurus:
    """Return the thesaurus of workflows that comes with wmagent."""
    return Thesaurus(_FILE.read_text("utf-8"))
