"""`wmagent serve` and `wmagent schema`: a model as a tool for assistants and programs. Knows the surfaces by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, named, open_log
from wmagent.cli.output import command, note, show_json
from wmagent.cli.parts import ModelPath, PlannerName
from wmagent.errors import InputError

if TYPE_CHECKING:
    from wmagent.service.sessions import Sessions
    from wmagent.service.tools import Toolbox

SessionFile = Annotated[
    Path | None,
    typer.Option("--sessions", metavar="FILE", help="Keep planning sessions with approval in this SQLite file."),
]
Host = Annotated[str, typer.Option(help="Where to listen; elsewhere than here only with a token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: anywhere that is free.")]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help="The bearer token; default: WMAGENT_TOKEN.")
]
MOST_WORKERS = 4  # unless more are asked for: every one holds the model

LogFile = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Of event log models: the log with the cases to ask about.")
]


@command
def serve(
    path: ModelPath,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP (with MCP at /mcp), not stdin/stdout.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    token_file: TokenFile = None,
    log: LogFile = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    planner: PlannerName = "best-first",
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=64, help="Processes that think; with --http one per core."),
    ] = None,
    kept_in: SessionFile = None,
) -> None:
    """Offer a model as a tool: to chat assistants over MCP (stdin and stdout), or over HTTP.

    Examples:

        wmagent serve contracts.wm     (as the command of an MCP server in an assistant's settings)

        wmagent serve contracts.wm --http --port 8765     (MCP at /mcp, plain HTTP at /v1, a page at /)

        WMAGENT_TOKEN=… wmagent serve contracts.wm --http --host 0.0.0.0

        wmagent serve loans.wm --log loans.xes.gz --http

        wmagent serve contracts.wm --http --sessions sessions.db     (and /v1/sessions: plan, approve, act, report)
    """
    opening = partial(opened, path, log, columns, skip_bad, lifecycle, planner)
    if http:

        def announced(at: str) -> None:
            note(f"serving {path} at {at} (API: /openapi.json, MCP: /mcp); Ctrl-C stops")

        count = cores() if workers is None else workers
        over_http(
            lambda: opening(count), lambda: sessions_in(kept_in, path, planner), host, port, token_file, announced
        )
        return
    if kept_in is not None:
        raise InputError("sessions are served over HTTP; add --http")
    needed("mcp")
    import anyio

    from wmagent.serve.mcp import run_stdio

    with closing(opening(workers or 0)) as box:
        box.ready()
        anyio.run(run_stdio, box)


@command
def schema(
    path: ModelPath,
    openai: Annotated[bool, typer.Option("--openai", help="As OpenAI function schemas.")] = False,
) -> None:
    """Print the schemas of a model's tools.

    Examples:

        wmagent schema contracts.wm --openai > tools.json
    """
    from wmagent.service.opening import offered
    from wmagent.service.schemas import openai_tools, plain_schemas

    box = offered(path)
    show_json({"tools": openai_tools(box) if openai else plain_schemas(box)})


def opened(
    path: Path,
    log: Path | None,
    columns: list[str] | None,
    skip_bad: bool,
    lifecycle: str,
    planner: str,
    workers: int,
) -> Toolbox:
    """Return the tools of a model folder, with the log that its cases are in where it needs one."""
    from wmagent.service.opening import open_toolbox, spread_toolbox

    if workers:
        said = {"skip_bad": skip_bad, "lifecycle": lifecycle, "columns": named(columns)}
        return spread_toolbox(path, workers, planner, None if log is None else {"file": str(log), **said})
    import torch

    torch.set_num_threads(1)  # calls take turns; in many small batches two threads are slower
    events = None if log is None else open_log(log, columns, skip_bad, lifecycle)[0]
    return open_toolbox(path, events, planner)


def over_http(
    opening: Callable[[], Toolbox],
    keeping: Callable[[], AbstractContextManager[Sessions | None]],
    host: str,
    port: int,
    token_file: Path | None,
    announced: Callable[[str], None],
) -> None:
    """Serve what `opening` returns until told to stop, with the sessions of `keeping`. The place to listen at is
    checked and held before anything is opened; `announced` is called with the address once all is ready."""
    needed("mcp", "fastapi")
    from wmagent.serve.guarding import check_listening
    from wmagent.serve.running import address, bound, run_http, token_of

    token = token_of(token_file)
    check_listening(host, token)
    with bound(host, port) as place, closing(opening()) as box, keeping() as sessions:
        from wmagent.serve.http import http_app

        server = http_app(box, token, sessions)
        box.ready()
        announced(address(host, place.getsockname()[1]))
        run_http(server, place)


def cores() -> int:
    """Return how many processes think unless another number is asked for."""
    return min(MOST_WORKERS, os.cpu_count() or 1)


def sessions_in(file: Path | None, path: Path, planner: str) -> AbstractContextManager[Sessions | None]:
    """Return the sessions that are kept in a file, None where there is none."""
    if file is None:
        return nullcontext()
    from wmagent.service.sessions import open_sessions

    return open_sessions(path, file, planner)


def needed(*modules: str) -> None:
    """Raise InputError where an extra is not installed."""
    from importlib.util import find_spec

    if any(find_spec(module) is None for module in modules):
        raise InputError("serving needs the extra: pip install 'wmagent[serve]'")
