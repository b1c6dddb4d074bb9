"""Phrases in people's own words, read by low-rank weights that learned how people say facts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from wmagent.adapters.phrases import PhraseReader, fact_said
from wmagent.agent.doubles import ScriptedWorldModel
from wmagent.agent.goals import understand
from wmagent.domain.types import Action, Value
from wmagent.errors import CheckpointError, InputError
from wmagent.language.phrase_reading import domains, measure, train_reader

FACTS = [("parcel", "none"), ("parcel", "shipped"), ("refund", "granted"), ("refund", "refused")]


@pytest.fixture(scope="module")
def reader() -> PhraseReader:
    return PhraseReader()


def test_it_reads_businesses_it_never_saw_better_than_embeddings_alone(reader: PhraseReader) -> None:
    held = domains(held_out=True)
    assert not {domain.name for domain in held} & {domain.name for domain in domains(held_out=False)}
    learned, plain = measure(reader, held[:1], 0.9), measure(PhraseReader(None), held[:1], 0.9)
    assert learned["exact"] > plain["exact"] + 0.15
    assert learned["answered"] > 0.15
    assert learned["wrong"] < 0.1


def test_chances_are_chances_and_chaff_means_nothing(reader: PhraseReader) -> None:
    chances = reader.read("the customer has her money back", FACTS)
    assert sum(chances) == pytest.approx(1.0)
    assert max(range(5), key=chances.__getitem__) == 2
    assert reader.read("she has been calling us all week", FACTS)[-1] > 0.5
    assert fact_said("line.status", "no_service") == "line status is no service"


def test_training_learns_and_is_kept(tmp_path: Path) -> None:
    (domain,) = [one for one in domains(held_out=False) if one.name == "online-order"]
    trained = train_reader([domain], epochs=4)
    assert measure(trained, [domain], 0.5)["exact"] > measure(PhraseReader(None), [domain], 0.5)["exact"]
    trained.save(tmp_path / "reader")
    again = PhraseReader(tmp_path / "reader")
    phrases = [text for text, _ in domain.phrases[:20]]
    with torch.inference_mode():
        assert torch.allclose(trained.logits(phrases, FACTS), again.logits(phrases, FACTS), atol=0.05)
    assert str(tmp_path) not in (tmp_path / "reader" / "adapter_config.json").read_text()
    assert "site-packages" not in (tmp_path / "reader" / "adapter_config.json").read_text()
    (tmp_path / "reader" / "head.json").write_text(json.dumps({"scale": 1.0}))
    with pytest.raises(CheckpointError, match="no phrase reader there"):
        PhraseReader(tmp_path / "reader")


class Read(ScriptedWorldModel):
    """A model whose reader is sure of one fact per phrase."""

    def meanings(self, phrase: str, facts: Sequence[tuple[str, Value]]) -> list[float] | None:
        said = {
            "her money": ("refund", "granted"),
            "turned down": ("refund", "refused"),
            "maybe": ("refund", "granted"),
        }
        fact = next((fact for words, fact in said.items() if words in phrase), None)
        sure = 0.6 if "maybe" in phrase else 0.97
        rest = (1 - sure) / len(facts)
        return [sure if one == fact else rest for one in facts] + [sure if fact is None else rest]


SHOP = Read(
    {"parcel": ("none", "shipped"), "refund": ("none", "granted", "refused")}, {Action("pay back"): lambda facts: ()}
)


def test_goals_that_rules_refuse_are_read_where_the_reader_is_sure() -> None:
    goal = understand("see that she has her money within 2 days, and the parcel is shipped", SHOP).goal
    assert [c.words() for c in goal.conditions] == ["refund == granted", "parcel == shipped"]
    assert goal.deadline == 48
    never = understand("parcel shipped, never her being turned down", SHOP).goal
    assert [c.words() for c in never.forbidden] == ["refund == refused"]


@pytest.mark.parametrize(
    "words",
    ["maybe she should be happy", "see that she is turned down", "nobody gets her money", "the weather should be fine"],
)
def test_what_the_reader_is_not_sure_of_is_asked(words: str) -> None:
    with pytest.raises(InputError, match=r"cannot express|does not say"):
        understand(words, SHOP)
