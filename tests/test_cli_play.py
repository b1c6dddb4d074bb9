"""`wmagent play` with a scripted model: walks as scripts, what is shown, undo, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.agent.imagined import ImaginedWorld
from wmagent.agent.walk import Walk
from wmagent.cli.app import app
from wmagent.domain.types import Condition, Goal
from wmagent.errors import InputError, OutOfDomain

START = json.dumps(REVIEW_START)
WORLD = """
format: 1
name: review
about: As the scripted model has it, but the legal review passes with .5 only and nobody rushes.
facts:
  status: {values: [draft, in review, approved], start: draft}
  legal review: {values: [not started, passed, changes requested], start: not started}
  hold: {values: [none, placed], start: none}
actions:
  submit:
    guard: status == draft
    effects: [{outcomes: [{set: {status: in review}}]}]
  legal_review:
    guard: status == in review and legal review == not started
    effects: [{outcomes: [{chance: 0.5, set: {legal review: passed}}, {chance: 0.5, set: {hold: placed}}]}]
  negotiate:
    guard: legal review == changes requested
    effects: [{outcomes: [{set: {legal review: passed}}]}]
  approve:
    guard: legal review == passed
    effects: [{outcomes: [{set: {status: approved}}]}]
  rush:
    guard: hold == placed and status == draft
    effects: [{outcomes: [{set: {status: approved}}]}]
