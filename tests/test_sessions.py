"""Planning sessions: approval step by step, rehearsed or reported, repeated answers, restarts, forged files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests.served import GOAL, review_folder
from wmagent.agent.doubles import REVIEW_START
from wmagent.errors import CheckpointError, InputError, OutOfDomain
from wmagent.service import sessions as kept
from wmagent.service.session_file import NoSession
from wmagent.service.session_questions import AnswerQuestion, BeginQuestion, Session
from wmagent.service.sessions import Clash, Sessions, open_sessions
from wmagent.service.tools import Stopped, Watch

YES = AnswerQuestion(approve=True)
IN_REVIEW = {**REVIEW_START, "status": "in review"}
PASSED = {**IN_REVIEW, "legal review": "passed"}
COURSE = {"submit": IN_REVIEW, "legal_review": PASSED, "approve": {**PASSED, "status": "approved"}}


def opened(file: Path) -> Sessions:
    return open_sessions(review_folder(), file)


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    with opened(tmp_path / "sessions.db") as found:
        yield found


def begin(sessions: Sessions, **given: Any) -> Session:
    return sessions.begin(BeginQuestion.model_validate({"goal": GOAL, "state": dict(REVIEW_START), **given}))


def report(facts: dict[str, Any] | None = None, **given: Any) -> AnswerQuestion:
    key = {"key": given.pop("key")} if "key" in given else {}
    return AnswerQuestion.model_validate({"report": {"facts": facts, **given}, **key})


def test_a_rehearsal_asks_before_every_step_and_ends(sessions: Sessions) -> None:
    told = begin(sessions, seed=3)
    asked: list[str] = []
    while told.status == "waiting":
        assert told.question is not None
        assert told.question.kind == "approve"
        assert told.decision is not None
        assert told.decision.action == told.question.action
        asked.append(told.question.action)
        assert len(told.steps) == len(asked) - 1  # nothing was done that was not agreed to
        told = sessions.answer(told.id, YES)
    assert told.status == "reached"
    assert [step.action for step in told.steps] == asked
    assert asked[0] == "submit"
    assert told.steps[0].changes == ["status: draft → in review"]
    assert told.hours == pytest.approx(sum(step.hours for step in told.steps), abs=0.01)
    assert sessions.look(told.id) == told
    with pytest.raises(Clash, match="is over: reached"):
        sessions.answer(told.id, YES)


def test_the_same_seed_rehearses_the_same_and_a_plan_is_agreed_to_at_once(sessions: Sessions) -> None:
    courses = []
    for ask in ("step", "plan"):
        told, answers = begin(sessions, seed=3, ask=ask), 0
        while told.status == "waiting":
            told, answers = sessions.answer(told.id, YES), answers + 1
        courses.append((told.steps, told.facts, told.status))
        assert answers == len(told.steps) if ask == "step" else answers < len(told.steps)
    assert courses[0] == courses[1]


def test_declining_ends_without_a_step(sessions: Sessions) -> None:
    told = sessions.answer(begin(sessions).id, AnswerQuestion(approve=False))
    assert (told.status, told.steps, told.question) == ("declined", [], None)


def test_reported_steps_wait_for_what_really_happened(sessions: Sessions) -> None:
    told = begin(sessions, environment="reported")
    for action, facts in COURSE.items():
        told = sessions.answer(told.id, YES)
        assert told.question is not None
        assert (told.question.kind, told.question.action) == ("report", action)
        with pytest.raises(Clash, match="waits for 'report'"):
            sessions.answer(told.id, YES)
        told = sessions.answer(told.id, report(facts, hours=5.0, cost=7.0))
        assert told.facts == facts
    assert (told.status, told.hours, told.cost) == ("reached", 15.0, 21.0)


def test_what_did_not_happen_is_planned_around(sessions: Sessions) -> None:
    told = sessions.answer(begin(sessions, environment="reported", state=IN_REVIEW).id, YES)
    assert told.question is not None
    refused = told.question.action
    told = sessions.answer(told.id, report(happened=False, why_not="the lawyers are away"))
    assert told.steps[0].error == "the lawyers are away"
    assert told.facts == IN_REVIEW
    assert told.question is None or told.question.action != refused


def test_a_report_that_comes_again_changes_nothing(sessions: Sessions) -> None:
    told = sessions.answer(begin(sessions, environment="reported").id, YES)
    first = sessions.answer(told.id, report(IN_REVIEW, key="r1"))
    assert sessions.answer(told.id, report(IN_REVIEW, key="r1")) == first
    sessions.answer(told.id, YES)  # now it waits for the report of the next step
    again = sessions.answer(told.id, report(IN_REVIEW, key="r1"))
    assert [step.action for step in again.steps] == ["submit"]
    assert again.question is not None
    assert again.question.id == "1-report"
    with pytest.raises(Clash, match="another answer"):
        sessions.answer(told.id, report(PASSED, key="r1"))
    with pytest.raises(Clash, match="question '1-report'"):
        sessions.answer(told.id, AnswerQuestion.model_validate({"report": {"facts": PASSED}, "to": "0-report"}))
    assert sessions.answer(told.id, report(PASSED, key="r2")).facts == PASSED


def test_an_answer_that_was_noted_but_not_followed_is_followed_when_it_comes_again(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = sessions.answer(begin(sessions, environment="reported").id, YES)

    def broken(*given: Any, **named: Any) -> None:
        raise OSError("the machine stops here")

    with monkeypatch.context() as patched:
        patched.setattr(sessions._agent, "resume", broken)
        with pytest.raises(OSError, match="stops here"):
            sessions.answer(told.id, report(IN_REVIEW, key="r1"))
    assert sessions.look(told.id) == told
    assert [step.action for step in sessions.answer(told.id, report(IN_REVIEW, key="r1")).steps] == ["submit"]


def test_facts_the_model_cannot_know_are_asked_about_before_they_end_a_session(sessions: Sessions) -> None:
    told = sessions.answer(begin(sessions, environment="reported").id, YES)
    strange = {**REVIEW_START, "status": "on fire"}
    with pytest.raises(InputError, match=r"on fire.*beyond: true"):
        sessions.answer(told.id, report(strange))
    assert sessions.look(told.id) == told
    ended = sessions.answer(told.id, report(strange, beyond=True))
    assert (ended.status, ended.facts["status"]) == ("outside", "on fire")


def test_sessions_outlive_the_server(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    with opened(file) as sessions:
        reported = sessions.answer(begin(sessions, environment="reported").id, YES)
        rehearsed = begin(sessions, seed=3)
        whole = begin(sessions, seed=3)
        while whole.status == "waiting":
            whole = sessions.answer(whole.id, YES)
    while rehearsed.status == "waiting":
        with opened(file) as sessions:
            assert sessions.look(rehearsed.id) == rehearsed
            rehearsed = sessions.answer(rehearsed.id, YES)
    assert (rehearsed.steps, rehearsed.status) == (whole.steps, "reached")
    with opened(file) as sessions:
        lines = sessions.list().sessions
        assert [line.id for line in lines] == [whole.id, rehearsed.id, reported.id]
        assert [line.status for line in lines] == ["reached", "reached", "waiting"]
        assert sessions.answer(reported.id, report(IN_REVIEW)).facts == IN_REVIEW
        sessions._version = "another"
        with pytest.raises(InputError, match="another model"):
            sessions.answer(reported.id, YES)


def test_two_servers_do_not_share_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    hold = "import sys; from wmagent.service.session_file import SessionFile as F; f = F(sys.argv[1]); print(); input()"
    with subprocess.Popen([sys.executable, "-c", hold, file], stdin=PIPE, stdout=PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(InputError, match="another server"):
            opened(file)
        other.kill()
    with opened(file) as sessions:
        begin(sessions)
        with pytest.raises(InputError, match="another server"):
            opened(file)
        assert len(sessions.list().sessions) == 1


def test_thinking_that_was_broken_off_goes_on(sessions: Sessions) -> None:
    told = sessions.answer(begin(sessions, environment="reported").id, YES)
    watch = Watch(progress=lambda imagined, most: watch.stop.set())
    with pytest.raises(Stopped):
        sessions.answer(told.id, report(IN_REVIEW, key="r1"), watch)
    halted = sessions.look(told.id)
    assert (halted.status, halted.question, len(halted.steps)) == ("running", None, 1)
    with pytest.raises(Clash, match="empty answer"):
        sessions.answer(told.id, YES)
    assert sessions.answer(told.id, AnswerQuestion()).question is not None
    assert sessions.answer(told.id, report(IN_REVIEW, key="r1")).steps == halted.steps


def test_what_cannot_begin_leaves_nothing(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutOfDomain, match="on fire"):
        begin(sessions, state={**REVIEW_START, "status": "on fire"})
    with pytest.raises(InputError, match="painted green"):
        begin(sessions, goal="painted green")
    with pytest.raises(Stopped):
        begin(sessions, seconds=0.01)
    assert sessions.list().sessions == []
    assert sessions._agent._saver is not None
    assert list(sessions._agent._saver.list(None)) == []
    with pytest.raises(NoSession, match="session-0"):
        sessions.look("session-0")
    monkeypatch.setattr(kept, "MOST_SESSIONS", 1)
    begin(sessions)
    with pytest.raises(InputError, match="the most"):
        begin(sessions)


@pytest.mark.parametrize(
    "given",
    [
        {"approve": True, "report": {"facts": IN_REVIEW}},
        {"report": {}},
        {"report": {"facts": IN_REVIEW, "why_not": "x"}},
        {"report": {"facts": IN_REVIEW, "hours": -1}},
        {"report": {"facts": IN_REVIEW, "hours": float("nan")}},
        {"approve": True, "key": "x" * 201},
        {"approve": True, "colour": 1},
        {"key": "alone"},
    ],
)
def test_answers_are_limited(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        AnswerQuestion.model_validate(given)


@pytest.mark.parametrize(
    "forge",
    [
        lambda db: db.execute("UPDATE wmagent_sessions SET asked = ?", ('{"goal": "x"}',)),
        lambda db: db.execute("UPDATE checkpoints SET type = 'pickle'"),
        lambda db: db.execute("UPDATE writes SET type = 'json'"),
    ],
)
def test_forged_sessions_are_refused(tmp_path: Path, forge: Callable[[sqlite3.Connection], Any]) -> None:
    file = tmp_path / "sessions.db"
    with opened(file) as sessions:
        told = begin(sessions)
    with sqlite3.connect(file) as connection:
        forge(connection)
    connection.close()
    with opened(file) as sessions, pytest.raises(CheckpointError, match=r"not written by|never read"):
        sessions.look(told.id)
