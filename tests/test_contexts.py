"""Contexts: the trees find what decides, and what was recorded there corrects the predictor. Knows small tables."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wmagent.domain.types import Action, Facts, Observation, Transition
from wmagent.model.config import ModelConfig
from wmagent.model.contexts import KEEPS, NOWHERE, UNSURE, Contexts, Trees
from wmagent.model.world_model import WorldModel

NAN = float("nan")


def grown(rows: Tensor, result: Tensor, numbers: Tensor | None = None) -> Trees:
    """The trees of one action."""
    known = (rows.max(0).values + 1).tolist()
    numbers = torch.full((rows.shape[1], max(known)), NAN) if numbers is None else numbers
    return Trees.build(rows, torch.zeros(len(rows), dtype=torch.long), result, 1, known, numbers)


def leaves(trees: Trees, rows: Tensor, numbers: Tensor | None = None) -> list[int]:
    told = torch.full(rows.shape, NAN, dtype=torch.float64) if numbers is None else numbers.double()
    return trees.leaf(rows, told, torch.zeros(len(rows), dtype=torch.long)).tolist()


def every(*sizes: int, times: int = 8) -> Tensor:
    return torch.tensor(list(product(*(range(size) for size in sizes)))).repeat(times, 1)


def test_the_fact_that_decides_is_found_among_others() -> None:
    rows = every(2, 3, 2)
    trees = grown(rows, (rows[:, 1] == 2).long())
    assert trees.decides.tolist() == [[False, True, False]]
    found = leaves(trees, rows)
    assert len(set(found)) == 2
    assert all((leaf == found[0]) == (row[1] != 2) for leaf, row in zip(found, rows.tolist(), strict=True))


def test_chance_decides_nothing() -> None:
    rows = every(2, 3, 2)
    coin = torch.rand(len(rows), generator=torch.Generator().manual_seed(0)) < 0.5
    trees = grown(rows, coin.long())
    assert not trees.decides.any()
    assert len(set(leaves(trees, rows))) == 1


def test_two_facts_that_only_together_decide_are_found() -> None:
    rows = every(2, 2, 3)
    trees = grown(rows, rows[:, 0] ^ rows[:, 1])  # neither alone says anything
    assert trees.decides.tolist() == [[True, True, False]]
    groups = {leaf: {(a ^ b) for at, (a, b, _) in zip(leaves(trees, rows), rows.tolist(), strict=True) if at == leaf}
              for leaf in leaves(trees, rows)}  # fmt: skip
    assert all(len(results) == 1 for results in groups.values())


def test_a_threshold_holds_for_numbers_never_recorded() -> None:
    numbers = torch.tensor([[100.0, 200.0, 300.0, 400.0], [NAN] * 4])
    rows = every(4, 2)
    trees = grown(rows, (numbers[0, rows[:, 0]] > 250).long(), numbers)
    recorded = leaves(trees, torch.tensor([[0, 0], [3, 0]]), torch.tensor([[100.0, NAN], [400.0, NAN]]))
    never = leaves(trees, torch.tensor([[9, 0], [9, 1]]), torch.tensor([[17.0, NAN], [1234.0, NAN]]))
    assert never == recorded
    assert never[0] != never[1]


def test_a_comparison_of_two_numbers_holds_for_numbers_never_recorded() -> None:
    amounts = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0])
    numbers = torch.stack([amounts, amounts])
    rows = every(5, 5)
    trees = grown(rows, (rows[:, 0] > rows[:, 1]).long(), numbers)
    assert trees.decides.all()
    assert (trees.other >= 0).any()
    new = torch.tensor([[900.0, 1000.0], [1000.0, 900.0], [900.0, 900.0], [3.0, 2.0]])
    found = leaves(trees, torch.full((4, 2), 9), new)
    assert found[0] == found[2] != found[1] == found[3]


def test_where_a_deciding_word_was_never_seen_the_predictor_stands_alone() -> None:
    rows = every(2, 2)
    trees = grown(rows, rows[:, 0])
    assert leaves(trees, torch.tensor([[2, 0]])) == [NOWHERE]  # decides
    assert leaves(trees, torch.tensor([[1, 2]])) == leaves(trees, torch.tensor([[1, 0]]))  # decides nothing
    counted = Contexts.count(torch.tensor(leaves(trees, rows)), rows[:, 0], torch.zeros(0, len(rows)), (9, 2))
    said = torch.tensor([[0.3, 0.7]])
    assert counted.at(torch.tensor([NOWHERE]), 1.0).probs(said).tolist() == said.tolist()


def test_counts_correct_the_prediction_as_a_prior_of_so_many_rows() -> None:
    leaf, result = torch.zeros(10, dtype=torch.long), torch.tensor([0] * 8 + [1] * 2)
    weights = torch.stack([torch.ones(10), torch.tensor([0.0] * 8 + [1.0] * 2)])
    here = Contexts.count(leaf, result, weights, (1, 2)).at(torch.tensor([0]), strength=10.0)
    assert here.probs(torch.tensor([[0.0, 1.0]])).tolist() == [pytest.approx([0.4, 0.6])]
    heads = here.heads(torch.tensor([[[0.5, 0.5]], [[0.5, 0.5]]]))
    assert heads[0].tolist() == [pytest.approx([13 / 20, 7 / 20])]
    assert heads[1].tolist() == [pytest.approx([5 / 12, 7 / 12])]  # its bootstrap drew the last two rows only


def test_durations_and_endings_are_corrected_alike() -> None:
    leaf, result = torch.zeros(4, dtype=torch.long), torch.zeros(4, dtype=torch.long)
    counted = Contexts.count(
        leaf, result, torch.zeros(0, 4), (1, 1),
        duration=torch.tensor([0, 0, 0, 1]), durations=2, done=torch.tensor([1.0, 1.0, 0.0, 0.0]),
    )  # fmt: skip
    here = counted.at(torch.tensor([0]), strength=4.0)
    assert here.hours(torch.tensor([[[0.25, 0.75]]])).flatten().tolist() == pytest.approx([0.5, 0.5])
    assert here.endings(torch.tensor([[0.0]])).item() == pytest.approx(0.25)


def test_effects_keep_set_or_leave_it_to_the_predictor() -> None:
    before = torch.tensor([[0, 0, 0], [1, 1, 0], [0, 0, 0]])
    after = torch.tensor([[0, 2, 0], [1, 2, 1], [0, 2, 0]])  # kept, always made 2, once 1
    leaf, result = torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.long)
    counted = Contexts.count(leaf, result, torch.zeros(0, 3), (2, 1), (before, after))
    assert counted.effects[0, 0].tolist() == [KEEPS, 2, UNSURE]
    assert counted.effects[1, 0].tolist() == [UNSURE] * 3  # nothing was recorded there
    here = counted.at(torch.tensor([0]), 1.0)
    now, predicted = torch.tensor([[4, 4, 4]]), torch.tensor([[[7, 7, 7]]])
    assert here.values(predicted, now).tolist() == [[[4, 2, 7]]]
    flat = torch.full((1, 1, 3, 5), 0.2)
    chances = here.marginals(flat, now)[0, 0]
    assert chances[0].tolist() == pytest.approx([0.05] * 4 + [0.8])  # three rows agree, one case more might not
    assert chances[1, 2].item() == pytest.approx(0.8)
    assert chances[2].tolist() == pytest.approx([0.2] * 5)


def requests() -> list[Transition]:
    """A clerk decides by the kind of a request, of which one is rare; what is decided is not decided again."""
    decided = {"leave": "granted", "travel": "refused", "loan": "passed on"}
    kinds = ["leave", "travel"] * 60 + ["loan"] * 8
    rows = []
    for i, kind in enumerate(kinds):
        before: Facts = {"kind": kind, "desk": "left" if i % 3 else "right", "state": "open"}
        after = {**before, "state": decided[kind]}
        rows.append(Transition(Observation(before), Action("decide"), Observation(after), 1.0, case=f"case {i}"))
        rows.append(Transition(Observation(after), Action("decide"), Observation(after), error="no", case=f"case {i}"))
    return rows


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel.learn(requests(), config=ModelConfig(width=16, steps=30, batch=32), text="learned")


def open_(kind: str, desk: str = "left") -> Facts:
    return {"kind": kind, "desk": desk, "state": "open"}


def test_evidence_counts_the_rows_that_are_alike_in_what_decides(model: WorldModel) -> None:
    often, seldom, never = model.evidences([open_("leave"), open_("loan"), open_("sabbatical")], ["decide"] * 3)
    assert (often.support, often.n) == ("observed", 60)  # at both desks, which decide nothing
    assert (seldom.support, seldom.n) == ("interpolated", 8)
    assert (never.support, never.n) == ("extrapolated", 0)


def test_hardly_trained_the_record_decides_and_a_refused_action_leaves_all_facts(model: WorldModel) -> None:
    passed = {**open_("loan", "right"), "state": "passed on"}
    after, refused = model.forecast([open_("loan", "right"), passed], ["decide"] * 2)
    assert after.most_likely == passed
    assert refused.legal < 0.5 < after.legal
    assert all(outcome.facts == passed for outcome in refused.outcomes)


def test_saved_and_loaded_contexts_say_the_same(model: WorldModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded, asked = WorldModel.load(tmp_path / "model"), [open_(kind) for kind in ("leave", "loan", "travel")]
    assert loaded.precedents is not None
    assert loaded.forecast(asked, ["decide"] * 3) == model.forecast(asked, ["decide"] * 3)
    assert loaded.evidences(asked, ["decide"] * 3) == model.evidences(asked, ["decide"] * 3)
