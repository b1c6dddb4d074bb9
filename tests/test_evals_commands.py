"""The evaluation commands end to end on little data: files appear, and hold what they promise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import wmagent.worlds as worlds
from wmagent.domain.types import Action, Facts, Observation, Transition, canonical
from wmagent.errors import InputError
from wmagent.evals import held_out
from wmagent.evals.__main__ import main
from wmagent.evals.paraphrase import wordings
from wmagent.evals.report import shown, table, write
from wmagent.evals.throughput import count_flops, run
from wmagent.model.baselines import NAMES

DOOR = """
format: 1
name: door
about: A lock and a door.
facts:
  lock: {values: [shut, open], start: {shut: 0.7, open: 0.3}}
  door: {values: [closed, open, broken], start: closed}
actions:
  hammer:
    guard: door == closed
    effects: [{outcomes: [{chance: 0.2, set: {door: open}}, {chance: 0.8, set: {door: broken}}]}]
  unlock:
    guard: lock == shut and door == closed
    duration: 1
    effects: [{outcomes: [{chance: 0.8, set: {lock: open}}, {chance: 0.2}]}]
  open:
    guard: lock == open and door == closed
    duration: 1
    effects: [{set: {door: open}}]
goals: [{reach: door == open, deadline: 8, words: [open the door]}]
done: door != closed
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("worlds") / "door.yaml"
    path.write_text(DOOR.replace("effects: [{set: {door: open}}]", "effects: [{outcomes: [{set: {door: open}}]}]"))
    return path


def test_contract_and_suite_share_a_learned_model(
    door: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ["--seeds", "0", "--world", str(door), "--transitions", "200", "--preset", "tiny", "--text", "learned"]
    shared += ["--models", str(tmp_path / "models"), "--out", str(tmp_path)]
    small = "--questions 8 --intervals 3 --handed-over 2 --starts 1 --control-starts 1 --plans 2 --threads 1"
    assert main(["contract", *shared, *small.split()]) == 0
    found = json.loads((tmp_path / "contract.json").read_text())
    assert found["command"].startswith("python -m wmagent.evals contract")
    summary = found["summary"]
    for part in ("outcome MAE, all legal pairs", "goal probability MAE, all plans", "fact ECE, all legal pairs"):
        assert 0.0 <= summary[part]["mean"] <= 1.0
    for mode in ("real", "shuffled", "uniform", "prior", "none"):
        assert 0.0 <= summary[f"success / optimal, replanned, tight goals, {mode}"]["mean"] <= 1.0 + 1e-6
    assert found["per_seed"][0]["intervals"]["n"] + found["per_seed"][0]["intervals"]["refused"] == 3
    assert "| outcome MAE, all legal pairs |" in (tmp_path / "contract.md").read_text()
    assert (tmp_path / "contract.png").stat().st_size > 10_000
    assert main(["suite", *shared, "--starts", "1", "--planners", "best-first", "--json"]) == 0
    suite = json.loads(capsys.readouterr().out)
    own = [row["model"] for row in suite["rows"] if row["planner"] == "own policy"]
    assert own == ["successor_representation", "tabular_mdp"]
    rows = {(row["model"], row["control"]): row for row in suite["rows"] if row["planner"] != "own policy"}
    assert len(rows) == 5 + len(NAMES) + 1 + 2
    assert rows["simulator", "real"]["relative"] == pytest.approx(1.0, abs=0.02)
    assert rows["optimal", ""]["relative"] == 1.0
    assert rows["random", ""]["success"] < rows["optimal", ""]["success"]
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_errors_end_with_their_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["contract", "--world", "contract-aproval", "--out", str(tmp_path)]) == 2
    assert "did you mean 'contract-approval'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


class Persistent:
    """A forecaster that says that nothing changes."""

    def forecast(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[Any]:
        said = [type("Said", (), {"most_likely": state, "fact_probabilities": {}})() for state in facts]
        return said


def test_learning_curves_hold_whole_cases_out(tmp_path: Path) -> None:
    from wmagent.worlds import write_transitions

    go = Action("go")
    steps = [(case, step) for case in range(20) for step in range(5)]
    rows = [Transition(Observation({"x": s}), go, Observation({"x": s + 1}), case=f"c{c}") for c, s in steps]
    path = tmp_path / "rows.jsonl"
    write_transitions(path, rows)
    found: Any = held_out.run(path, [0, 1], [30, 500], learner=lambda rows, seed, progress: Persistent())
    assert [(run["seed"], run["n_train"]) for run in found["runs"]] == [(0, 30), (0, 85), (1, 30), (1, 85)]
    assert {run["exact"] for run in found["runs"]} == {0.0}
    written = write("curve", found, "command", tmp_path)
    assert [path.name for path in written] == ["curve.json", "curve.md", "curve.png"]
    assert "floor: copy_gated_mlp" in (tmp_path / "curve.md").read_text()
    with pytest.raises(InputError, match="did you mean 'rare'"):
        held_out.run(path, split="rar")  # type: ignore[arg-type]


def test_flops_are_counted_as_worked_out_by_hand() -> None:
    a, b = torch.randn(10, 4), torch.randn(4, 6)
    assert count_flops(lambda: torch.mm(a, b)) == 2 * 10 * 4 * 6
    q, k = torch.randn(3, 2, 5, 8), torch.randn(3, 2, 7, 8)
    products = 2 * (3 * 2) * 5 * 7 * 8 * 2
    assert count_flops(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, k)) == products


