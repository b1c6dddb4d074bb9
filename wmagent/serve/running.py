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
        return os.environ.get(TOKEN, "").strip() or None
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the token cannot be read from {file}: {error}") from None
    if not token:
        raise InputError(f"{file} is empty; write the token into it")
    return token


def address(host: str, port: int) -> str:
    """Return where a server that listens there is reached."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that holds this place (port 0: any that is free) until a server listens; InputError where it
    cannot be had."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind)
    except OSError as error:
        raise InputError(f"there is no {host} to listen at: {error}") from None
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
    except OSError as error:
        found.close()
        raise InputError(f"cannot listen at {address(host, port)}: {error.strerror}; choose another --port") from None
    return found


def run_http(app: Any, place: socket.socket) -> None:
    """Serve at a bound place until SIGINT or SIGTERM; calls under way may end."""
    import uvicorn

    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # a query could hold a secret
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        limit_concurrency=1_000,
    )
    uvicorn.Server(settings).run([place])
