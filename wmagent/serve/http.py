"""A toolbox over plain HTTP: one typed route per tool, planning as a stream of events, health, metrics, MCP beside.
Knows FastAPI and tools; must not know models."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException

from wmagent.errors import WmagentError, unknown
from wmagent.serve.guarding import Guarded
from wmagent.serve.measuring import Measures
from wmagent.serve.streaming import Say, streamed
from wmagent.service.schemas import openai_tools
from wmagent.service.tools import BUG, Broken, Stopped, Tool, Toolbox, Watch, wrong

if TYPE_CHECKING:
    from wmagent.service.sessions import Sessions

logger = logging.getLogger(__name__)
MOST_OPEN = 128  # calls that wait or think at once; more are asked to come back


class Wrong(BaseModel):
    """What went wrong: whose turn it is, and what to do."""

    type: str
    message: str


class Failed(BaseModel):
    """An answer that is none."""

    error: Wrong


FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failed, "description": "The request is no JSON."},
    401: {"model": Failed, "description": "The token is missing or wrong."},
    404: {"model": Failed, "description": "There is no such thing."},
    408: {"model": Failed, "description": "Thinking took longer than it may."},
    413: {"model": Failed, "description": "Too much was sent."},
    421: {"model": Failed, "description": "There is no token, and the request does not name this machine."},
    422: {"model": Failed, "description": "The question cannot be used; the message says what to write instead."},
    429: {"model": Failed, "description": "Too many questions at once."},
    503: {"model": Failed, "description": "What thinks went away; ask again."},
}


def http_app(box: Toolbox, token: str | None = None, sessions: Sessions | None = None) -> Guarded:
    """Return the ASGI application: `/v1/…` for the tools (and `/v1/sessions` where there are any), `/mcp` for MCP,
    `/health`, `/metrics`, the studio at `/studio/`."""
    from mcp.server.transport_security import TransportSecuritySettings

    from wmagent.serve.growing import add_growing
    from wmagent.serve.mcp import mcp_server
    from wmagent.serve.pages import add_pages

    mcp = mcp_server(box)
    guarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # `Guarded` sees to it, for all paths
    mcp_app = mcp.streamable_http_app(streamable_http_path="/mcp", transport_security=guarded)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            yield

    app = FastAPI(
        title="wmagent",
        version=version("wmagent"),
        summary=f"Imagine before you act: {box.title}",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    measures = Measures()
    limiter = anyio.CapacityLimiter(MOST_OPEN)
    for tool in box.listed:
        _add_tool(app, box, tool, measures, limiter)
    _add_stream(app, box, measures, limiter)
    if sessions is not None:
        from wmagent.serve.session_routes import add_sessions

        add_sessions(app, sessions, measures, limiter)
    _add_documents(app, box)
    _add_state(app, box, measures)
    add_growing(app, box, measures, limiter)
    add_pages(app, box)
    _add_failures(app)
    app.router.routes.extend(mcp_app.routes)

    return Guarded(app, token)


def _add_tool(app: FastAPI, box: Toolbox, tool: Tool, measures: Measures, limiter: anyio.CapacityLimiter) -> None:
    async def ask(request: Request, question: Any) -> BaseModel:
        with measures.call(tool.name) as result:
            watch = Watch()
            told = await thought(request, lambda: box.answer(tool, question, watch), limiter, watch)
            result.append(getattr(told, "decision", "told"))
            return told

    ask.__annotations__["question"] = Annotated[tool.asks, Body()]
    app.post(
        f"/v1/{tool.name}",
        name=tool.name,
        operation_id=tool.name,
        summary=(tool.asks.__doc__ or "").strip(),
        description=tool.description,
        response_model=tool.tells,
        responses=FAILURES,
    )(ask)


async def thought(
    request: Request, answer: Callable[[], BaseModel], limiter: anyio.CapacityLimiter, watch: Watch
) -> BaseModel:
    """Return an answer that is thought out on a thread under `watch`; it is stopped when the client goes away."""
    if limiter.available_tokens < 1:
        raise Busy("too many questions at once; ask again in a moment")
    told: list[BaseModel] = []

    async def think(done: anyio.CancelScope) -> None:
        told.append(await anyio.to_thread.run_sync(answer, limiter=limiter, abandon_on_cancel=True))
        done.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(think, group.cancel_scope)
            await _gone(request)
            watch.stop.set()
            group.cancel_scope.cancel()
    except* WmagentError as errors:
        raise errors.exceptions[0] from None
    finally:
        watch.stop.set()
    if not told:
        raise Stopped("the client went away")
    return told[0]


async def _gone(request: Request) -> None:
    """Wait until the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Busy(WmagentError):
    """More is asked at once than can be answered."""


def _add_stream(app: FastAPI, box: Toolbox, measures: Measures, limiter: anyio.CapacityLimiter) -> None:
    tool = box.tools["plan"]

    async def stream(question: Any) -> EventSourceResponse:
        """Plan, and tell how far the search has come: events `progress`, then `answer` or `error`."""

        def think(say: Say) -> BaseModel:
            watch.progress = lambda imagined, most: say("progress", {"imagined": imagined, "of": most}, must=False)
            return box.answer(tool, question, watch)

        watch = Watch()
        return streamed(think, watch, measures.call(tool.name), limiter)

    stream.__annotations__["question"] = Annotated[tool.asks, Body()]
    app.post("/v1/plan/stream", operation_id="plan_stream", summary="Plan, as events", responses=FAILURES)(stream)


def _add_documents(app: FastAPI, box: Toolbox) -> None:
    @app.get("/v1/documents/{name}", operation_id="document", response_class=PlainTextResponse, responses=FAILURES)
    def document(name: str) -> Response:
        """Read a document of the model, such as its card."""
        if (found := box.documents.get(name)) is None:
            raise Missing(str(unknown("document", name, box.documents)))
        return Response(found.read(), media_type=found.media_type)

    @app.get("/v1/tools", operation_id="tools")
    def tools() -> list[dict[str, Any]]:
        """List the tools as OpenAI function schemas."""
        return openai_tools(box)


class Missing(WmagentError):
    """There is no such thing."""


def _add_state(app: FastAPI, box: Toolbox, measures: Measures) -> None:
    @app.get("/health", operation_id="health")
    def health() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok", "version": version("wmagent")}

    @app.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Tell calls, times and what is under way, for Prometheus."""
        return Response(measures.text(), media_type=measures.content_type)


def _add_failures(app: FastAPI) -> None:
    statuses = ((Stopped, 408), (Busy, 429), (Broken, 503), (Missing, 404), (WmagentError, 422))

    @app.exception_handler(WmagentError)
    async def failed(request: Request, error: WmagentError) -> JSONResponse:
        status = next(status for kind, status in statuses if isinstance(error, kind))
        return failure(status, type(error).__name__, str(error))

    @app.exception_handler(RequestValidationError)
    async def unusable(request: Request, error: RequestValidationError) -> JSONResponse:
        if any(one["type"] == "json_invalid" for one in error.errors()):
            return failure(400, "InputError", "the body is no JSON")
        return failure(422, "InputError", wrong(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        said = failure(error.status_code, "Refused", f"{request.method} {request.url.path}: {error.detail}")
        said.headers.update(error.headers or {})
        return said

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        logger.exception("a request failed")
        return failure(500, "Bug", BUG)


def failure(status: int, kind: str, message: str) -> JSONResponse:
    """Return an answer that is none, as `Failed` describes it."""
    return JSONResponse({"error": {"type": kind, "message": message}}, status)
