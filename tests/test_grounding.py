"""States in words never recorded: what is read as what, what is left for the model to refuse, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from wmagent.adapters.text import MiniLM, TextBackend, text_backend
from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.agent.grounding import ground
from wmagent.agent.scripted import ScriptedWorldModel
from wmagent.domain.types import Facts
from wmagent.errors import OutOfDomain
from wmagent.words.thesaurus import blended

MODEL = ScriptedWorldModel(
    {
        "status": ("draft", "in review", "approved"),
        "legal_review": ("not started", "passed"),
        "paid": ("True", "False"),
        "amount": (100, 200),
        "supplier": ("known", "new"),
    },
    {},
)
FACTS: Facts = {"status": "draft", "legal_review": "passed", "paid": "False", "amount": 100, "supplier": "known"}


def without(*keys: str) -> dict[str, str | int | float | bool]:
    return {key: value for key, value in FACTS.items() if key not in keys}


def test_known_words_stay_untouched() -> None:
    found = ground(FACTS, MODEL)
    assert found.facts is FACTS
    assert found.readings == ()


def test_spellings_are_the_same_words() -> None:
    found = ground({**without("legal_review", "status"), "Legal Review": "passed", "status": "In_Review"}, MODEL)
    assert found.facts == {**FACTS, "status": "in review"}
    assert len(found.readings) == 2
    assert "read 'Legal Review: passed' as 'legal_review: passed' (likeness 1.00)" in found.readings


def test_yes_and_no_are_switches() -> None:
    assert ground({**FACTS, "paid": "yes"}, MODEL).facts["paid"] == "True"
    assert ground({**FACTS, "paid": "off"}, MODEL).facts["paid"] == "False"
    assert ground({**FACTS, "paid": "perhaps"}, MODEL).facts["paid"] == "perhaps"


@cache
def _minilm() -> TextBackend:
    return text_backend("minilm")


class Meaning(ScriptedWorldModel):
    """A model that compares texts as a learned one does."""

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]:
        vectors = _minilm().embed([text, *candidates])
        return blended(text, candidates, (vectors[1:] @ vectors[0]).tolist())


class Alike(ScriptedWorldModel):
    """A model whose text backend finds everything alike, so that only the words themselves can decide."""

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]:
        return [0.6 - 0.15 * number for number, _ in enumerate(candidates)]


@pytest.mark.parametrize(
    ("key", "said", "read"),
    [
        ("mood", "not patient", "not patient"),  # what is denied is not the value itself
        ("mood", "relaxed", "patient"),
        ("server", "running badly", "running badly"),  # nor is it where what is said is bad
    ],
)
def test_denied_and_bad_values_are_not_the_values_themselves(key: str, said: str, read: str) -> None:
    model = Alike(
        {"mood": ("patient", "angry"), "server": ("running", "stopped"), "approval": ("asked", "granted", "none")}, {}
    )
    facts: Facts = {"mood": "patient", "server": "running", "approval": "asked", key: said}
    assert ground(facts, model).facts[key] == read


@pytest.mark.parametrize(
    ("key", "said", "read"),
    [
        ("invoice", "no invoice", "none"),
        ("invoice", "not registered yet", "none"),
        ("invoice", "not registered", "not registered"),  # it may be disputed just as well
        ("papers", "not complete", "incomplete"),
        ("papers", "nothing incomplete", "complete"),
        ("papers", "nothing lost", "nothing lost"),
    ],
)
def test_a_denial_means_what_is_not_there_yet(key: str, said: str, read: str) -> None:
    model = Alike({"invoice": ("disputed", "none", "registered"), "papers": ("complete", "incomplete")}, {})
    model.similarity = lambda text, candidates: [0.0 for _ in candidates]
    assert ground({"invoice": "disputed", "papers": "complete", key: said}, model).facts[key] == read


@pytest.mark.skipif(not MiniLM.available(), reason="needs the extra wmagent[text]")
@pytest.mark.parametrize(("said", "read"), [("nothing", "none"), ("permission accepted", "granted")])
def test_a_value_is_read_by_its_synonyms(said: str, read: str) -> None:
    model = Meaning({"approval": ("asked", "granted", "none")}, {})
    assert ground({"approval": said}, model).facts == {"approval": read}


def test_a_fact_without_a_known_value_keeps_what_was_said() -> None:
    model = Alike({"note": (None,), "mood": ("patient", "angry")}, {})
    assert ground({"note": "call back", "mood": "patient"}, model).facts == {"note": "call back", "mood": "patient"}


def test_names_are_read_one_to_one_together_with_their_values() -> None:
    said = {**without("status", "supplier"), "supplier type": "known", "status of it": "draft"}
    assert ground(said, MODEL).facts == FACTS


def test_a_name_is_only_read_as_a_fact_that_is_missing() -> None:
    found = ground({**FACTS, "supplier type": "new"}, MODEL)
    assert found.facts == {**FACTS, "supplier type": "new"}
    assert found.readings == ()


def test_numbers_are_never_read_as_others() -> None:
    assert ground({**FACTS, "amount": 101}, MODEL).facts["amount"] == 101
    assert ground({**FACTS, "amount": "a hundred"}, MODEL).facts["amount"] == "a hundred"


def test_a_rule_is_never_read_as_another() -> None:
    model = ScriptedWorldModel({"rule": ("orders above 500 euros need the director",)}, {})
    said = {"rule": "orders above 900 euros need the director"}
    assert ground(said, model).facts == said


def test_what_is_unlike_everything_is_left_to_be_refused() -> None:
    said = {**without("supplier"), "zebra": "known", "status": "xyzzy"}
    assert ground(said, MODEL).facts == said


def test_two_readings_that_are_about_as_good_are_none() -> None:
    model = ScriptedWorldModel({"left door": ("open", "shut"), "right door": ("open", "shut")}, {})
    said = {"door": "open", "right door": "shut"}
    assert ground(said, model).facts == {"left door": "open", "right door": "shut"}
    both = {"door a": "open", "door b": "shut"}
    assert ground(both, model).facts == both


def test_the_plan_says_how_the_state_was_read() -> None:
    agent = Agent(review_model())
    said = {"Status": "Draft", "legal review": "not started", "hold": "none"}
    plan, same = agent.plan("approved", said), agent.plan("approved", REVIEW_START)
    assert plan.actions == same.actions
    assert plan.warnings[0].startswith("read 'Status: Draft' as 'status: draft'")
    assert plan.warnings[1:] == same.warnings
    answer = agent.what_if(said, actions=["submit", "rush"], until="approved")
    assert answer.warnings[0] == plan.warnings[0]
    stages = list(agent.stream("approved", said))
    assert any("read 'Status: Draft'" in str(stage) for stage in stages)


def test_grounding_can_be_switched_off() -> None:
    said = {"Status": "Draft", "legal review": "not started", "hold": "none"}
    with pytest.raises(OutOfDomain, match="status"):
        Agent(review_model()).plan("approved", said, ground=False)
    with pytest.raises(OutOfDomain, match="status"):
        Agent(review_model()).what_if(said, actions=["submit"], until="approved", ground=False)


def test_a_state_that_is_not_understood_stays_an_error() -> None:
    with pytest.raises(OutOfDomain, match="colour"):
        Agent(review_model()).plan("approved", {**REVIEW_START, "colour": "red"})
    with pytest.raises(OutOfDomain, match="banana"):
        Agent(review_model()).plan("approved", {**REVIEW_START, "status": "banana"})


@pytest.mark.skipif(not MiniLM.available(), reason="needs the extra wmagent[text]")
def test_meaning_counts_where_no_word_is_shared() -> None:
    model = Meaning(
        {"legal review": ("not started", "passed"), "documents": ("incomplete", "complete"),
         "counterparty": ("known", "new")},
        {},
    )  # fmt: skip
    said = {"check by the lawyers": "passed", "paperwork": "incomplete", "business partner": "new"}
    assert ground(said, model).facts == {"legal review": "passed", "documents": "incomplete", "counterparty": "new"}
    unrelated = {**said, "paperwork": "purple"}
    assert ground(unrelated, model).facts["paperwork"] == "purple"
