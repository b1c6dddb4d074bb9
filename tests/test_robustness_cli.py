"""The command line under bad luck: odd terminals, closed pipes, full disks, absurd options; always one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from wmagent import WorldModel
from wmagent.cli.app import app
from wmagent.cli.inputs import read_facts
from wmagent.errors import MOST_SEED, InputError, unknown

ROW = {"state": {"a": 1}, "action": "go", "next_state": {"a": 2}}


def run(*args: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, list(args), input=stdin)


def process(*args: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | settings.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "wmagent", *args],
        env=environment, timeout=120, check=False, stderr=subprocess.PIPE, **settings,
    )  # fmt: skip


@pytest.mark.parametrize(
    "args",
    [
        ("nocommand",),
        ("plan",),
        ("plan", "m.wm", "--gaol", "x"),
        ("learn", "x.jsonl", "-o", "m.wm", "--limit", "0"),
        ("learn", "x.jsonl", "-o", "m.wm", "--seed", "-1"),
        ("learn", "x.jsonl", "-o", "m.wm", "--seed", str(MOST_SEED + 1)),
        ("plan", "m.wm", "-g", "x", "-s", "{}", "--seed", "1e3"),
        ("anomalies", "m.wm", "x.jsonl", "--alpha", "2"),
        ("world", "generate", "contract-approval", "-o", "x.jsonl", "--attempts", "nan"),
        ("eval", "contract", "--seed", "-1"),
    ],
    ids=" ".join,
)
def test_options_that_cannot_be_used_are_one_json_object(args: tuple[str, ...]) -> None:
    result = run(*args, "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "UsageError"
    assert error["exit_code"] == 2
    assert "Usage:" in result.stderr
    plain = run(*args)
    assert (plain.exit_code, plain.stdout) == (2, "")


def test_a_bug_is_one_json_object_and_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(sys.modules["wmagent.cli.describe"], "open_model", broken)
    result = run("describe", "m.wm", "--json")
    assert isinstance(result.exception, ZeroDivisionError)
    assert json.loads(result.stdout)["error"] == {
        "type": "ZeroDivisionError",
        "message": "a bug in wmagent: a bug",
        "exit_code": 1,
    }


def test_interrupted_is_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["wmagent.cli.describe"], "open_model", stopped)
    result = run("describe", "m.wm", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["error"]["type"] == "Interrupted"


def test_a_place_that_cannot_hold_a_model_is_refused_before_learning(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(ROW) + "\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "full", tmp_path / "x.jsonl", tmp_path / "x.jsonl" / "below"):
        result = run("learn", str(tmp_path / "x.jsonl"), "-o", str(place), "--resume", "--json")
        assert result.exit_code == 2
        assert str(place) in json.loads(result.stdout)["error"]["message"]
        assert "learning" not in result.stderr
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("what", ["contract", "suite"])
def test_unknown_planners_are_refused_before_anything_is_learned(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorldModel, "learn", lambda *a, **k: pytest.fail("learned"))
    result = run("eval", what, "--planner", "os.system", "--json")
    assert result.exit_code == 2
    assert "unknown planner 'os.system'" in json.loads(result.stdout)["error"]["message"]


def test_seeds_that_no_generator_takes_are_refused() -> None:
    for seed in (-1, MOST_SEED + 1, 10**30, 1.5, "7", True):
        with pytest.raises(InputError, match="a seed is a whole number from 0"):
            WorldModel.learn([ROW], seed=seed)  # type: ignore[arg-type]


def test_long_names_make_short_messages() -> None:
    assert len(str(unknown("fact", "x" * 100_000, ["a", "b"]))) < 400


def test_an_ascii_terminal_gets_everything(tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    facts = tmp_path / "facts.json"
    facts.write_text("{}")
    said = process("world", "show", "contract-approval", "--json", env=env, stdout=subprocess.PIPE)
    assert said.returncode == 0
    assert json.loads(said.stdout.decode("ascii"))["world"] == "contract-approval"
    error = process("plan", "größe→.wm", "-g", "x", "-s", str(facts), "--json", env=env, stdout=subprocess.PIPE)
    assert error.returncode == 5
    assert "größe→.wm" in json.loads(error.stdout.decode("ascii"))["error"]["message"]
    assert b"Traceback" not in error.stderr
    helped = process("plan", "--help", env=env, stdout=subprocess.PIPE)
    assert (helped.returncode, helped.stderr) == (0, b"")
    assert b"\\u2026" in helped.stdout  # the ellipsis in the list of planners


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    for extra in ([], ["--json"]):
        with open("/dev/full", "wb") as full:
            said = process("world", "show", "contract-approval", *extra, stdout=full)
        assert said.returncode == 2
        assert said.stderr.decode().strip() == "wmagent: No space left on device"


def test_a_closed_stdout_is_no_crash() -> None:
    command = f'"{sys.executable}" -m wmagent world show contract-approval --json >&-'
    said = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, check=False)
    assert (said.returncode, said.stderr) == (0, b"")


def test_stdin_that_is_no_text_is_named() -> None:
    said = process("plan", "m.wm", "-g", "x", "-s", "-", "--json", input=b'{"a": "\xff"}', stdout=subprocess.PIPE)
    assert said.returncode == 2
    assert "stdin: byte 8 is not UTF-8" in json.loads(said.stdout)["error"]["message"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), ANYTHING.map(json.dumps), ANYTHING.map(json.dumps).map(lambda text: text[:-1])))
def test_any_state_is_read_or_refused(given_text: str) -> None:
    if given_text == "-":
        return
    try:
        facts = read_facts(given_text)
    except InputError:
        return
    assert all(isinstance(value, str | int | float | bool) for value in facts.values())


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ('{"a": ' + "9" * 6_000 + "}", "too many digits"),
        ("x" * 6_000, "no such file"),
        ("x" * 300, "no such file"),
        ('{"' + "k" * 100_000 + '": null}', "is null"),
    ],
    ids=["digits", "path", "name", "key"],
)
def test_absurdly_long_states_get_short_messages(state: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_facts(state)
    assert len(str(caught.value)) < 500
