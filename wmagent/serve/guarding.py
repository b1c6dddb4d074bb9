"""Who may ask, and how much may be sent: a bearer token, limits on bodies, addresses to listen at. Knows HTTP only."""

from __future__ import annotations

import hmac
import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

from wmagent.errors import InputError

MOST_BYTES = 1_000_000  # of a request's body
OPEN = ("/health", "/", "/studio/")  # paths that need no token: nothing of the model is told there
LEAST_TOKEN = 16
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
]


def check_listening(host: str, token: str | None) -> None:
    """Raise InputError where somebody else could ask without a token, or for a token that is easily guessed."""
    if token is not None and len(token) < LEAST_TOKEN:
        raise InputError(f"the token has {len(token)} characters; give at least {LEAST_TOKEN}")
    if token is None and not _is_local(host):
        raise InputError(
            f"listening at {host} lets other machines ask; set a token (WMAGENT_TOKEN or --token-file), or stay at "
            "127.0.0.1"
        )


def _is_local(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _from_here(headers: dict[bytes, bytes]) -> bool:
    """Return whether a request names this machine, and comes from no page of another one: a browser shows pages whose
    own name was made to point here."""
    named = [b"//" + headers.get(b"host", b"")]
    if (origin := headers.get(b"origin")) is not None:
        named.append(origin)
    try:
        return all(_is_local(urlsplit(one.decode("latin-1")).hostname) for one in named)
    except ValueError:
        return False


class Guarded:
    """An ASGI application behind a token (None: only requests that name this machine are answered) and a limit on what
    is sent; its answers say that nothing of them may be run or framed."""

    def __init__(self, app: Any, token: str | None, most_bytes: int = MOST_BYTES) -> None:
        self.app, self.token, self.most_bytes = app, token, most_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self.token is None and not _from_here(headers):
            await _refused(send, 421, "without a token, only localhost is answered, asked by its own pages or none")
            return
        if self.token is not None and not _open(scope["path"]) and not self._known(headers):
            await _refused(send, 401, "give the server's token: Authorization: Bearer …", b"Bearer")
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.most_bytes:
            await _refused(send, 413, f"at most {self.most_bytes:,} bytes are read")
            return
        taken = 0

        async def limited() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most_bytes:  # it was sent in parts, without a length
                return {"type": "http.disconnect"}
            return message

        async def with_headers(message: Any) -> None:
            if taken > self.most_bytes:  # what the application says to a client that it takes to be gone
                return
            if message["type"] == "http.response.start":
                told = {name for name, _ in message["headers"]}
                added = [(name, value) for name, value in HEADERS if name not in told]
                message = message | {"headers": [*message["headers"], *added]}
            await send(message)

        await self.app(scope, limited, with_headers)
        if taken > self.most_bytes:
            await _refused(send, 413, f"at most {self.most_bytes:,} bytes are read")

    def _known(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), (self.token or "").encode())


def _open(path: str) -> bool:
    return path in OPEN[:2] or path.startswith(OPEN[2])


async def _refused(send: Any, status: int, message: str, challenge: bytes | None = None) -> None:
    body = json.dumps({"error": {"type": "Refused", "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if challenge:
        headers.append((b"www-authenticate", challenge))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
