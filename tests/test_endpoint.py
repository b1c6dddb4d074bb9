"""An OpenAI-compatible endpoint over real HTTP: answers, and every way in which one fails. Knows no planner."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from wmagent.adapters.endpoint import Endpoint
from wmagent.agent.language import LanguageModel, Message
from wmagent.errors import InputError, LanguageModelError

ASKED = [Message("user", "what next?")]
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Plays the answers of its server one after the other, the last one for ever."""

    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body, self.headers.get("authorization")))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


class Server(ThreadingHTTPServer):
    answers: list[Answer]
    asked: list[tuple[str, dict[str, Any], str | None]]


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    found.answers, found.asked, found.daemon_threads = [], [], True
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()


def sends(text: str, status: int = 200, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


def says(text: object) -> Answer:
    return sends(json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}))


def drips(handler: Handler) -> None:
    """Send a byte now and then, for ever as far as the client is concerned."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def asking(server: Server, **settings: Any) -> Endpoint:
    given = {"timeout": 2.0, "retries": 2, "wait": 0.01, **settings}
    return Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "small", **given)


def test_a_question_is_asked_and_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-1")
    server.answers = [says("submit")]
    lm = asking(server)
    assert isinstance(lm, LanguageModel)
    assert lm.complete(ASKED, max_tokens=7, stop=["\n"]) == "submit"
    path, body, key = server.asked[0]
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "small",
        "messages": [{"role": "user", "content": "what next?"}],
        "max_tokens": 7,
        "temperature": 0,
        "stop": ["\n"],
    }
    assert key == "Bearer secret-1"
    assert "secret" not in repr(lm)


def test_what_may_pass_is_asked_again(server: Server) -> None:
    server.answers = [sends("busy", 429, retry_after="0.05"), sends("oops", 500), says("approve")]
    assert asking(server).complete(ASKED) == "approve"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "said", "times"),
    [
        (sends("busy", 429), "HTTP 429", 3),
        (sends("no such model", 404), "HTTP 404", 1),
        (sends("who are you", 401), "HTTP 401", 1),
        (sends('{"choices": [{"mess'), "no chat completion", 3),
        (sends("<html>proxy</html>"), "no chat completion", 3),
        (sends("[]"), "no chat completion", 3),
        (says(None), "no text", 3),
        (says("  "), "no text", 3),
    ],
)
def test_answers_that_cannot_be_used_are_one_line(server: Server, answer: Answer, said: str, times: int) -> None:
    server.answers = [answer]
    with pytest.raises(LanguageModelError, match=said) as caught:
        asking(server).complete(ASKED)
    assert len(server.asked) == times
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_never_ends_is_left(server: Server) -> None:
    server.answers = [drips]
    with pytest.raises(LanguageModelError, match=r"within 0\.3 s"):
        asking(server, timeout=0.3, retries=0).complete(ASKED)


def test_a_long_wait_that_is_asked_for_is_not_waited(server: Server) -> None:
    server.answers = [sends("busy", 429, retry_after="3600")]
    began = time.monotonic()
    with pytest.raises(LanguageModelError, match="HTTP 429"):
        asking(server, timeout=0.5, retries=2).complete(ASKED)
    assert time.monotonic() - began < 10


def test_an_endpoint_that_is_down_is_named(server: Server) -> None:
    lm = asking(server, retries=1)
    server.shutdown()
    server.server_close()
    with pytest.raises(LanguageModelError, match=rf"small at http://127.0.0.1:{server.server_port}/v1: cannot be"):
        lm.complete(ASKED)


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "file:///etc/passwd", "http://"])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"no http\(s\) address"):
        Endpoint(url, "small")


def test_the_command_reads_a_goal_by_rules_and_then_with_an_endpoint(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from wmagent.agent.doubles import review_model
    from wmagent.cli.app import app

    monkeypatch.setattr("wmagent.cli.goal.open_model", lambda path: review_model())
    asked = ["goal", "push this thing over the line within 2 days", "--model", "m.wm", "--json"]
    alone = CliRunner().invoke(app, asked)
    assert alone.exit_code == 2
    assert "cannot express" in alone.stderr
    server.answers = [says('{"reach": {"status": "approved"}}')]
    found = CliRunner().invoke(app, [*asked, "--lm", f"http://127.0.0.1:{server.server_port}/v1#small"])
    assert found.exit_code == 0, found.stderr
    goal = json.loads(found.stdout)["goal"]
    assert (goal["conditions"][0]["value"], goal["deadline"]) == ("approved", 48.0)
    assert server.asked[0][1]["model"] == "small"
