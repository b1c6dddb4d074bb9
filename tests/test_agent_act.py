"""Acting: the loop, a person's approval across processes, crashes, and forged checkpoints."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, ScriptedWorldModel, review_model
from wmagent.agent.environment import WorldEnvironment
from wmagent.agent.episode import Episode
from wmagent.agent.ledger import Ledger
from wmagent.domain.answers import Explanation, Plan
from wmagent.domain.types import Action, Facts, Observation
from wmagent.domain.world import Step
from wmagent.errors import CheckpointError, InputError
from wmagent.worlds import load

WANTED = "approved without a hold"


def done(episode: Episode) -> list[str]:
    return [deed.action.label() for deed in episode.deeds]


def test_the_loop_replans_after_what_really_happened() -> None:
    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1, 1, 0])
    episode = Agent(model).act(WANTED, REVIEW_START, environment)
    assert episode.status == "reached"
    assert done(episode) == ["submit", "legal_review", "negotiate", "negotiate", "approve"] == environment.executed
    assert (episode.duration, episode.cost) == (126.0, 515.0)
    assert episode.facts["status"] == "approved"
    assert json.loads(json.dumps(episode.to_dict()))["status"] == "reached"


def test_time_that_passed_counts_against_the_deadline() -> None:
    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1, 1, 1])
    episode = Agent(model).act("approved within 3 days without a hold", REVIEW_START, environment)
    # 28 h are gone when the review asks for changes; a negotiation of 48 h cannot end within 72 h, so it is rushed
    assert done(episode) == ["submit", "legal_review", "rush"]
    assert episode.status == "hopeless"
    assert episode.goal.deadline == 72


def test_money_that_was_spent_counts_against_the_budget() -> None:
    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1, 1])
    episode = Agent(model).act("approved without a hold for under 330", REVIEW_START, environment)
    # 310 of 330 are spent when the first negotiation brings nothing: another 200 is too much, so it is rushed
    assert done(episode) == ["submit", "legal_review", "negotiate", "rush"]


def test_a_refused_action_is_not_tried_again_in_the_same_facts() -> None:
    model = review_model()

    @dataclass
    class Stubborn(ScriptedEnvironment):
        def execute(self, action: Action, facts: Facts) -> Step[Facts]:
            if action.name == "legal_review":
                self.executed.append("legal_review")
                return Step(facts, error="the lawyers are away")
            return super().execute(action, facts)

    environment = Stubborn(model)
    episode = Agent(model).act(WANTED, REVIEW_START, environment)
    assert environment.executed == ["submit", "legal_review", "rush"]
    assert [deed.error for deed in episode.deeds] == [None, "the lawyers are away", None]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda facts: Observation({**facts, "status": "burnt"}), "outside"),
        (lambda facts: Step(facts, done=True), "ended"),
        (lambda facts: Observation(facts), "exhausted"),
    ],
)
def test_how_a_run_can_end(answer: Callable[[Facts], Any], status: str) -> None:
    class Odd:
        def execute(self, action: Action, facts: Facts) -> Any:
            return answer(dict(facts))

    episode = Agent(review_model()).act(WANTED, REVIEW_START, Odd(), max_steps=4)
    assert (episode.status, len(episode.deeds)) == (status, 4 if status == "exhausted" else 1)
    assert episode.note


def test_an_environment_must_answer_with_a_step() -> None:
    class Wrong:
        def execute(self, action: Action, facts: Facts) -> Any:
            return "ok"

    with pytest.raises(InputError, match="Step or an Observation, not str"):
        Agent(review_model()).act(WANTED, REVIEW_START, Wrong())


def test_a_function_approves_or_declines_what_is_new() -> None:
    asked: list[list[str]] = []

    def approve(plan: Plan, explanation: Explanation) -> bool:
        asked.append([action.label() for action in plan.actions])
        assert "P(goal)" in explanation.text
        return len(asked) < 2

    model = review_model()
    environment = ScriptedEnvironment(model, choices=[0, 1])
    episode = Agent(model).act(WANTED, REVIEW_START, environment, approve=approve)
    assert episode.status == "reached"
    assert asked == [["submit", "legal_review", "approve"]]  # its contingency was agreed to as well
    again = Agent(model).act(WANTED, REVIEW_START, ScriptedEnvironment(model), approve=lambda plan, said: False)
    assert (again.status, again.deeds) == ("declined", ())


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


def crash(tmp_path: Path, when: str) -> tuple[Path, list[str]]:
    """Run the loop in a process that is killed around the second action; return the file and what was done."""
    script, runs, log = tmp_path / "run.py", tmp_path / "runs.db", tmp_path / "log.txt"
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


def waiting_run(path: Path) -> None:
    with Agent(review_model(), checkpoint=path) as agent:
        agent.act(WANTED, REVIEW_START, ScriptedEnvironment(review_model()), approve="ask", thread="t")


def forge(path: Path, kind: str, change: Callable[[Any], bytes]) -> None:
    """Replace the newest checkpoint's channel values."""
    with sqlite3.connect(path) as connection:
        row = connection.execute("SELECT rowid, checkpoint FROM checkpoints ORDER BY checkpoint_id DESC").fetchone()
        connection.execute(
            "UPDATE checkpoints SET type = ?, checkpoint = ? WHERE rowid = ?", (kind, change(row[1]), row[0])
        )
    connection.close()


