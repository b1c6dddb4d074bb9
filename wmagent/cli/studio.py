"""`wmagent studio`: a model as a page in the browser, served from this machine. Knows the surfaces by name."""

from __future__ import annotations

import threading
import webbrowser
from typing import Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad
from wmagent.cli.output import command, note
from wmagent.cli.parts import ModelPath, PlannerName
from wmagent.cli.serve import Host, LogFile, SessionFile, TokenFile, cores, needed, opened, sessions_in

UNTIL_UP = 1.0  # seconds until the browser is opened: the server listens by then


@command
def studio(
    path: ModelPath,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: anywhere that is free.")] = 8765,
    token_file: TokenFile = None,
    log: LogFile = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    planner: PlannerName = "best-first",
    kept_in: SessionFile = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
) -> None:
    """Look at a model in the browser: say where things stand, watch the imagined futures grow, compare what-ifs.

    Nothing is loaded from elsewhere. Over the same address it answers as `wmagent serve --http` does.

    Examples:

        wmagent studio contracts.wm

        wmagent studio contracts.wm --port 8800 --no-open

        wmagent studio loans.wm --log loans.xes.gz
    """
    from wmagent.serve.guarding import check_listening
    from wmagent.serve.running import free_port, run_http, token_of

    token = token_of(token_file)
    check_listening(host, token)
    needed("mcp", "serve")
    needed("fastapi", "serve")
    port = port or free_port(host)
    box = opened(path, log, columns, skip_bad, lifecycle, planner, cores())
    try:
        from wmagent.serve.http import http_app

        with sessions_in(kept_in, path, planner) as sessions:
            server = http_app(box, token, sessions)
            box.ready()
            address = f"http://{f'[{host}]' if ':' in host else host}:{port}/studio/"
            note(f"{path} in the studio: {address}; Ctrl-C stops")
            if not no_open:
                opening = threading.Timer(UNTIL_UP, webbrowser.open, (address,))
                opening.daemon = True
                opening.start()
            run_http(server, host, port)
    finally:
        box.close()
