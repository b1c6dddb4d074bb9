"""`wmagent studio`: a model as a page in the browser, served from this machine. Knows the surfaces by name."""

from __future__ import annotations

import threading
import webbrowser
from typing import Annotated

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad
from wmagent.cli.output import command, note
from wmagent.cli.parts import ModelPath, PlannerName
from wmagent.cli.serve import Host, LogFile, Port, SessionFile, TokenFile, cores, opened, over_http, sessions_in

UNTIL_UP = 1.0  # seconds until the browser is opened: the server listens by then


@command
def studio(
    path: ModelPath,
    host: Host = "127.0.0.1",
    port: Port = 8765,
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

    def announced(at: str) -> None:
        page = f"{at}/studio/"
        note(f"{path} in the studio: {page}; Ctrl-C stops")
        if not no_open:
            showing = threading.Timer(UNTIL_UP, webbrowser.open, (page,))
            showing.daemon = True
            showing.start()

    over_http(
        lambda: opened(path, log, columns, skip_bad, lifecycle, planner, cores()),
        lambda: sessions_in(kept_in, path, planner),
        host,
        port,
        token_file,
        announced,
    )
