"""Runs servers until they are told to stop. Knows transports; must not know models."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from wmagent.errors import InputError

TOKEN = "WMAGENT_TOKEN"
GRACE = 10  # seconds in which calls under way may end after the server is told to stop


def token_of(file: Path | None) -> str | None:
    """Return the token out of a file or of the environment, None where there is neither; it is never an argument, which
    everybody on the machine could read."""
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the token cannot be read from {file}: {error}") from None
    if not token:
        raise InputError(f"{file} is empty; write the token into it")
    return token


def free_port(host: str) -> int:
    """Return a port at which nobody listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as found:
        found.bind((host, 0))
        return found.getsockname()[1]


def run_http(app: Any, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; calls under way may end."""
    import uvicorn

    settings = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,  # a query could hold a secret
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        limit_concurrency=1_000,
    )
    uvicorn.Server(settings).run()
