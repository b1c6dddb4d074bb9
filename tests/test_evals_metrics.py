"""Scores, intervals and splits against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wmagent.domain.types import Action, Facts, Observation, Transition
from wmagent.errors import InputError
from wmagent.evals.metrics import NextState, bootstrap, brier, coverage, ece, score, top_value
from wmagent.evals.splits import split_by_case, split_rare, walks

GO = Action("go")


def row(before: Facts, after: Facts, case: str = "") -> Transition:
    return Transition(Observation(before), GO, Observation(after), case=case)


def test_scores_of_three_rows_by_hand() -> None:
    rows = [
        row({"a": 1, "b": 1}, {"a": 2, "b": 1}),
        row({"a": 1, "b": 1}, {"a": 1, "b": 1}),
        row({"a": 1}, {"a": 3, "c": 1}),
    ]
    said = [
        NextState({"a": 2.0, "b": 1}, {"a": {2: 0.9, 1: 0.1}}),  # right; 2.0 is the same value
        NextState({"a": 1}, {"a": {1: 0.8, 2: 0.2}}),  # wrongly loses b
        NextState({"a": 3}, {"a": {3: 0.6, 1: 0.4}}),  # misses c
    ]
    got = score(rows, said, ["a"], resamples=50)
    assert got["exact"] == pytest.approx(1 / 3)
    assert got["exact_changed"] == pytest.approx(1 / 2)
    assert got["exact_unchanged"] == 0.0
    # real changes: a=2; none; a=3, c=1 -> 3; said: a=2; b gone; a=3 -> 3; common 2
    assert got["changed_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert got["ece"] == pytest.approx((0.1 + 0.2 + 0.4) / 3)  # three different bins, all hits
    assert got["ece_on_changes"] == pytest.approx((0.1 + 0.4) / 2)
    assert (got["n"], got["n_changed"]) == (3, 2)


def test_a_slot_nobody_mentions_counts_as_certain_to_stay() -> None:
    rows = [row({"a": 1}, {"a": 2}), row({"a": 1}, {"a": 1})]
    got = score(rows, [NextState({"a": 1}, {}), NextState({"a": 1}, {})], ["a"], resamples=10)
    assert got["ece"] == pytest.approx(0.5)


def test_scores_without_rows_of_their_kind_are_none() -> None:
    got = score([row({"a": 1}, {"a": 1})], [NextState({"a": 1}, {"a": {1: 1.0}})], ["a"], resamples=10)
    assert got["exact_changed"] is None
    assert got["changed_f1"] is None
    assert got["exact_unchanged"] == 1.0
    intervals = got["intervals"]
    assert isinstance(intervals, dict)
    assert intervals["exact_changed"] is None


def test_intervals_resample_whole_cases() -> None:
    rows = [row({"a": 1}, {"a": 1}, case=f"c{i // 50}") for i in range(200)]
    said = [NextState({"a": 1 if i < 100 else 2}, {}) for i in range(200)]
    by_row = score(rows, said, [], resamples=400)["intervals"]
    by_case = score(rows, said, [], walks(rows), resamples=400)["intervals"]
    assert isinstance(by_row, dict)
    assert isinstance(by_case, dict)
    assert by_row["exact"][1] - by_row["exact"][0] < 0.2
    assert by_case["exact"] == [0.0, 1.0]  # four cases, each all right or all wrong


def test_absent_is_not_the_word_none() -> None:
    rows = [row({"a": "x"}, {})]
    assert score(rows, [NextState({"a": "None"}, {})], [], resamples=5)["exact"] == 0.0
    assert score(rows, [NextState({}, {})], [], resamples=5)["exact"] == 1.0
    assert top_value({None: 0.6, "None": 0.4}) == (None, 0.6)
    assert top_value({2: 0.3, "x": 0.4, "2": 0.3}) == ("2", 0.6)


def test_calibration_error_brier_and_coverage_by_hand() -> None:
    assert ece([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert ece([1.0] * 4, [True, True, False, False]) == pytest.approx(0.5)
    assert ece([0.0, 1.0], [False, True]) == 0.0
    assert brier([0.5, 1.0], [1, 1]) == pytest.approx(0.125)
    assert coverage([(0.0, 0.5), (0.2, 0.3)], [0.5, 0.31]) == 0.5


def test_bootstrap_narrows_with_n_and_brackets_the_mean() -> None:
    draws = np.random.default_rng(0).normal(3.0, 1.0, 2000)
    small, large = bootstrap(draws[:50].tolist()), bootstrap(draws.tolist())
    assert small[0] < 3.0 < small[1]
    assert large[1] - large[0] < 0.5 * (small[1] - small[0])
    assert bootstrap(draws.tolist()) == large
    assert all(math.isnan(x) for x in bootstrap([]))


def chain(lengths: list[int]) -> list[Transition]:
    rows, x = [], 0
    for length in lengths:
        x += 10
        for _ in range(length):
            rows.append(row({"x": x}, {"x": x + 1}))
            x += 1
        x += 1
    return rows


def test_walks_follow_the_chain_or_the_case() -> None:
    assert walks(chain([3, 1, 2])) == ["walk 0"] * 3 + ["walk 1"] + ["walk 2"] * 2
    assert walks([row({}, {}, "k"), row({}, {}, "k"), row({}, {}, "l")]) == ["case k", "case k", "case l"]
    assert walks([row({}, {}, "k"), row({}, {})]) == ["case k", "walk 1"]


def test_held_out_rows_share_no_walk_with_training() -> None:
    rows = chain([8] * 20)
    kept, held = split_by_case(rows, 0.25, seed=3)
    assert len(kept) + len(held) == 160
    assert len(held) == 40
    assert not {r.before.facts["x"] for r in kept} & {r.after.facts["x"] for r in held}
    assert split_by_case(rows, 0.25, seed=3) == (kept, held)
    assert split_by_case(rows, 0.25, seed=4) != (kept, held)
    with pytest.raises(InputError, match="at least two"):
        split_by_case(chain([5]), 0.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        split_by_case(rows, 1.0)


def test_the_rare_split_holds_out_half_of_the_uncommon_cases() -> None:
    rows = []
    for i in range(100):
        lock = "rare" if i < 4 else "usual"
        rows += [row({"lock": lock, "step": s}, {"lock": lock, "step": s + 1}, case=f"c{i}") for s in range(2)]
    kept, held = split_rare(rows, share=0.5, below=0.1)
    assert {r.before.facts["lock"] for r in held} == {"rare"}
    assert len(held) == 4
    assert sum(r.before.facts["lock"] == "rare" for r in kept) == 4
    with pytest.raises(InputError, match="two are needed"):
        split_rare([r for r in rows if r.before.facts["lock"] == "usual"])