def test_throughput_counts_the_models_products_and_reports_a_share() -> None:
    from wmagent.model.controls import Controlled
    from wmagent.planning import TableOutcome, TabularDynamics

    states: list[Facts] = [{"x": 0}, {"x": 1}]
    inner = TabularDynamics(states, [Action("go")], {(0, 0): [TableOutcome(1.0, 1)], (1, 0): [TableOutcome(1.0, 0)]})

    class Heavy(Controlled):
        def __init__(self) -> None:
            super().__init__(inner, "real")
            self.observe = inner.observe

        def imagine(self, latent: Any, action: Any) -> Any:
            torch.mm(torch.ones(64, 64), torch.ones(64, 64))
            return super().imagine(latent, action)

    found = run(Heavy(), states, batch=16, rounds=2)
    assert found["flops_per_transition"] == 2 * 64**3 // 16
    assert (found["batch"], found["slots"], found["width"]) == (16, 1, 1)


def test_tables_show_numbers_briefly() -> None:
    assert table(("a", "b"), [[0.123456, None]]) == "| a | b |\n|---|---|\n| 0.1235 | – |"
    assert shown([0.1, 0.2]) == "0.1 … 0.2"


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    from wmagent.evals.report import contract_markdown

    summary = {"a": {"mean": 0.1, "per_seed": [0.1], "target": ""}}
    lines = contract_markdown({"summary": summary, "settings": {}, "seeds": [0]}).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")


def test_other_words_are_asked_as_plans_states_and_actions(tmp_path: Path) -> None:
    shared = ["--seeds", "0", "--transitions", "1500", "--preset", "tiny", "--text", "minilm", "--out", str(tmp_path)]
    assert main(["paraphrase", "--world", "contract-approval", *shared, "--questions", "2", "--no-plots"]) == 0
    (found,) = json.loads((tmp_path / "paraphrase.json").read_text())["per_seed"]
    assert found["goal"]["n"] == 10
    assert found["goal"]["same"] > 0.5
    assert found["value"]["same"] > 0.5
    assert found["random_names"]["same"] == found["not_grounded"]["same"] == 0.0
    assert found["actions"]["same"] > 0.7
    assert found["actions"]["another"] == pytest.approx(
        len(found["actions"]["read_as_another"]) / found["actions"]["n"]
    )


def test_wordings_name_what_the_worlds_have() -> None:
    for name in worlds.names():
        world, words = worlds.load(name), wordings(name)
        assert set(words["goals"]) == {goal.words for goal in world.goals()}
        assert set(words["facts"]) <= set(world.domains)
        assert set(words["actions"]) == {action.name for action in world.actions}
        for key, values in words["values"].items():
            if world.definition.facts[key].policy is None:
                assert set(values) <= {canonical(value) for value in world.domains[key]}
    with pytest.raises(InputError, match="no wordings for 'moon'"):
        wordings("moon")


def test_transfer_is_measured_beside_scratch_and_chance(tmp_path: Path) -> None:
    shared = ["--seeds", "0", "--transitions", "600", "--preset", "tiny", "--text", "minilm", "--out", str(tmp_path)]
    small = ["--scratch", "", "--sizes", "10", "--held-out", "150"]
    assert main(["transfer", "--world", "contract-approval", *shared, *small, "--no-plots"]) == 0
    found = json.loads((tmp_path / "transfer.json").read_text())["mean"]
    assert found["zero_shot"]["likeliest"] > found["random_alignment"]["likeliest"]
    assert found["zero_shot, values kept"]["likeliest"] >= found["zero_shot"]["likeliest"]


def test_a_plain_result_shows_every_number_of_every_seed() -> None:
    from wmagent.evals.report import plain_markdown

    seed = {"seed": 4, "goal": {"n": 60, "same": 0.75, "interval": [0.5, 1.0]}, "read": {"new": {"n": 7, "words": "x"}}}
    text = plain_markdown({"eval": "words", "mean": {"goal": {"same": 0.75}}, "per_seed": [seed], "notes": ["said"]})
    assert "| eval | words |" in text
    assert "| mean | same |" in text
    assert "| seed 4 | n | same | interval |" in text
    assert "| goal | 60 | 0.75 | 0.5 … 1 |" in text
    assert "| read: new | 7 | – | – |" in text
    assert text.endswith("- said")
