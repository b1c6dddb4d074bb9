"""The judged command's object: learn from rows, predict others, floors and controls beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from wmagent.domain.types import Action, Facts, Observation, Transition, Value
from wmagent.errors import InputError, OutOfDomain
from wmagent.evals.transitions import run
from wmagent.model.baselines import NAMES

SCORES = ("exact", "exact_changed", "exact_unchanged", "changed_f1", "ece")


def rows(cases: int) -> list[Transition]:
    """Three switches; `flip i` works unless the guard is up; every case is a walk of six steps."""
    found = []
    for case in range(cases):
        state: dict[str, Value] = {"guard": case % 4 == 0}
        state.update({f"s{i}": bool((case >> i) & 1) for i in range(3)})
        for step in range(6):
            action = Action("flip", {"which": (case + step * step) % 3})
            after = dict(state)
            if not state["guard"]:
                key = f"s{action.arguments['which']}"
                after[key] = not state[key]
            error = "guarded" if state["guard"] else None
            found.append(Transition(Observation(dict(state)), action, Observation(after), error=error))
            state = after
    return found


@dataclass(frozen=True)
class Said:
    most_likely: Facts
    fact_probabilities: dict[str, dict[Value | None, float]]


class Perfect:
    """A forecaster that knows the rule; it refuses states with a guard that it was told to refuse."""

    def __init__(self, refuse_guarded: bool = False) -> None:
        self.refuse_guarded = refuse_guarded

    def forecast(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[Said]:
        found = []
        for state, action in zip(facts, actions, strict=True):
            if self.refuse_guarded and state["guard"]:
                raise OutOfDomain("never seen")
            after = dict(state)
            key = f"s{action.arguments['which']}"
            if not state["guard"]:
                after[key] = not state[key]
            found.append(Said(after, {k: {after[k]: 1.0} for k in ("s0", "s1", "s2")}))
        return found


def test_a_perfect_model_scores_one_and_its_controls_do_not() -> None:
    seen: list[int] = []

    def learner(found: Sequence[Transition], seed: int, progress: object) -> Perfect:
        seen.append(len(found))
        return Perfect()

    result = run(rows(16), rows(12), seed=1, limit=60, learner=learner)
    assert seen == [60]
    assert (result["n_train"], result["n_test"]) == (60, 72)
    assert [result[name] for name in SCORES] == [1.0, 1.0, 1.0, 1.0, 0.0]
    floors, controls = result["floors"], result["controls"]
    assert isinstance(floors, dict)
    assert isinstance(controls, dict)
    assert tuple(floors) == NAMES
    assert list(controls) == ["real", "shuffled", "uniform", "prior", "none"]
    assert floors["persistence"]["exact"] == pytest.approx(18 / 72)
    assert floors["persistence"]["exact_unchanged"] == 1.0
    for control, floor in (("none", "persistence"), ("prior", "most_frequent_change")):
        assert controls[control] == {k: v for k, v in floors[floor].items() if k != "learn_seconds"}
    assert controls["real"]["exact"] == 1.0
    for name in ("shuffled", "uniform", "prior", "none"):
        assert controls[name]["exact"] < 0.8, name
        assert set(SCORES) <= set(controls[name])
    assert controls["shuffled"]["exact_unchanged"] == 1.0  # the state is kept: a guarded state stays whatever is done
    assert result["peak_mib"] >= result["peak_mib_before_learning"] > 10  # type: ignore[operator]
    json.dumps(result, allow_nan=False)


def test_the_same_seed_gives_the_same_object() -> None:
    def learner(found: Sequence[Transition], seed: int, progress: object) -> Perfect:
        return Perfect()

    first, second = (run(rows(8), rows(4), seed=3, learner=learner) for _ in range(2))
    for name in ("controls", "intervals", "control_intervals"):
        assert first[name] == second[name]


def test_rows_outside_the_model_count_as_unchanged_and_are_counted() -> None:
    def learner(found: Sequence[Transition], seed: int, progress: object) -> Perfect:
        return Perfect(refuse_guarded=True)

    result = run(rows(8), rows(8), learner=learner)
    assert result["refused"] == 12
    assert result["exact"] == 1.0  # guarded rows do not change, so saying nothing changes is right here


def test_files_are_read_and_empty_ones_refused(tmp_path: Path) -> None:
    from wmagent.worlds.recorded import write_transitions

    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl.gz"
    write_transitions(train, rows(8))
    write_transitions(test, rows(4))

    def learner(found: Sequence[Transition], seed: int, progress: object) -> Perfect:
        return Perfect()

    result = run(train, test, learner=learner)
    assert (result["n_train"], result["n_test"], result["exact"]) == (48, 24, 1.0)
    assert result["test_pairs_seen_in_training"] == 24
    with pytest.raises(InputError):
        run(train, [], learner=learner)


def test_a_learned_model_goes_through_the_same_door() -> None:
    result = run(rows(24), rows(8), preset="tiny", text="learned")
    assert 0.0 <= float(str(result["exact"])) <= 1.0
    assert result["refused"] == 0
    assert result["exact"] > result["floors"]["persistence"]["exact"]  # type: ignore[index]
