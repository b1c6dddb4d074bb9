"""A language model behind an OpenAI-compatible HTTP endpoint (vLLM, Ollama, llama.cpp server and the like).
Knows the protocol; must not know facts, goals or plans."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from wmagent.adapters.local_lm import Turn
from wmagent.errors import InputError, LanguageModelError

AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)  # answers after which asking again may help
LONGEST_WAIT = 20.0  # seconds that an endpoint may ask to be left alone
LARGEST = 4_000_000  # bytes of an answer that are read


@dataclass
class Endpoint:
    """Asks `url`/chat/completions, such as http://127.0.0.1:11434/v1.

    The key is read from the environment variable `key_variable` and never shown. One answer may take `timeout` seconds;
    refused and failed requests are repeated at most `retries` times, with growing waits or the ones the endpoint asks
    for. Whatever then is still wrong is a LanguageModelError in one line.
    """

    url: str
    name: str
    timeout: float = 30.0
    retries: int = 2
    key_variable: str = "OPENAI_API_KEY"
    wait: float = 0.5  # seconds before the first repetition, doubled for each further one
    _client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).netloc:
            raise InputError(f"{self.url!r} is no http(s) address; give one such as http://127.0.0.1:11434/v1")
        if not self.timeout > 0 or self.retries < 0:
            raise InputError("timeout must be above 0 and retries at least 0")

    def complete(self, messages: Sequence[Turn], max_tokens: int = 256, stop: Sequence[str] = ()) -> str:
        """Return the answer's text, decoded greedily (temperature 0)."""
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        body: dict[str, Any] = {"model": self.name, "messages": turns, "max_tokens": max_tokens, "temperature": 0}
        if stop:
            body["stop"] = list(stop)
        wait, began = self.wait, time.monotonic()
        for attempt in range(self.retries + 1):
            try:
                return self._once(body)
            except _TryAgain as problem:
                pause = min(problem.wait if problem.wait is not None else wait, LONGEST_WAIT)
                if attempt == self.retries or time.monotonic() - began + pause > self.timeout * (self.retries + 1):
                    raise LanguageModelError(f"{self.name} at {self.url}: {problem}") from None
                time.sleep(pause)
                wait *= 2
        raise AssertionError("unreachable")

    def _once(self, body: dict[str, Any]) -> str:
        try:
            import httpx
        except ImportError:
            raise InputError("an endpoint needs httpx: pip install 'wmagent[endpoint]'") from None

        if self._client is None:
            self._client = httpx.Client(timeout=self.timeout, follow_redirects=False)
        key = os.environ.get(self.key_variable, "")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            with self._client.stream(
                "POST", f"{self.url.rstrip('/')}/chat/completions", json=body, headers=headers
            ) as answer:
                raw = self._read(answer)
        except httpx.TimeoutException:
            raise _TryAgain(f"no answer within {self.timeout:g} s") from None
        except httpx.HTTPError as error:
            raise _TryAgain(f"cannot be reached ({type(error).__name__})") from None
        if answer.status_code in AGAIN:
            raise _TryAgain(f"HTTP {answer.status_code}", _seconds(answer.headers.get("retry-after")))
        if answer.status_code != 200:
            raise LanguageModelError(f"{self.name} at {self.url}: HTTP {answer.status_code}")
        return _text(raw)

    def _read(self, answer: Any) -> bytes:
        """Read the answer within its time and size: an endpoint may send for ever."""
        began, parts, size = time.monotonic(), [], 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST:
                raise _TryAgain(f"an answer of more than {LARGEST} bytes")
            if time.monotonic() - began > self.timeout:
                raise _TryAgain(f"no whole answer within {self.timeout:g} s")
        return b"".join(parts)


class _TryAgain(Exception):
    """A failure that may pass; `wait` seconds if the endpoint said so."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


def _text(raw: bytes) -> str:
    try:
        content = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise _TryAgain("its answer is no chat completion") from None
    if not isinstance(content, str) or not content.strip():
        raise _TryAgain("its answer has no text")
    return content


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:
        return None
