"""Sessions over HTTP on a real server process: begun, killed with the server, gone on with in another one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from tests.served import GOAL, loans_box, review_folder
from wmagent.agent.doubles import REVIEW_START
from wmagent.cli.app import app
from wmagent.serve.http import http_app

IN_REVIEW = {**REVIEW_START, "status": "in review"}


@contextmanager
def serving(file: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """A client of `wmagent serve --sessions` in a process of its own, which is killed in the end."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    command = [sys.executable, "-m", "wmagent", "serve", str(review_folder()), "--http", "--port", port]
    process = subprocess.Popen([*command, "--sessions", str(file)], env={**os.environ, "WMAGENT_TOKEN": ""})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            while True:
                assert process.poll() is None
                try:
                    client.get("/health")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield client, process
    finally:
        process.kill()
        process.wait(30)


def test_a_session_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    def told(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
        assert answer.status_code == status, answer.text
        return answer.json()

    begin = {"goal": GOAL, "state": dict(REVIEW_START), "environment": "reported"}
    with serving(tmp_path / "sessions.db") as (client, _):
        first = told(client.post("/v1/sessions", json=begin), 201)
        assert first["question"]["kind"] == "approve"
        place = f"/v1/sessions/{first['id']}"
        waiting = told(client.post(f"{place}/answer", json={"approve": True}))
        assert waiting["question"]["id"] == "0-report"
    report = {"report": {"facts": IN_REVIEW, "hours": 4}, "key": "mail 17"}
    with serving(tmp_path / "sessions.db") as (client, _):
        assert told(client.get(place)) == waiting
        assert [line["id"] for line in told(client.get("/v1/sessions"))["sessions"]] == [first["id"]]
        after = told(client.post(f"{place}/answer", json=report))
        assert (after["facts"], after["hours"]) == (IN_REVIEW, 4.0)
        assert told(client.post(f"{place}/answer", json=report)) == after
        clash = told(client.post(f"{place}/answer", json=report | {"key": "x"}), 409)
        assert "waits for 'approve'" in clash["error"]["message"]
        assert told(client.get("/v1/sessions/session-0"), 404)["error"]["type"] == "NoSession"
        assert "state" in told(client.post("/v1/sessions", json={"goal": GOAL}), 422)["error"]["message"]
        both = told(client.post(f"{place}/answer", json=report | {"approve": True}), 422)
        assert "approve or report" in both["error"]["message"]
        assert 'wmagent_calls_total{result="waiting",tool="answer_session"}' in client.get("/metrics").text


def test_sessions_are_served_where_there_are_any(tmp_path: Path) -> None:
    paths = http_app(loans_box()).app.openapi()["paths"]
    assert [path for path in paths if "session" in path] == []
    run = CliRunner().invoke(app, ["serve", str(review_folder()), "--sessions", str(tmp_path / "s.db")])
    assert run.exit_code == 2
    assert "--http" in run.stderr
