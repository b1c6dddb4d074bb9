"""Planning sessions that are driven step by step with approval, and outlive the server. Knows the agent's runs and the
file they are kept in; no transport."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmagent.errors import InputError, OutOfDomain, WmagentError
from wmagent.service.opening import version_of
from wmagent.service.session_file import Begun, NoSession, SessionFile
from wmagent.service.session_questions import (
    AnswerQuestion,
    Asked,
    BeginQuestion,
    Done,
    Report,
    Session,
    SessionLine,
    SessionList,
)
from wmagent.service.tools import WATCH, Watch
from wmagent.service.world import WorldTools, decision, differing, open_world

if TYPE_CHECKING:
    from wmagent.agent.episode import Episode
    from wmagent.agent.protocols import IdempotentEnvironment

MOST_SESSIONS = 10_000  # in one file
MOST_LISTED = 100


class Clash(InputError):
    """An answer that does not fit what the session waits for, or another one under the same key."""


class Sessions:
    """The sessions of one model in one SQLite file; `version` tells models apart. One call thinks at a time. Close it,
    or use it with `with`."""

    def __init__(self, tools: WorldTools, version: str, file: str | Path) -> None:
        from wmagent.agent.agent import Agent

        self._tools, self._version = tools, version
        self._agent = Agent(tools.agent.model, planner=tools.agent.planner, checkpoint=Path(file))
        try:
            self._file = SessionFile(Path(file))
        except InputError:
            self._agent.close()
            raise
        self._beginning, self._turn = threading.Lock(), threading.Lock()

    def begin(self, question: BeginQuestion, watch: Watch | None = None) -> Session:
        """Plan, and ask whether the first step may be done.

        OutOfDomain and InputError for a state or goal that the model cannot read; Stopped when `watch` says so. A
        session that could not begin leaves nothing behind.
        """
        facts = dict(self._agent.grounded(question.state))
        with self._beginning:
            if len(self._file) >= MOST_SESSIONS:
                raise InputError(
                    f"the file holds {MOST_SESSIONS:,} sessions, which is the most; serve with another one"
                )
            session = f"session-{uuid.uuid4().hex[:16]}"
            begun = self._file.add(session, self._version, question.model_copy(update={"state": facts}))
        try:
            with self._thinking(watch or Watch(), question.seconds):
                episode = self._agent.act(
                    question.goal,
                    facts,
                    self._environment(begun),
                    max_steps=question.max_steps,
                    approve="each" if question.ask == "step" else "ask",
                    seed=question.seed,
                    thread=session,
                )
        except WmagentError:
            self._file.remove(session)
            self._agent.forget(session)
            raise
        return self._told(begun, episode)

    def answer(self, session: str, given: AnswerQuestion, watch: Watch | None = None) -> Session:
        """Follow an answer until the next question or the end. One that comes again under its key changes nothing.

        NoSession for an unknown session; Clash for an answer to another question than the one that is asked.
        """
        begun = self._file.find(session)
        if begun.model != self._version:
            raise InputError(f"session {session!r} was begun with another model; serve that one to go on with it")
        with self._thinking(watch or Watch(), given.seconds):
            episode = self._stands(begun)
            waiting = asked(episode)
            said = hashlib.sha256(given.model_dump_json(exclude={"seconds", "to"}).encode()).hexdigest()
            before = self._file.answer(session, given.key) if given.key is not None else None
            if before is not None and before[1] != said:
                raise Clash(f"key {given.key!r} came with another answer before; choose a new key")
            again = before is not None and (waiting is None or before[0] != waiting.id)
            if again or (given.approve is None and given.report is None):
                return self._told(begun, self._go_on(begun, episode))
            answer = self._answer(given, episode, waiting)
            if given.key is not None and waiting is not None:
                self._file.note(session, given.key, waiting.id, said)
            return self._told(begun, self._agent.resume(session, self._environment(begun), answer=answer))

    def look(self, session: str) -> Session:
        """Return how a session stands; nothing goes on by looking."""
        begun = self._file.find(session)
        return self._told(begun, self._stands(begun))

    def list(self) -> SessionList:
        """Return the newest sessions in short."""
        lines = []
        for begun in self._file.newest(MOST_LISTED):
            try:
                episode = self._stands(begun)
            except NoSession:
                continue
            one = begun.asked
            shown = {"id": begun.id, "goal": one.goal, "environment": one.environment, "begun": begun.begun}
            lines.append(SessionLine(**shown, status=episode.status, steps=len(episode.deeds)))  # type: ignore[arg-type]
        return SessionList(sessions=lines, left_out=max(0, len(self._file) - MOST_LISTED))

    def close(self) -> None:
        """Close the file."""
        self._agent.close()
        self._file.close()

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def _thinking(self, watch: Watch, seconds: float) -> Iterator[None]:
        """Wait for this call's turn, and let it think under its watch for at most so many seconds."""
        watch.until = min(watch.until, time.monotonic() + seconds)
        while not self._turn.acquire(timeout=0.1):
            watch.step(0)
        token = WATCH.set(watch)
        try:
            watch.step(0)
            yield
        finally:
            WATCH.reset(token)
            self._turn.release()

    def _stands(self, begun: Begun) -> Episode:
        try:
            return self._agent.look(begun.id)
        except InputError as error:
            if "there is no run" not in str(error):
                raise
            raise NoSession(f"session {begun.id!r} was broken off before it began; begin another") from None

    def _go_on(self, begun: Begun, episode: Episode) -> Episode:
        """Take up thinking that was broken off; everything else stays as it is."""
        if episode.status != "running":
            return episode
        return self._agent.resume(begun.id, self._environment(begun))

    def _environment(self, begun: Begun) -> IdempotentEnvironment:
        from wmagent.agent.driven import RehearsalEnvironment, ReportedEnvironment

        if begun.asked.environment == "reported":
            return ReportedEnvironment()
        return RehearsalEnvironment(self._tools.imagined, begun.asked.seed)

    def _answer(self, given: AnswerQuestion, episode: Episode, waiting: Asked | None) -> Any:
        """Return an answer as the agent takes it; Clash where it does not fit the question."""
        if waiting is None:
            state = "was broken off while it thought; go on with an empty answer"
            raise Clash(f"the session {state if episode.status == 'running' else f'is over: {episode.status}'}")
        kind = "approve" if given.report is None else "report"
        if kind != waiting.kind or given.to not in (None, waiting.id):
            raise Clash(f"the session waits for {waiting.kind!r} to question {waiting.id!r}: {waiting.text}")
        return given.approve if given.report is None else self._report(given.report)

    def _report(self, report: Report) -> dict[str, Any]:
        told: dict[str, Any] = {"happened": report.happened, "duration": report.hours, "cost": report.cost}
        told |= {"done": report.closed, "error": report.why_not}
        if report.facts is not None:
            try:
                told["facts"] = dict(self._agent.grounded(report.facts))
            except OutOfDomain as error:
                if not report.beyond:
                    raise InputError(f"{error}. If it is really so, say beyond: true; the session then ends") from None
                told["facts"] = dict(report.facts)
        return told

    def _told(self, begun: Begun, episode: Episode) -> Session:
        one, before, steps = begun.asked, begun.asked.state, []
        for deed in episode.deeds:
            changes = differing(before, deed.facts)
            numbers = {"hours": round(deed.duration, 3), "cost": round(deed.cost, 3)}
            steps.append(Done(action=deed.action.label(), changes=changes, error=deed.error, **numbers))
            before = deed.facts
        return Session(
            id=begun.id,
            goal=one.goal,
            environment=one.environment,
            status=episode.status,  # type: ignore[arg-type]
            question=asked(episode),
            decision=None if episode.plan is None else decision(episode.plan, begun.id),
            facts=dict(episode.facts),
            steps=steps,
            hours=round(episode.duration, 3),
            cost=round(episode.cost, 3),
            note=episode.note,
        )


def open_sessions(model: Path, file: Path, planner: str = "best-first") -> Sessions:
    """Return the sessions of a model folder that are kept in a file, created where it is missing."""
    tools = open_world(model, planner)
    return Sessions(tools, version_of(model), file)


def asked(episode: Episode) -> Asked | None:
    """Return what a run waits for; its id counts the steps done, so that every question has another one."""
    if episode.question is None or episode.plan is None:
        return None
    question, kind = episode.question, "report" if episode.question.get("kind") == "report" else "approve"
    return Asked(
        id=f"{len(episode.deeds)}-{kind}",
        kind=kind,
        text=str(question["question"]),
        action=str(question.get("action") or episode.plan.steps[0].action.label()),
        actions=[str(action) for action in question.get("actions", ())],
        because=str(question.get("text", "")),
    )
