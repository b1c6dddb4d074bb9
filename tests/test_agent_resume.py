"""Runs that outlive a process: a person's approval, crashes, the ledger of deeds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, review_model
from wmagent.agent.episode import Episode
from wmagent.agent.ledger import Ledger
from wmagent.domain.types import Action, Facts
from wmagent.domain.world import Step
from wmagent.errors import CheckpointError, InputError

WANTED = "approved without a hold"


def done(episode: Episode) -> list[str]:
    return [deed.action.label() for deed in episode.deeds]


def test_a_person_is_waited_for_across_a_reopened_file(tmp_path: Path) -> None:
    path, model = tmp_path / "runs.db", review_model()
    environment = ScriptedEnvironment(model)
    with Agent(model, checkpoint=path) as agent:
        waiting = agent.act(WANTED, REVIEW_START, environment, approve="ask", thread="case 1")
        assert (waiting.status, waiting.deeds, environment.executed) == ("waiting", (), [])
        assert waiting.question is not None
        assert waiting.question["actions"] == ["approve", "legal_review", "negotiate", "submit"]
        assert "Step 1: submit" in waiting.question["text"]
        with pytest.raises(InputError, match="a run named 'case 1' already"):
            agent.act(WANTED, REVIEW_START, environment, thread="case 1")
    with Agent(model, checkpoint=path) as agent:
        assert agent.resume("case 1", environment).status == "waiting"
        with pytest.raises(InputError, match="True or False"):
            agent.resume("case 1", environment, answer="maybe")
        episode = agent.resume("case 1", environment, answer=True)
        assert episode.status == "reached"
        assert environment.executed == ["submit", "legal_review", "approve"]
        assert agent.resume("case 1", environment).status == "reached"
    assert environment.executed == ["submit", "legal_review", "approve"]


def test_declining_after_reopening_does_nothing(tmp_path: Path) -> None:
    path, model = tmp_path / "runs.db", review_model()
    environment = ScriptedEnvironment(model)
    with Agent(model, checkpoint=path) as agent:
        agent.act(WANTED, REVIEW_START, environment, approve="ask", thread="t")
    with Agent(model, checkpoint=path) as agent:
        assert agent.resume("t", environment, answer=False).status == "declined"
    assert environment.executed == []


@pytest.mark.parametrize("call", ["act", "resume"])
def test_waiting_needs_a_checkpoint(call: str) -> None:
    agent, environment = Agent(review_model()), ScriptedEnvironment(review_model())
    with pytest.raises(InputError, match="checkpoint"):
        agent.act(WANTED, REVIEW_START, environment, approve="ask") if call == "act" else agent.resume("t", environment)


def test_unknown_runs_and_foreign_files_are_named(tmp_path: Path) -> None:
    with (
        Agent(review_model(), checkpoint=tmp_path / "runs.db") as agent,
        pytest.raises(InputError, match="no run named"),
    ):
        agent.resume("nobody", ScriptedEnvironment(review_model()))
    (tmp_path / "notes.txt").write_text("this is no database " * 100)
    with pytest.raises(CheckpointError, match=r"notes.txt is no checkpoint"):
        Agent(review_model(), checkpoint=tmp_path / "notes.txt")
    with pytest.raises(InputError, match="there is no folder"):
        Agent(review_model(), checkpoint=tmp_path / "nowhere" / "runs.db")


CRASHING = """
import os, signal, sys
from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, review_model

class Crashing(ScriptedEnvironment):
    def execute(self, action, facts):
        when, log = sys.argv[2], sys.argv[3]
        if action.name == "legal_review" and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        step = super().execute(action, facts)
        with open(log, "a") as file:
            file.write(action.label() + "\\n")
        if action.name == "legal_review" and when == "during":
            os.kill(os.getpid(), signal.SIGKILL)
        return step

class CrashingAfter(Crashing):
    pass

agent = Agent(review_model(), checkpoint=sys.argv[1])
if sys.argv[2] == "after":
    finish = type(agent._ledger).finish
    def crash(self, key, result):
        finish(self, key, result)
        if "legal_review" in key:
            os.kill(os.getpid(), signal.SIGKILL)
    type(agent._ledger).finish = crash
agent.act("approved without a hold", REVIEW_START, Crashing(review_model()), thread="t")
"""


def crash(tmp_path: Path, when: str, place: str | None = None) -> tuple[str, list[str]]:
    """Run the loop in a process that is killed around the second action; return the file (or the `place` of the runs)
    and what was done."""
    script, runs, log = tmp_path / "run.py", place or str(tmp_path / "runs.db"), tmp_path / "log.txt"
    script.write_text(textwrap.dedent(CRASHING))
    log.touch()
    root = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    ended = subprocess.run([sys.executable, script, runs, when, log], env=environment, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    return runs, log.read_text().split()


def test_a_deed_finished_before_the_crash_is_not_repeated(tmp_path: Path) -> None:
    runs, log = crash(tmp_path, "after")
    assert log == ["submit", "legal_review"]
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=runs) as agent:
        episode = agent.resume("t", environment)
    assert environment.executed == ["approve"]
    assert (episode.status, done(episode)) == ("reached", ["submit", "legal_review", "approve"])


@pytest.mark.parametrize(("when", "happened"), [("during", True), ("before", False)])
def test_a_deed_in_doubt_is_asked_about_and_never_repeated_unasked(tmp_path: Path, when: str, happened: bool) -> None:
    runs, log = crash(tmp_path, when)
    assert log == (["submit", "legal_review"] if happened else ["submit"])
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=runs) as agent:
        doubt = agent.resume("t", environment)
        assert (doubt.status, environment.executed) == ("waiting", [])
        assert doubt.question is not None
        assert doubt.question["action"] == "legal_review"
        facts = {**REVIEW_START, "status": "in review", "legal review": "passed"}
        for wrong in (True, {"happened": "yes"}, {"happened": True}):
            with pytest.raises(InputError, match="happened"):
                agent.resume("t", environment, answer=wrong)
        answer = {"happened": True, "facts": facts, "duration": 24.0} if happened else {"happened": False}
        episode = agent.resume("t", environment, answer=answer)
    assert environment.executed == (["approve"] if happened else ["legal_review", "approve"])
    assert (episode.status, done(episode)) == ("reached", ["submit", "legal_review", "approve"])


def test_an_environment_that_knows_keys_settles_the_doubt_itself(tmp_path: Path) -> None:
    runs, _ = crash(tmp_path, "during")

    @dataclass
    class Keyed:
        inner: ScriptedEnvironment
        keys: list[str] = field(default_factory=list)

        def execute_once(self, key: str, action: Action, facts: Facts) -> Step[Facts]:
            self.keys.append(key)
            return self.inner.execute(action, facts)

    environment = Keyed(ScriptedEnvironment(review_model()))
    with Agent(review_model(), checkpoint=runs) as agent:
        assert agent.resume("t", environment).status == "reached"
    assert environment.keys == ["t/1/legal_review", "t/2/approve"]


def test_the_ledger_tells_begun_from_finished() -> None:
    ledger = Ledger()
    assert ledger.look_up("a") == ("new", None)
    ledger.begin("a")
    assert ledger.look_up("a") == ("begun", None)
    ledger.finish("a", {"x": 1})
    assert ledger.look_up("a") == ("finished", {"x": 1})