def test_a_forged_checkpoint_runs_no_code(tmp_path: Path) -> None:
    import ormsgpack
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    path, mark = tmp_path / "runs.db", tmp_path / "owned"
    waiting_run(path)
    forged: list[bytes] = []

    def evil(blob: bytes) -> bytes:
        payload = ormsgpack.packb(("os", "system", f"touch {mark}"))
        data = ormsgpack.unpackb(blob, ext_hook=lambda code, data: None, option=ormsgpack.OPT_NON_STR_KEYS)
        data["channel_values"]["note"] = ormsgpack.Ext(0, payload)
        forged.append(ormsgpack.packb(data, option=ormsgpack.OPT_NON_STR_KEYS))
        return forged[0]

    forge(path, "msgpack", evil)
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=path) as agent:
        agent.resume("t", environment)
    assert not mark.exists()
    JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(("msgpack", forged[0]))
    assert mark.exists()  # the same bytes do run code where foreign types are allowed


@pytest.mark.parametrize("kind", ["pickle", "json"])
def test_checkpoints_in_forms_that_name_code_are_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "runs.db"
    waiting_run(path)
    forge(path, kind, lambda blob: b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["true"]}')
    with Agent(review_model(), checkpoint=path) as agent, pytest.raises(CheckpointError, match="never read"):
        agent.resume("t", ScriptedEnvironment(review_model()))


def test_a_forged_plan_with_a_foreign_action_is_not_executed(tmp_path: Path) -> None:
    import ormsgpack

    path = tmp_path / "runs.db"
    waiting_run(path)

    def swap(blob: bytes) -> bytes:
        data = ormsgpack.unpackb(blob, option=ormsgpack.OPT_NON_STR_KEYS)
        data["channel_values"]["plan"]["steps"][0]["action"]["name"] = "delete everything"
        return ormsgpack.packb(data, option=ormsgpack.OPT_NON_STR_KEYS)

    forge(path, "msgpack", swap)
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=path) as agent, pytest.raises(InputError, match="unknown action 'delete"):
        agent.resume("t", environment, answer=True)
    assert environment.executed == []


def test_the_ledger_tells_begun_from_finished() -> None:
    ledger = Ledger()
    assert ledger.look_up("a") == ("new", None)
    ledger.begin("a")
    assert ledger.look_up("a") == ("begun", None)
    ledger.finish("a", {"x": 1})
    assert ledger.look_up("a") == ("finished", {"x": 1})


def test_acting_in_a_simulated_world() -> None:
    world = load("contract-approval")
    state = world.initial(3)
    start = world.observe(state).facts
    model = ScriptedWorldModel.from_oracle(world.oracle(), world.actions, start)
    episode = Agent(model).act("get the contract approved", start, WorldEnvironment(world, state, seed=5))
    again = Agent(model).act("get the contract approved", start, WorldEnvironment(world, state, seed=5))
    assert episode.status in ("reached", "ended", "hopeless")
    assert [deed.error for deed in episode.deeds] == [None] * len(episode.deeds)
    assert episode.deeds == again.deeds


def test_every_step_in_a_simulated_world_draws_anew() -> None:
    class Seeds:
        def step(self, state: list[int], action: Action, seed: int) -> Step[list[int]]:
            return Step([*state, seed])

        def observe(self, state: list[int]) -> Observation:
            return Observation({"last": state[-1]})

    environment, other = WorldEnvironment(Seeds(), [], seed=1), WorldEnvironment(Seeds(), [], seed=2)
    drawn = [env.execute(Action("go"), {}).state["last"] for env in (environment, environment, other, other)]
    assert len(set(drawn)) == 4
