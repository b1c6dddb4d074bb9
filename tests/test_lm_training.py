"""Language models of our own: a tokenizer and network made in a folder, trained on conversations out of worlds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import wmagent.worlds as worlds
from wmagent.adapters.lm_training import Fitting, Size, fit, make
from wmagent.adapters.local_lm import LocalLM
from wmagent.agent.language import Message
from wmagent.agent.language_proposer import UNSURE
from wmagent.errors import InputError
from wmagent.language.corpus import SHARES, Corpus, documents
from wmagent.language.making import make_tiny
from wmagent.language.prompts import REFUSED, changes, what_changes
from wmagent.model.baselines import changes_between

SMALL = Size(width=32, layers=2, heads=2, key_value_heads=1, expand=64, vocabulary=400, context=512)
TAUGHT = [
    [Message("user", f"the light is {a}"), Message("assistant", b)] for a, b in (("on", "dark"), ("off", "bright"))
]


def test_a_model_learns_what_it_is_told_and_special_tokens_are_its_own(tmp_path: Path) -> None:
    lm = LocalLM(make(tmp_path, [turn.content for each in TAUGHT for turn in each], SMALL, 0), dtype="float32")
    assert lm.prompt(TAUGHT[0][:1]) == "<|user|>the light is on<|end|><|assistant|>"
    assert len(lm.ids("<|user|><|end|>")) == 2
    said = []
    found = fit(lm, TAUGHT * 400, Fitting(tokens=128, rate=5e-3), 0, lambda *report: said.append(report))
    assert [lm.complete(each[:1]) for each in TAUGHT] == ["dark", "bright"]
    assert said[-1][0] == said[-1][1] == found["tokens"]
    with pytest.raises(InputError, match="no documents"):
        fit(lm, [], Fitting(), 0)


def test_the_same_seed_makes_the_same_model(tmp_path: Path) -> None:
    cards = [make_tiny(tmp_path / name, 10, 3, SMALL, Fitting(tokens=1024)) for name in ("one", "two")]
    assert {**cards[0], "seconds": 0} == {**cards[1], "seconds": 0}
    one, two = (LocalLM(tmp_path / name).score([Message("user", "x")], ["approved"]) for name in ("one", "two"))
    assert one == two


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(worlds.load("contract-approval"), 0)


def test_text_out_of_a_world_is_true_in_it(corpus: Corpus) -> None:
    told = {(doc[0].content): doc[-1].content for doc in corpus.documents("changes", 60)}
    seen = 0
    for row in corpus.rows:
        before, after = row.before.facts, row.after.facts
        asked = what_changes(before, row.action.label())[0].content
        if asked in told and row.error is None and told[asked] == changes(before, after):
            seen += 1
            assert bool(changes_between(before, after)) == (told[asked] != "{}")
    assert seen >= 30
    assert any(answer == REFUSED for answer in told.values())


def test_the_next_action_is_one_of_those_that_are_listed(corpus: Corpus) -> None:
    answers = [(doc[1].content.splitlines(), doc[-1].content) for doc in corpus.documents("next", 40)]
    for lines, answer in answers:
        assert answer == UNSURE or any(line.endswith(f". {answer}") for line in lines)
    assert len({answer for _, answer in answers}) > 5


def test_documents_are_of_all_kinds_and_seeded() -> None:
    one, two = (documents(["contract-approval"], 20, 1) for _ in range(2))
    assert one == two
    assert len(one) >= len(SHARES)
    assert one != documents(["contract-approval"], 20, 2)


def test_no_wording_that_reading_is_measured_with_is_trained_on(corpus: Corpus) -> None:
    folder = Path(__file__).parent.parent / "evals"
    known = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("wordings*.yaml"))]
    measured = {words for one in known for said in one["contract-approval"]["goals"].values() for words in said}
    trained = "\n".join(turn.content for doc in corpus.documents("goal", 200) for turn in doc)
    assert len(measured) == 150
    assert [words for words in measured if f'"{words}"' in trained] == []
