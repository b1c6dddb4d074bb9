"""`wmagent serve` and `wmagent schema`: a model as a tool for assistants and programs. Knows the surfaces by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, open_log
from wmagent.cli.output import command, note, show_json
from wmagent.cli.parts import ModelPath, PlannerName
from wmagent.errors import InputError

if TYPE_CHECKING:
    from wmagent.service.tools import Toolbox

LogFile = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Of event log models: the log with the cases to ask about.")
]


@command
def serve(
    path: ModelPath,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP (with MCP at /mcp), not stdin/stdout.")] = False,
    host: Annotated[str, typer.Option(help="Where to listen; elsewhere than here only with a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen.")] = 8765,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="The bearer token; default: WMAGENT_TOKEN.")
    ] = None,
    log: LogFile = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    planner: PlannerName = "best-first",
) -> None:
    """Offer a model as a tool: to chat assistants over MCP (stdin and stdout), or over HTTP.

    Examples:

        wmagent serve contracts.wm     (as the command of an MCP server in an assistant's settings)

        wmagent serve contracts.wm --http --port 8765     (MCP at /mcp, plain HTTP at /v1, a page at /)

        WMAGENT_TOKEN=… wmagent serve contracts.wm --http --host 0.0.0.0

        wmagent serve loans.wm --log loans.xes.gz --http
    """
    from wmagent.serve.guarding import check_listening
    from wmagent.serve.running import run_http, token_of

    token = token_of(token_file)
    if http:
        check_listening(host, token)
    needed("mcp", "serve")
    if http:
        needed("fastapi", "serve")
    box = opened(path, log, columns, skip_bad, lifecycle, planner)
    if http:
        from wmagent.serve.http import http_app

        note(f"serving {path} at http://{host}:{port} (API: /openapi.json, MCP: /mcp); Ctrl-C stops")
        run_http(http_app(box, token), host, port)
        return
    import anyio

    from wmagent.serve.mcp import run_stdio

    anyio.run(run_stdio, box)


@command
def schema(
    path: ModelPath,
    openai: Annotated[bool, typer.Option("--openai", help="As OpenAI function schemas.")] = False,
    log: LogFile = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
) -> None:
    """Print the schemas of a model's tools.

    Examples:

        wmagent schema contracts.wm --openai > tools.json
    """
    from wmagent.service.schemas import openai_tools, plain_schemas

    box = opened(path, log, columns, skip_bad, lifecycle)
    show_json({"tools": openai_tools(box)} if openai else {"tools": plain_schemas(box)})


def opened(
    path: Path,
    log: Path | None,
    columns: list[str] | None,
    skip_bad: bool,
    lifecycle: str,
    planner: str = "best-first",
) -> Toolbox:
    """Return the tools of a model folder, with the log that its cases are in where it needs one."""
    import torch

    from wmagent.service.opening import open_toolbox

    torch.set_num_threads(1)  # calls take turns; in many small batches two threads are slower
    events = None if log is None else open_log(log, columns, skip_bad, lifecycle)[0]
    return open_toolbox(path, events, planner)


def needed(module: str, extra: str) -> None:
    """Raise InputError where an extra is not installed."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise InputError(f"serving needs the extra: pip install 'wmagent[{extra}]'")
