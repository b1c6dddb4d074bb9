"""The command line with scripted parts: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import samples
from typer.testing import CliRunner

from wmagent import Anomaly, CheckpointError, Explanation, OutOfDomain, Plan, WhatIf
from wmagent.cli import parts
from wmagent.cli.app import app
from wmagent.cli.inputs import read_facts
from wmagent.errors import InputError, unknown

FACTS = '{"status": "draft", "amount": 3}'


class ScriptedAgent:
    """Answers from a script and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def _note(self, **asked: Any) -> None:
        self.asked.append(asked)
        if self.error:
            raise self.error

    def plan(self, goal: str, state: Any, **settings: Any) -> Plan:
        self._note(goal=goal, state=dict(state), **settings)
        return samples.plan()

    def what_if(self, state: Any, **settings: Any) -> WhatIf:
        self._note(state=dict(state), **settings)
        return samples.what_if()

    def anomalies(self, source: Any, alpha: float) -> list[Anomaly]:
        self._note(rows=len(list(source)), alpha=alpha)
        return [samples.anomaly()]

    def explain(self, answer: Any) -> Explanation:
        return Explanation("Submit first, because it works.", ())


class ScriptedModel:
    """Has a card and names, and nothing behind them."""

    card = samples.CARD
    actions = (samples.SUBMIT, samples.APPROVE)
    slots = ("status", "amount")

    def card_markdown(self) -> str:
        return "# Card of the model"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> ScriptedAgent:
    scripted = ScriptedAgent()
    for module in ("plan", "what_if", "anomalies", "describe"):
        module = sys.modules[f"wmagent.cli.{module}"]
        for name in ("open_model", "open_agent", "agent_around"):
            if hasattr(module, name):
                made = ScriptedModel() if name == "open_model" else scripted
                monkeypatch.setattr(module, name, lambda *a, _made=made: _made)
    return scripted


def run(*args: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, list(args), input=stdin)


