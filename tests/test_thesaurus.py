"""The thesaurus: synonyms and denials count, opposites do not, and its file holds what its reader expects."""

from __future__ import annotations

from pathlib import Path

import pytest

import wmagent.words.thesaurus
from wmagent.words.phrases import stem, stems
from wmagent.words.thesaurus import SAME, Thesaurus, blended, synonyms, thesaurus

SMALL = """# states
approved, given the green light, signed off
rejected, turned down
legal, lawyers
# opposites
approved | rejected
"""


@pytest.mark.parametrize(
    ("said", "known", "likeness"),
    [
        ("approved", "approved", 1.0),
        ("given the green light", "approved", SAME),
        ("turned down", "approved", 0.0),
        ("not approved", "approved", 0.0),
        ("not approved", "turned down", SAME),  # what is denied is its opposite
        ("not approved", "not signed off", SAME),
        ("lawyers: signed off", "legal: approved", SAME),
        ("lawyers: rejected", "legal: approved", SAME / 2),
        ("the", "approved", 0.0),
        ("", "", 0.0),
    ],
)
def test_synonyms_are_alike_and_opposites_are_not(said: str, known: str, likeness: float) -> None:
    assert Thesaurus(SMALL).likeness(said, known) == pytest.approx(likeness)
    assert Thesaurus(SMALL).likeness(known, said) == pytest.approx(likeness)


def test_synonyms_add_to_a_cosine_and_never_pass_one() -> None:
    alike, unlike = blended("rejected", ["turned down", "purple"], [0.2, 0.2])
    assert 0.2 == unlike < alike < 1.0
    assert blended("rejected", ["rejected"], [1.0]) == [1.0]


def test_single_synonyms_are_given_as_stems() -> None:
    assert stem("declined") in synonyms(stem("rejected"))
    assert stem("approved") not in synonyms(stem("rejected"))
    assert synonyms("xyzzy") == {"xyzzy"}


def test_the_file_has_groups_and_known_opposites() -> None:
    text = Path(wmagent.words.thesaurus.__file__).with_name("thesaurus.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    groups = [line.split(",") for line in lines if "|" not in line]
    assert [group for group in groups if len(group) < 2 or not all(map(stems, group))] == []
    members = {tuple(stems(member)) for group in groups for member in group}
    pairs = [line.split("|") for line in lines if "|" in line]
    assert [word for pair in pairs for word in pair if tuple(stems(word)) not in members] == []
    assert [pair for pair in pairs if thesaurus().likeness(*pair) > 0.0] == []
