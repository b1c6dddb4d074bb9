"""`wmagent world check`: what it says of a sound definition, and how it refuses another."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from wmagent.cli.app import app

DOOR = """\
format: 1
name: door
facts:
  door: {values: [closed, open], start: closed}
  pushes: {range: [0, 3], start: 0}
actions:
  push:
    guard: door == closed and pushes < 3
    effects:
      - outcomes:
          - {chance: 0.5, set: {door: open}}
          - {chance: 0.5, set: {pushes: "+1"}}
goals:
  - reach: door == open
    words: [open the door]
"""


def check(folder: Path, text: str, *more: str) -> tuple[int, str]:
    (folder / "door.yaml").write_text(text)
    done = CliRunner().invoke(app, ["world", "check", str(folder / "door.yaml"), *more])
    return done.exit_code, done.output


def test_a_sound_definition_is_counted(tmp_path: Path) -> None:
    code, output = check(tmp_path, DOOR)
    assert code == 0
    assert "2 facts, 1 actions, 0 rules, 0 events, 1 goals" in output
    assert "7 reachable states: truth is exact" in output
    assert "more than 5 reachable states" in check(tmp_path, DOOR, "--max-states", "5")[1]
    told = json.loads(check(tmp_path, DOOR, "--json")[1])
    assert (told["states"], told["more_than"]) == (7, None)
    assert json.loads(check(tmp_path, DOOR, "--json", "--max-states", "5")[1])["more_than"] == 5


def test_problems_are_named_with_their_lines(tmp_path: Path) -> None:
    code, output = check(tmp_path, DOOR.replace("pushes < 3", "pushes > 3"))
    assert code == 2
    assert "door.yaml, line 8: actions.push.guard:" in " ".join(output.split())