def _json(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


COMMANDS: list[tuple[str, ...]] = [
    ("demo",), ("learn",), ("goal",), ("plan",), ("play",), ("what-if",), ("anomalies",), ("describe",),
    ("routing",),
    ("world", "list"), ("world", "show"), ("world", "check"), ("world", "generate"), ("world", "random"),
    ("world", "walks"), ("world", "frame"),
    ("eval", "transitions"), ("eval", "contract"), ("eval", "suite"),
]  # fmt: skip


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_has_examples_and_json(names: tuple[str, ...]) -> None:
    result = run(*names, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"wmagent {' '.join(names)}" in result.stdout
    assert "--json" in result.stdout


def test_plan_shows_what_a_person_wants_to_know(agent: ScriptedAgent) -> None:
    result = run("plan", "m.wm", "--goal", "approved", "--state", FACTS, "--explain")
    assert result.exit_code == 0, result.stderr
    for said in ("87.4 %", "81.0 %", "submit(channel=portal)", "c17", "P(goal) 0.60 against 0.87", "512", "38 ms"):
        assert said in result.stdout
    assert "Submit first" in result.stdout
    assert agent.asked == [{"goal": "approved", "state": {"status": "draft", "amount": 3}, "seed": 0, "budget": None}]


def test_plan_as_json_is_the_plan(agent: ScriptedAgent) -> None:
    answer = _json(run("plan", "m.wm", "-g", "approved", "-s", FACTS, "--simulations", "50", "--seed", "3", "--json"))
    assert answer == samples.plan().to_dict()
    assert agent.asked[0]["seed"] == 3
    assert agent.asked[0]["budget"].simulations == 50


def test_plan_writes_a_report(agent: ScriptedAgent, tmp_path: Path) -> None:
    page = tmp_path / "out" / "plan.html"
    result = run("plan", "m.wm", "-g", "approve it", "-s", FACTS, "--report", str(page), "--json")
    assert _json(result)["probability"] == 0.874
    assert str(page) in result.stderr
    assert "<h1>approve it</h1>" in page.read_text("utf-8")


def test_brackets_in_facts_are_no_markup(agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "plan", lambda *a, **k: samples.plan("[bold]x[/bold]"))
    assert "[bold]x[/bold]" in run("plan", "m.wm", "-g", "approved", "-s", FACTS).stdout


def test_what_if_passes_the_intervention_on(agent: ScriptedAgent) -> None:
    base = ("what-if", "m.wm", "-s", FACTS, "--until", "approved")
    assert "31.0 %" in run(*base, "--skip", "legal review").stdout
    assert _json(run(*base, "--do", "a", "--do", "b", "--json")) == samples.what_if().to_dict()
    assert _json(run(*base, "--insert", "escalate", "--force", "--json"))["probability"] == 0.31
    skip, do, insert = agent.asked
    assert (skip["skip"], skip["actions"], skip["insert"], skip["force"]) == ("legal review", None, None, False)
    assert do["actions"] == ("a", "b")
    assert (insert["insert"], insert["force"], insert["until"]) == ("escalate", True, "approved")


@pytest.mark.parametrize("extra", [(), ("--skip", "a", "--insert", "b"), ("--skip", "a", "--do", "b")])
def test_what_if_wants_exactly_one_change(agent: ScriptedAgent, extra: tuple[str, ...]) -> None:
    result = run("what-if", "m.wm", "-s", FACTS, "-u", "approved", *extra)
    assert result.exit_code == 2
    assert "--skip" in result.stderr
    assert agent.asked == []


def test_anomalies_are_counted_named_and_signalled(agent: ScriptedAgent, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    row = {"state": {"a": 1}, "action": {"name": "go", "arguments": {}}, "next_state": {"a": 2}, "error": None}
    log.write_text("\n".join(json.dumps(row) for _ in range(4)))
    shown = run("anomalies", "m.wm", str(log))
    assert "1 of 4 transitions flagged" in shown.stdout
    assert "status: expected approved" in shown.stdout
    assert shown.exit_code == 0
    answer = run("anomalies", "m.wm", str(log), "--alpha", "0.001", "--limit", "3", "--json", "--exit-code")
    assert answer.exit_code == 6
    assert json.loads(answer.stdout)["checked"] == 3
    assert agent.asked[1] == {"rows": 3, "alpha": 0.001}


def test_describe(agent: ScriptedAgent) -> None:
    assert "Card of the model" in run("describe", "m.wm").stdout
    assert _json(run("describe", "m.wm", "--json")) == {
        "card": samples.CARD,
        "actions": ["submit(channel=portal)", "approve"],
        "facts": ["status", "amount"],
    }


ERRORS = [
    (InputError("no such goal"), 2),
    (unknown("action", "aprove", ["approve"]), 2),
    (OutOfDomain("fact 'colour' is unknown"), 3),
    (CheckpointError("m.wm is damaged"), 5),
    (PermissionError(13, "Permission denied", "m.wm"), 2),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda v: type(v).__name__)
def test_errors_are_one_line_and_a_code(agent: ScriptedAgent, error: Exception, code: int) -> None:
    agent.error = error
    result = run("plan", "m.wm", "-g", "x", "-s", FACTS)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("wmagent: ")
    assert len(result.stderr.strip().splitlines()) == 1
    as_json = run("plan", "m.wm", "-g", "x", "-s", FACTS, "--json")
    assert as_json.exit_code == code
    said = json.loads(as_json.stdout)["error"]
    assert said["type"] == type(error).__name__
    assert said["exit_code"] == code
    assert said["message"] in as_json.stderr


def test_bugs_are_not_dressed_up_as_errors(agent: ScriptedAgent) -> None:
    agent.error = ZeroDivisionError("a bug")
    assert isinstance(run("plan", "m.wm", "-g", "x", "-s", FACTS).exception, ZeroDivisionError)


def test_state_from_inline_file_row_and_stdin(agent: ScriptedAgent, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"state": {"status": "draft", "amount": 3}, "action": {"name": "x"}}))
    for given, stdin in ((FACTS, None), (str(file), None), ("-", FACTS)):
        assert run("plan", "m.wm", "-g", "x", "-s", given, "--json", stdin=stdin).exit_code == 0
    assert [asked["state"] for asked in agent.asked] == [{"status": "draft", "amount": 3}] * 3


BAD_FACTS: list[tuple[str, str]] = [
    ("[1, 2]", "list"),
    ('{"a": {"b": 1}}', "'a' is nested"),
    ('{"a": null}', "'a' is null"),
    ('{"a": 1, "a": 2}', "'a' is given twice"),
    ('{"a": NaN}', "NaN"),
    ('{"a": 1e999}', "'a' is not a finite number"),
    ('{"a": 1', "--state, column 8"),
    ("no-such-file.json", "no such file"),
    ("[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("given", "said"), BAD_FACTS, ids=[said for _, said in BAD_FACTS])
def test_bad_facts_are_named(given: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_facts(given)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_facts_that_are_no_text_are_named(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_bytes(b'{"name": "M\xfcller"}')
    with pytest.raises(InputError, match=r"facts\.json: byte 12 is not UTF-8"):
        read_facts(str(file))


@pytest.mark.parametrize(
    "args", [("learn", "gone.jsonl", "-o", "m.wm"), ("anomalies", "m.wm", "gone.jsonl"), ("demo", "gone.jsonl")]
)
def test_missing_files_are_named(args: tuple[str, ...]) -> None:
    result = run(*args, "--json")
    assert result.exit_code == 2
    assert "gone.jsonl: no such file" in json.loads(result.stdout)["error"]["message"]


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    result = run("describe", str(tmp_path / "gone.wm"))
    assert result.exit_code == 5
    assert "gone.wm" in result.stderr


def test_world_commands(tmp_path: Path) -> None:
    assert "contract-approval" in run("world", "list").stdout.split()
    shown = _json(run("world", "show", "contract-approval", "--json"))
    assert shown["start"]["status"] == "draft"
    assert "legal review" in shown["actions"]
    assert "legal review" in run("world", "show", "contract-approval").stdout
    file = tmp_path / "t.jsonl"
    made = _json(run("world", "generate", "contract-approval", "-n", "50", "-o", str(file), "--json"))
    assert made["transitions"] == 50
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(rows) == 50
    assert {"state", "action", "next_state", "error", "case"} <= rows[0].keys()
    again = tmp_path / "again.jsonl"
    run("world", "generate", "contract-approval", "-n", "50", "-o", str(again))
    assert again.read_bytes() == file.read_bytes()


def test_an_unknown_world_gets_a_suggestion() -> None:
    result = run("world", "show", "contract-aproval")
    assert result.exit_code == 2
    assert "did you mean 'contract-approval'" in result.stderr


def test_eval_transitions_is_a_thin_call(monkeypatch: pytest.MonkeyPatch) -> None:
    import wmagent.evals.transitions as transitions

    asked: list[Any] = []

    def scripted(train: Path, test: Path, **settings: Any) -> dict[str, Any]:
        asked.append((str(train), str(test), settings["seed"], settings["limit"]))
        return {"exact": 0.99, "floors": {"persistence": {"exact": 0.4}}}

    monkeypatch.setattr(transitions, "run", scripted)
    args = ("eval", "transitions", "--train", "a", "--test", "b", "--seed", "4", "--limit", "100")
    assert _json(run(*args, "--json")) == {"exact": 0.99, "floors": {"persistence": {"exact": 0.4}}}
    assert asked == [("a", "b", 4, 100)]
    assert "persistence" in run(*args).stdout


def test_eval_contract_writes_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import wmagent.evals.contract as contract

    def scripted(seeds: Any, settings: Any, models: Path | None, progress: Any) -> dict[str, Any]:
        row = {"mean": 0.01, "per_seed": [0.01], "target": "<= 0.02"}
        return {"eval": "x", "seeds": list(seeds), "n": settings.transitions, "summary": {"outcome error": row}}

    monkeypatch.setattr(contract, "run", scripted)
    args = ("eval", "contract", "--seed", "5", "--seed", "6", "-n", "700")
    assert _json(run(*args, "--json"))["seeds"] == [5, 6]
    shown = run(*args, "-o", str(tmp_path))
    assert "outcome error" in shown.stdout
    assert json.loads((tmp_path / "contract.json").read_text("utf-8"))["n"] == 700


def test_eval_suite_passes_planners_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import wmagent.evals.suite as suite

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(suite, "run", lambda seeds, **settings: asked.append(settings) or {"seeds": list(seeds)})
    assert _json(run("eval", "suite", "--seed", "1", "--planner", "greedy", "--planner", "beam", "--json")) == {
        "seeds": [1]
    }
    assert asked[0]["planners"] == ("greedy", "beam")


def test_opening_a_model_is_left_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from wmagent import WorldModel

    opened: list[Path] = []
    load: Callable[[Path], object] = lambda path: opened.append(path)  # noqa: E731
    monkeypatch.setattr(WorldModel, "load", load)
    parts.open_model(Path("x.wm"))
    assert opened == [Path("x.wm")]


def test_the_script_runs_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "wmagent", "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0.1.0"
    bad = subprocess.run([sys.executable, "-m", "wmagent", "plann"], cwd=tmp_path, capture_output=True, text=True)
    assert bad.returncode == 2
    assert bad.stdout == ""
