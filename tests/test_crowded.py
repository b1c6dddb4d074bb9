"""Facts with thousands of values (amounts, times, identifiers): bounded size, exact copies, no made-up numbers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from wmagent import Action, Condition, Observation, OutOfDomain, Transition, WorldModel
from wmagent.model.config import ModelConfig
from wmagent.model.vocabulary import MAX_VALUES, UNNAMED, Vocabulary

TINY = ModelConfig(width=32, layers=1, heads=2, steps=250, batch=64, ensemble=2, outcomes=2)


USUAL = (10.0, 25.0, 99.0)


def amount(draw: random.Random) -> float:
    return draw.choice(USUAL) if draw.random() < 0.3 else draw.randint(100, 100_000) / 100


def ledger(n: int) -> list[Transition]:
    """Cases with an amount and a time of their own; `pay` pays, `charge` sets another amount, both move the time."""
    draw, rows = random.Random(0), []
    for i in range(n):
        facts = {"status": draw.choice(["open", "paid"]), "amount": amount(draw), "at": f"t{i:06d}"}
        after = facts | {"at": f"t{i + 1:06d}"}
        name = draw.choice(["pay", "charge"])
        after |= {"status": "paid"} if name == "pay" else {"status": "open", "amount": amount(draw)}
        rows.append(
            Transition(Observation(facts | {"id": f"id-{i}"}), Action(name), Observation(after | {"id": f"id-{i}"}))
        )
    return rows


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel.learn(ledger(1_500), config=TINY, text="learned")


STATE = {"status": "open", "amount": 512.34, "at": "t000010", "id": "id-new"}


def test_the_table_stays_small(model: WorldModel) -> None:
    assert len(model.values("amount")) > 1_000
    assert len(model.values("at")) > 1_000
    small = model.table.values.shape
    assert small[1] <= len(USUAL) + 4
    model.score(ledger(3_000)[1_500:])  # thousands of values that were never seen
    assert model.table.values.shape == small


def test_only_so_many_values_get_a_place() -> None:
    rows = [row for row in ledger(600) for _ in range(5)]  # each value often enough to be told apart
    vocabulary = Vocabulary.build(rows)
    assert vocabulary.told_apart(vocabulary.slot_index("at")) == MAX_VALUES + 2


def test_values_met_later_share_a_place_when_there_is_no_room(model: WorldModel) -> None:
    rows = [
        Transition(Observation(STATE | {"status": f"s{i}"}), Action("pay"), Observation(STATE | {"status": "paid"}))
        for i in range(1_000)
    ]
    scores = WorldModel.learn(ledger(200), config=TINY.model_copy(update={"steps": 5}), text="learned")
    assert all(score.unknown for score in scores.score(rows))
    assert scores.table.values.shape[1] == MAX_VALUES + 2


def test_what_does_not_change_is_copied_exactly(model: WorldModel) -> None:
    assert model.read(model.observe(STATE)) == [STATE]
    said = model.forecast([STATE], ["pay"])[0]
    assert said.most_likely["amount"] == 512.34
    assert said.most_likely["status"] == "paid"
    assert said.fact_probabilities["amount"][512.34] > 0.9
    assert sum(said.fact_probabilities["amount"].values()) == pytest.approx(1, abs=1e-3)


def test_a_new_value_gets_no_invented_number(model: WorldModel) -> None:
    said = model.forecast([STATE], ["charge"])[0]
    assert said.most_likely["amount"] == UNNAMED
    assert said.most_likely["at"] == UNNAMED
    assert said.fact_probabilities["amount"][UNNAMED] > 0.5
    assert model.card["held_out"]["exact"] == 0  # the time always moves to a value without a name


def test_conditions_on_values_without_a_name_are_refused(model: WorldModel) -> None:
    latent = model.observe(STATE)
    assert not model.holds(latent, [Condition("amount", 25)]).item()
    assert model.holds(latent, [Condition("amount", 25, "!=")]).item()
    for condition in (Condition("amount", 600, "<"), Condition("amount", 512.34), Condition("at", "t900000")):
        with pytest.raises(OutOfDomain, match="are told apart and"):
            model.holds(latent, [condition])


@pytest.mark.parametrize("amount", [1e9, -5, "much", True])
def test_numbers_outside_what_was_recorded_are_refused(model: WorldModel, amount: float | str) -> None:
    with pytest.raises(OutOfDomain, match=r"numbers from 1.* to "):
        model.observe(STATE | {"amount": amount})


def test_scores_tell_a_moved_time_from_one_that_stands_still(model: WorldModel) -> None:
    rows = ledger(1_500)
    moved = next(t for t in rows if t.action.name == "pay" and t.before.facts["status"] == "open")
    still = Transition(
        moved.before, moved.action, Observation(dict(moved.after.facts) | {"at": moved.before.facts["at"]})
    )
    expected, odd = model.score([moved, still])
    assert "at" not in {fact.key for fact in expected.odd}
    assert "at" in {fact.key for fact in odd.odd}
    assert odd.nll > expected.nll + 1


def test_new_values_of_a_crowded_fact_are_no_anomalies(model: WorldModel) -> None:
    fresh = Transition(Observation(STATE), Action("pay"), Observation(STATE | {"status": "paid", "at": "t777777"}))
    strange = Transition(Observation(STATE | {"amount": 1e9}), Action("pay"), Observation(STATE | {"amount": 1e9}))
    assert model.score([fresh])[0].unknown == ()
    assert model.score([strange])[0].unknown == ("fact 'amount' was never 1000000000.0",)


def test_saved_models_keep_it(model: WorldModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.wm")
    loaded = WorldModel.load(tmp_path / "m.wm")
    pay = torch.tensor([model.action_index("pay")])
    one, other = (m.imagine(m.observe(STATE), pay) for m in (model, loaded))
    assert torch.equal(one.probs, other.probs)
    assert model.read(one.next) == loaded.read(other.next)
    assert UNNAMED not in loaded.values("amount")
    assert all(value != UNNAMED for _, value in loaded.fact_sentences())
    assert "id" not in {key for key, _ in loaded.fact_sentences()}
