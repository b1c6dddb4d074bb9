"""The demo's journeys with a model that learns in a second, and what it asks of data it has never seen."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wmagent import Action, InputError, Observation, Transition, WorldModel, worlds
from wmagent.cli.app import app
from wmagent.cli.journey import changed, goals_in, hold_out, same_facts, starts_in, tamper
from wmagent.cli.journeys import Contracts, Recorded
from wmagent.domain.types import Value
from wmagent.model.config import ModelConfig

QUICK = ModelConfig.model_validate({"width": 32, "layers": 1, "steps": 60, "batch": 64, "ensemble": 2})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    learn = WorldModel.learn.__func__  # type: ignore[attr-defined]

    @functools.wraps(learn)
    def small(cls: type[WorldModel], source: Any, **settings: Any) -> WorldModel:
        return learn(cls, source, **settings | {"config": QUICK, "text": "learned"})

    monkeypatch.setattr(WorldModel, "learn", classmethod(small))


def test_the_journey_through_the_shipped_world(quick: None, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "-n", "600", "-o", str(tmp_path)])
    assert result.exit_code == 0, (result.stderr, result.exception)
    heads = [line[:1] for line in result.stdout.splitlines() if line[:3].strip().isdigit() and line[1:3] == "  "]
    assert heads == list("123456")
    for said in ("600 recorded steps", "held-out steps", "exact truth", "P(goal)", "recorded wrongly on purpose"):
        assert said in result.stdout
    page = (tmp_path / "report.html").read_text("utf-8")
    assert 'class="tree"' in page
    assert "exact truth" in page
    assert WorldModel.load(tmp_path / "contracts.wm").n_transitions == 540


def test_the_journey_through_recorded_data(quick: None, tmp_path: Path) -> None:
    world = worlds.load("contract-approval")
    data = tmp_path / "log.jsonl"
    worlds.write_transitions(data, worlds.experience(world, 600, seed=3))
    result = CliRunner().invoke(app, ["demo", str(data), "-o", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, (result.stderr, result.exception)
    answer = json.loads(result.stdout)
    assert answer["best_possible"] is None
    assert answer["what_if_truth"] is None
    assert 0 < answer["held_out"]["persistence"] < 1
    assert answer["plan"]["goal"]["conditions"]
    assert Path(answer["report"]).is_file()


def row(before: dict[str, Value], action: str, after: dict[str, Value], error: str | None = None) -> Transition:
    return Transition(Observation(before), Action(action), Observation(after), error=error)


OPEN: dict[str, Value] = {"door": "open", "light": "on"}
SHUT: dict[str, Value] = {"door": "shut", "light": "on"}
DARK: dict[str, Value] = {"door": "open", "light": "off"}


def test_goals_are_what_many_actions_lead_to() -> None:
    rows = [row(OPEN, "close", SHUT), row(OPEN, "slam", SHUT), *[row(OPEN, "switch", DARK)] * 5]
    assert [goal.conditions[0].words() for goal in goals_in(rows)] == ["door == shut", "light == off"]
    assert [goal.words for goal in goals_in(rows, most=1)] == ["door is shut"]


def test_starts_are_distinct_and_short_of_the_goal() -> None:
    rows = [row(OPEN, "close", SHUT), row(OPEN, "slam", SHUT), row(SHUT, "open", OPEN), row(DARK, "switch", OPEN)]
    (goal,) = goals_in([row(OPEN, "close", SHUT)])
    assert list(starts_in(rows, goal)) == [OPEN, DARK]


def test_the_regular_change_is_the_one_undone() -> None:
    known = [row(OPEN, "close", SHUT)] * 9 + [row(OPEN, "close", OPEN), *[row(OPEN, "switch", DARK)] * 10]
    held_out = [row(OPEN, "close", SHUT), row(SHUT, "knock", SHUT), row(OPEN, "switch", DARK)]
    odd = tamper(held_out, known)
    assert (odd.key, odd.true) == ("light", "off")
    assert odd.transition.action.name == "switch"
    assert same_facts(odd.transition.after.facts, OPEN)
    assert held_out[2].after.facts == DARK  # the record itself is untouched


def test_refused_and_unchanged_rows_cannot_be_made_odd() -> None:
    with pytest.raises(InputError, match="none can be made odd"):
        tamper([row(OPEN, "close", OPEN), row(OPEN, "close", SHUT, error="locked")], [row(OPEN, "close", SHUT)])


def test_holding_out_keeps_order_and_needs_rows() -> None:
    rows = [row(OPEN, f"a{i}", SHUT) for i in range(50)]
    known, held_out = hold_out(rows)
    assert known + held_out == rows
    assert len(held_out) == 5
    with pytest.raises(InputError, match="3 transitions are too few"):
        hold_out(rows[:3])


def test_changes_compare_values_not_types() -> None:
    assert changed(row({"n": 2, "s": "a"}, "x", {"n": 2.0, "s": "b", "new": 1})) == [("s", "b"), ("new", 1)]


def test_the_worlds_truth_is_exact() -> None:
    journey = Contracts(200, seed=0, goal=None)
    start = journey._start()
    goal = journey.world.goals()[1]
    best = journey.best(start, goal)
    nothing = journey.truth(start, [], goal)
    assert best is not None
    assert nothing == 0.0
    assert 0.5 < best < 1.0
    submit = [r for r in journey.known if r.action.name == "send to counterparty" and r.error is None]
    ceiling = journey.ceiling(submit[:5] or journey.known[:5])
    assert ceiling is not None
    assert 0.5 < ceiling <= 1.0


def test_recorded_data_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl: no such file"):
        Recorded(tmp_path / "gone.jsonl", None, None)