goals: [{reach: status == approved, words: [approve it]}]
"""


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    made = review_model(cases={"rush": 0})
    monkeypatch.setattr(sys.modules["wmagent.cli.play"], "open_model", lambda path: made)


def play(*args: str, lines: Sequence[str] = (), state: str = START) -> Any:
    given = ["play", "m.wm", "--state", state, *args]
    return CliRunner().invoke(app, given, input="".join(f"{line}\n" for line in lines))


def events(*args: str, lines: Sequence[str] = ()) -> list[dict[str, Any]]:
    result = play(*args, "--json", lines=lines)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def names(place: dict[str, Any]) -> list[str]:
    return [choice["action"]["name"] for choice in place["choices"]]


def test_a_walk_by_numbers_and_names() -> None:
    told = events(lines=["submit", "1", "1", "1", "approve", "1", "q"])
    assert [event["event"] for event in told] == ["place", *["action", "result", "place"] * 3]
    first, submit, _, second, review, result, third, approve, _, last = told
    assert names(first) == ["submit"]
    assert submit["results"][0]["probability"] == 1.0
    assert (second["facts"]["status"], second["changed"], second["duration"]) == ("in review", ["status"], 4.0)
    assert review["action"]["name"] == "legal_review"
    assert [r["probability"] for r in review["results"]] == pytest.approx([0.8, 0.2])
    assert result["changes"][0]["after"] == "passed"
    assert approve["results"][0]["changes"][0]["after"] == "approved"
    assert (third["steps"], last["steps"], last["duration"], last["cost"]) == (2, 3, 30.0, pytest.approx(115.0))
    assert last["choices"] == []


def test_chance_decides_by_the_seed_and_undo_repeats_luck() -> None:
    def outcome(seed: int, *more: str) -> list[str]:
        lines = ["submit", "c", "legal_review", "c", *more]
        told = events("--seed", str(seed), lines=lines)
        return [e["changes"][0]["after"] for e in told if e["event"] == "result" and e["action"] == "legal_review"]

    assert outcome(3) == outcome(3)
    assert {outcome(seed)[0] for seed in range(25)} == {"passed", "changes requested"}
    again = outcome(3, "u", "legal_review", "")
    assert again == outcome(3) * 2


def test_undo_leaves_the_action_first_and_then_the_step() -> None:
    told = events(lines=["submit", "u", "submit", "1", "u"])
    assert [event["event"] for event in told] == ["place", "action", "place", "action", "result", "place", "place"]
    assert told[0] == told[2] == told[-1]


def test_the_goal_is_asked_within_what_is_left() -> None:
    told = events("--goal", "approved within 54 hours without a hold", lines=["submit", "1", "legal_review", "2", "u"])
    places = [event for event in told if event["event"] == "place"]
    assert [place["probability"] for place in places] == pytest.approx([0.9, 0.9, 0.5, 0.9])
    assert places[0]["advice"]["name"] == "submit"
    done = events("-g", "approved", lines=["submit", "1", "legal_review", "1", "approve", "1"])[-1]
    assert (done["reached"], done["probability"]) == (True, 1.0)


def test_a_true_world_stands_beside(tmp_path: Path) -> None:
    file = tmp_path / "review.yaml"
    file.write_text(WORLD)
    told = events("--world", str(file), lines=["submit", "1", "legal_review", "u", "rush"])
    review, rush = (event for event in told if event["event"] == "action" and event["action"]["name"] != "submit")
    assert [r["truth"] for r in review["results"]] == [0.5, 0.0]
    assert [(r["probability"], r["truth"]) for r in review["missing"]] == [(0.0, 0.5)]
    assert "the true world does not allow this here" in rush["warnings"]
    shown = play("--world", str(file), lines=["submit", "1", "legal_review"]).stdout
    assert "P in truth" in shown
    assert "not imagined" in shown


def test_leaving_the_record_is_said() -> None:
    told = events(lines=["submit", "1", "rush"])
    assert told[-1]["support"] == "extrapolated"
    assert [word in " ".join(told[-1]["warnings"]) for word in ("extrapolated", "surprise 2.0")] == [True, True]
    assert told[1]["warnings"] == []
    assert "no record is like this" in play(lines=["submit", "1", "rush"]).stdout


def test_what_a_person_sees() -> None:
    result = play("--goal", "approved", lines=["?", "1", "1"])
    assert result.exit_code == 0, result.stderr
    for said in (
        "lets chance decide",
        "status: draft → in review",
        "action> ",
        "a plan would now do: submit",
        "80.0 %",
    ):
        assert said in result.stdout
    starred = [line.split() for line in result.stdout.splitlines() if line.strip().startswith("*")]
    assert starred == [["*", "status", "in", "review"]]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["sumbit"], "line 1 of the choices: unknown choice 'sumbit'; did you mean 'submit'"),
        (["submit", "7"], "line 2 of the choices: '7' is no result; give 1 to 1"),
        (["u"], "line 1 of the choices: this is where the walk began"),
        (["submit", "1", "legal_review", "1", "approve", "1", "1"], "line 7 of the choices: nothing is allowed here"),
    ],
)
def test_a_script_stops_at_a_line_that_cannot_be_followed(lines: list[str], said: str) -> None:
    result = play("--json", lines=lines)
    assert result.exit_code == 2
    assert said in result.stderr
    assert said in json.loads(result.stdout.splitlines()[-1])["error"]["message"]


def test_bad_input_ends_like_everywhere() -> None:
    assert play(state="-").exit_code == 2
    assert "stdin holds the choices" in play(state="-").stderr
    assert play(state='{"colour": "red"}').exit_code == OutOfDomain.exit_code
    assert "did you mean 'contract-approval'" in play("--world", "contract-aproval").stderr
    assert play("--goal", "the moon").exit_code == 2


def test_a_state_that_the_model_cannot_read_is_a_dead_end(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ImaginedWorld(review_model(), [REVIEW_START])
    walk = Walk(world, Goal((Condition("status", "approved"),)))
    monkeypatch.setattr(world.model.__class__, "_code", lambda self, row, key: (_ for _ in ()).throw(OutOfDomain("?!")))
    place = walk.place
    choice = next(choice for choice in place.choices if choice.action.name == "submit")
    with pytest.raises(OutOfDomain):
        world.legal({**REVIEW_START, "hold": "placed"})
    walk.go(choice)
    assert (walk.place.ended, walk.place.choices, walk.place.warnings) == (True, (), ("?!",))
    assert walk.back() == place
    with pytest.raises(InputError, match="where the walk began"):
        walk.back()
