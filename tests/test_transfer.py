"""Transfer: the same workflow under other names, by meaning and by what was recorded."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from wmagent.adapters.text import MiniLM
from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.domain.types import Action, Facts, Observation, Transition, Value
from wmagent.errors import InputError
from wmagent.model.alignment import align
from wmagent.model.config import ModelConfig
from wmagent.model.contexts import Contexts
from wmagent.model.transfer import Pair, Translation, Wording, translated
from wmagent.model.world_model import WorldModel

TINY = ModelConfig(width=32, steps=300, batch=96, warmup=20, ensemble=4)
KEYS = {"status": "state", "legal review": "lawyer review", "hold": "hold placed"}
WORDS = {
    "status": {"draft": "drafted", "submitted": "submitted already", "approved": "approved finally"},
    "legal review": {"not started": "not yet started", "passed": "passed fine", "changes requested": "changes wanted"},
    "hold": {"none": "none so far", "placed": "placed now"},
}
ACTIONS = {"submit": "submit it", "legal_review": "lawyer_review", "negotiate": "negotiate_terms",
           "approve": "approve_finally", "rush": "rush_it"}  # fmt: skip


def log(cases: int, seed: int = 0) -> list[Transition]:
    """Cases of the small known world under random behaviour, a few refused attempts among them."""
    world, draw, rows = review_model(), random.Random(seed), []
    for case in range(cases):
        facts = dict(REVIEW_START)
        for _ in range(6):
            action = draw.choice(world.actions)
            outcomes = world.rules[action](facts)
            seen = Observation(facts)
            if not outcomes:
                if draw.random() < 0.3:
                    rows.append(Transition(seen, action, seen, error="not allowed", case=f"case {case}"))
                continue
            outcome = draw.choices(outcomes, [o.probability for o in outcomes])[0]
            after = Observation(outcome.facts)
            rows.append(Transition(seen, action, after, outcome.duration, outcome.cost, case=f"case {case}"))
            facts = dict(outcome.facts)
    return rows


def renamed(facts: Facts) -> Facts:
    return {KEYS[key]: WORDS[key].get(str(value), value) for key, value in facts.items()}


def retold(rows: list[Transition]) -> list[Transition]:
    """The same transitions in the words of the other workflow."""
    return [
        dataclasses.replace(
            row,
            before=Observation(renamed(row.before.facts)),
            after=Observation(renamed(row.after.facts)),
            action=Action(ACTIONS[row.action.name]),
        )
        for row in rows
    ]


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel.learn(log(400), config=TINY, text="learned", seed=0)


@pytest.fixture(scope="module")
def other(model: WorldModel) -> WorldModel:
    return translated(model, align(model, Wording.of(retold(log(100, seed=3)))))


def test_words_in_common_are_enough_where_they_tell(model: WorldModel, other: WorldModel) -> None:
    assert [KEYS[key] for key in model.slots] == list(other.slots)
    assert [ACTIONS[action.name] for action in model.actions] == [action.name for action in other.actions]
    rows = log(20, seed=4)
    source = model.forecast([r.before.facts for r in rows], [r.action for r in rows])
    found = other.forecast([renamed(r.before.facts) for r in rows], [ACTIONS[r.action.name] for r in rows])
    assert [renamed(f.most_likely) for f in source] == [dict(f.most_likely) for f in found]
    assert [f.legal for f in source] == [f.legal for f in found]


def test_a_translated_model_is_saved_and_loaded(other: WorldModel, tmp_path: Path) -> None:
    other.save(tmp_path / "other.wm")
    again = WorldModel.load(tmp_path / "other.wm")
    rows = retold(log(20, seed=4))
    before, after = other.observe([r.before.facts for r in rows]), again.observe([r.before.facts for r in rows])
    assert torch.equal(before.z, after.z)
    action = torch.tensor([other.action_index(r.action) for r in rows])
    assert torch.equal(other.imagine(before, action).probs, again.imagine(after, action).probs)
    assert again.card["translated"]["facts"]["lawyer review"] == "legal review"
    assert "- lawyer review: legal review" in again.card_markdown()


def test_words_met_later_leave_the_others_where_they_are(other: WorldModel) -> None:
    features = other.table.values.clone()
    facts = {**renamed(REVIEW_START), "state": "lost in the post"}
    grown = translated(other, Translation((), {}, ()))
    grown.observe(facts, strict=False)
    assert torch.equal(grown.table.values[:, : features.shape[1]], features)
    assert other.table.values.shape == features.shape


def test_assignments_are_one_to_one(model: WorldModel) -> None:
    found = align(model, Wording.of(retold(log(50))))
    for pairs in (found.facts, found.actions, *found.values.values()):
        known = [str(pair.known) for pair in pairs]
        assert len(set(known)) == len(known)
    assert found.unmatched == ()


def test_more_words_than_known_stay_unmatched(model: WorldModel) -> None:
    wording = Wording.of(retold(log(50)))
    more = Wording({**wording.facts, "weather": ("fine", "rain")}, (*wording.actions, Action("sing")))
    found = align(model, more)
    assert set(found.unmatched) == {"fact weather", "action sing"}
    assert len(found.facts) == len(model.slots)


def test_recorded_transitions_correct_what_words_get_wrong(model: WorldModel) -> None:
    """`approve` and `submit` change names, and so do two facts: the words alone are misled."""
    swapped = {**ACTIONS, "submit": "approve_finally", "approve": "submit it"}
    rows = [
        dataclasses.replace(told, action=Action(swapped[row.action.name]))
        for row, told in zip(log(60, seed=5), retold(log(60, seed=5)), strict=True)
    ]
    by_words = {p.new.name: p.known.name for p in align(model, Wording.of(rows)).actions}
    by_record = {p.new.name: p.known.name for p in align(model, transitions=rows).actions}
    assert by_words["approve_finally"] == "approve"
    assert by_record == {new: known for known, new in swapped.items()}


def test_an_unrelated_workflow_is_refused(model: WorldModel) -> None:
    wording = Wording({"oven": ("cold", "hot"), "dough": ("raw", "kneaded")}, (Action("knead"), Action("bake")))
    with pytest.raises(InputError, match="another kind of workflow"):
        align(model, wording)
    with pytest.raises(InputError, match="needs the words"):
        align(model)


def test_a_translation_names_what_exists_and_once(model: WorldModel) -> None:
    with pytest.raises(InputError, match="did you mean 'status'"):
        translated(model, Translation((Pair("state", "statuss", 1.0),), {}, ()))
    with pytest.raises(InputError, match="two new names"):
        translated(model, Translation((Pair("a", "status", 1.0), Pair("b", "status", 1.0)), {}, ()))
    with pytest.raises(InputError, match="unknown value"):
        translated(model, Translation((Pair("state", "status", 1.0),), {"state": (Pair("x", "lost", 1.0),)}, ()))
    pairs: tuple[Pair[Value], ...] = (Pair("x", "draft", 1.0), Pair("x", "approved", 1.0))
    with pytest.raises(InputError, match="same name"):
        translated(model, Translation((Pair("state", "status", 1.0),), {"state": pairs}, ()))


def test_known_words_that_are_left_over_do_not_clash(model: WorldModel) -> None:
    found = translated(
        model, Translation((Pair("hold", "status", 0.5),), {"hold": (Pair("passed", "draft", 0.5),)}, ())
    )
    assert set(found.slots) == {"hold", "hold (before)", "legal review"}
    assert "passed" in found.values("hold")


def test_adapting_keeps_the_source_and_knows_the_new_cases(model: WorldModel) -> None:
    slots, remembered = model.slots, model.n_transitions
    rows = retold(log(40, seed=6))
    few = model.adapt(rows)
    assert model.slots == slots
    assert few.n_transitions == remembered + len(rows)
    again = next(row for row in rows if row.error is None)
    cases = {case.case for case in few.evidence(again.before.facts, again.action, k=5_000).cases}
    assert again.case in cases
    assert any(case.endswith("(before)") for case in cases)
    assert few.card["adapted"]["transitions"] == len(rows)


def test_tuning_is_kept_where_the_workflow_differs(model: WorldModel) -> None:
    """In the new workflow a rushed approval always ends in a hold."""
    rows = [
        dataclasses.replace(
            row, after=Observation({**row.after.facts, "state": "drafted", "hold placed": "placed now"})
        )
        if row.action.name == "rush_it" and row.error is None
        else row
        for row in retold(log(160, seed=7))
    ]
    few, same = model.adapt(rows, steps=60), model.adapt(rows, steps=0)
    assert few.card["adapted"]["held_out_nll_tuned"] < few.card["adapted"]["held_out_nll_before"]
    assert few.card["adapted"]["steps"] == 60
    assert same.network is model.network


def test_more_actions_than_known_cannot_be_adapted_to(model: WorldModel) -> None:
    rows = retold(log(20))
    state = rows[0].before
    rows.append(Transition(state, Action("sing"), state, case="x"))
    with pytest.raises(InputError, match="nothing is like sing"):
        model.adapt(rows)


def test_the_command_line_adapts(model: WorldModel, tmp_path: Path) -> None:
    from wmagent.cli.app import app
    from wmagent.worlds import write_transitions

    model.save(tmp_path / "old.wm")
    write_transitions(tmp_path / "few.jsonl", retold(log(15, seed=8)))
    given = ["learn", str(tmp_path / "few.jsonl"), "--from", str(tmp_path / "old.wm"), "-o", str(tmp_path / "new.wm")]
    done = CliRunner().invoke(app, [*given, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["card"]["translated"]["facts"]["state"] == "status"
    assert WorldModel.load(tmp_path / "new.wm").slots == tuple(KEYS[key] for key in model.slots)
    assert CliRunner().invoke(app, [*given, "--resume"]).exit_code == 2


@pytest.mark.skipif(not MiniLM.available(), reason="needs the extra wmagent[text]")
def test_meaning_is_enough_without_common_words() -> None:
    known = WorldModel.learn(log(200), config=TINY.model_copy(update={"steps": 2}), text="minilm", seed=0)
    wording = Wording(
        {"phase": ("first version", "handed in", "accepted"), "lawyers' opinion": ("not begun", "positive"),
         "compliance stop": ("no", "in force")},
        (Action("hand in"), Action("ask the lawyers for a review"), Action("haggle"), Action("accept")),
    )  # fmt: skip
    facts = {pair.new: pair.known for pair in align(known, wording).facts}
    assert facts == {"phase": "status", "lawyers' opinion": "legal review", "compliance stop": "hold"}


def test_precedents_count_new_rows_beside_the_old(model: WorldModel) -> None:
    before = model.precedents
    assert before is not None
    rows = retold(log(20, seed=5))
    known, refused = before.contexts.counts[0].sum(), before.accepted.counts[0, :, 0].sum()
    adapted = model.adapt(rows, steps=0)
    assert adapted.precedents is not None
    accepted = sum(row.error is None for row in rows)
    assert adapted.precedents.contexts.counts[0].sum() == known + accepted
    assert adapted.precedents.accepted.counts[0, :, 0].sum() == refused + len(rows) - accepted
    assert before.contexts.counts[0].sum() == known, "the source stays as it is"


@pytest.mark.parametrize(("more", "effect"), [(3, 1), (8, 2)])
def test_new_rows_win_over_effects_by_their_number(more: int, effect: int) -> None:
    def counted(n: int, value: int) -> Contexts:
        return Contexts.count(*rows(n), torch.ones(1, n), (1, 1), changes(n, value))

    def rows(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(n, dtype=torch.long), torch.zeros(n, dtype=torch.long)

    def changes(n: int, value: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(n, 1, dtype=torch.long), torch.full((n, 1), value)

    old = counted(5, 1)
    merged = old.plus(counted(more, 2), old.against(*rows(more), *changes(more, 2)))
    assert merged.effects.flatten().tolist() == [effect]
    assert merged.counts.flatten().tolist() == [5 + more] * 2
