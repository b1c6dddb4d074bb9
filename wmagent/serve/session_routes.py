"""Planning sessions over HTTP: begin, list, look, answer. Knows FastAPI and sessions; must not know models."""

from __future__ import annotations

from typing import Annotated, Any, cast

import anyio
from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse

from wmagent.errors import InputError
from wmagent.serve.http import FAILURES, Failed, failure, thought
from wmagent.serve.measuring import Measures
from wmagent.service.session_file import NoSession
from wmagent.service.session_questions import AnswerQuestion, BeginQuestion, Session, SessionList
from wmagent.service.sessions import Clash, Sessions
from wmagent.service.tools import Watch

CLASH: dict[int | str, dict[str, Any]] = {
    409: {"model": Failed, "description": "The session waits for something else, or the key is used already."}
}


def add_sessions(app: FastAPI, sessions: Sessions, measures: Measures, limiter: anyio.CapacityLimiter) -> None:
    """Add the routes of `sessions` to an application."""

    @app.post("/v1/sessions", operation_id="begin_session", status_code=201, responses=FAILURES)
    async def begin(request: Request, question: Annotated[BeginQuestion, Body()]) -> Session:
        """Begin to plan and act towards a goal, asking before what is done."""
        watch = Watch()
        with measures.call("begin_session") as result:
            told = cast("Session", await thought(request, lambda: sessions.begin(question, watch), limiter, watch))
            result.append(told.status)
            return told

    @app.get("/v1/sessions", operation_id="sessions", responses=FAILURES)
    def listed() -> SessionList:
        """List the newest sessions."""
        return sessions.list()

    @app.get("/v1/sessions/{session}", operation_id="session", responses=FAILURES)
    def look(session: str) -> Session:
        """Tell how a session stands; nothing goes on by looking."""
        return sessions.look(session)

    @app.post("/v1/sessions/{session}/answer", operation_id="answer_session", responses=FAILURES | CLASH)
    async def answer(request: Request, session: str, given: Annotated[AnswerQuestion, Body()]) -> Session:
        """Approve the next step, report what came of it, or (empty) go on where thinking was broken off."""
        watch = Watch()
        with measures.call("answer_session") as result:
            told = cast(
                "Session", await thought(request, lambda: sessions.answer(session, given, watch), limiter, watch)
            )
            result.append(told.status)
            return told

    def failed(status: int) -> Any:
        async def handler(request: Request, error: InputError) -> JSONResponse:
            return failure(status, type(error).__name__, str(error))

        return handler

    app.add_exception_handler(NoSession, failed(404))
    app.add_exception_handler(Clash, failed(409))
