"""The MCP server with the official client: in memory, over stdio and over HTTP; every tool, bad arguments, progress,
cancelling, resources, prompts, the token."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent, TextResourceContents

from tests.served import GOAL, PLAN, SKIPPED, review_box, review_folder
from wmagent.agent.doubles import REVIEW_START
from wmagent.serve.mcp import mcp_server
from wmagent.service.tools import Toolbox, Watch

TOKEN = "a-token-for-tests-only"
STATE = dict(REVIEW_START)
EVERY: dict[str, dict[str, Any]] = {
    "describe_world": {},
    "plan": PLAN,
    "what_if": SKIPPED,
    "predict": {"state": STATE, "action": "submit"},
    "check_anomaly": {"before": STATE, "action": "submit", "after": {**STATE, "status": "approved"}},
}
Connect = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A real server on a free port, behind a token."""
    command = [sys.executable, "-m", "wmagent", "serve", str(review_folder()), "--http", "--port", "0"]
    process = subprocess.Popen(command, env={**os.environ, "WMAGENT_TOKEN": TOKEN}, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    url = re.findall(r"http://127\.0\.0\.1:\d+", said)[0]
    for _ in range(300):
        try:
            if httpx2.get(f"{url}/health").status_code == 200:
                break
        except httpx2.TransportError:
            time.sleep(0.1)
    yield url
    process.terminate()
    said += process.communicate(timeout=30)[1]
    assert process.returncode in (0, -signal.SIGTERM)
    assert TOKEN not in said
    assert "Traceback" not in said


def text_of(content: Any) -> str:
    assert isinstance(content, TextContent | TextResourceContents)
    return content.text


@asynccontextmanager
async def in_memory() -> AsyncIterator[Client]:
    async with Client(mcp_server(review_box())) as client:
        yield client


@asynccontextmanager
async def over_stdio() -> AsyncIterator[Client]:
    command = StdioServerParameters(command=sys.executable, args=["-m", "wmagent", "serve", str(review_folder())])
    async with Client(stdio_client(command)) as client:
        yield client


@asynccontextmanager
async def over_http(url: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield client


@pytest.fixture(params=["memory", "stdio", "http"])
def connect(request: pytest.FixtureRequest) -> Connect:
    if request.param == "http":
        url = request.getfixturevalue("served")
        return lambda: over_http(url)
    return in_memory if request.param == "memory" else over_stdio


def test_every_tool_answers_alike_over_every_transport(connect: Connect) -> None:
    async def go() -> None:
        async with connect() as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools.keys() == {*EVERY, "explain"}
            for name, arguments in EVERY.items():
                answer = await client.call_tool(name, arguments)
                assert not answer.is_error, answer
                assert answer.structured_content == review_box().call(name, arguments).model_dump(mode="json")
                assert tools[name].output_schema is not None
            told = await client.call_tool("explain", {"id": review_box().call("plan", PLAN).model_dump()["id"]})
            assert "submit" in text_of(told.content[0])

    anyio.run(go)


def test_bad_arguments_are_told_to_the_model(connect: Connect) -> None:
    async def go() -> None:
        async with connect() as client:
            for name, arguments, message in (
                ("plan", {"goal": GOAL}, "state"),
                ("plan", {**PLAN, "simulations": -1}, "simulations"),
                ("plan", {**PLAN, "goal": "painted green"}, "painted green"),
                ("explain", {"id": "plan-000000000000"}, "ask the question again"),
            ):
                answer = await client.call_tool(name, arguments)
                assert answer.is_error
                assert message in text_of(answer.content[0])
                assert "Traceback" not in text_of(answer.content[0])

    anyio.run(go)


def test_documents_and_prompts(connect: Connect) -> None:
    async def go() -> None:
        async with connect() as client:
            card = next(one for one in (await client.list_resources()).resources if one.name == "card")
            text = text_of((await client.read_resource(card.uri)).contents[0])
            assert "World model card" in text
            names = [prompt.name for prompt in (await client.list_prompts()).prompts]
            assert "imagine_before_acting" in names
            hostile = {"goal": "{state} approved", "state": json.dumps(STATE)}
            prompt = await client.get_prompt("imagine_before_acting", hostile)
            assert "{state} approved" in text_of(prompt.messages[0].content)
            with pytest.raises(MCPError):
                await client.read_resource("wmagent://../config.json")

    anyio.run(go)


def test_progress_is_told(connect: Connect) -> None:
    seen: list[float] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async def go() -> None:
        async with connect() as client:
            await client.call_tool("plan", {**PLAN, "seed": 31, "simulations": 4_000}, progress_callback=heard)

    anyio.run(go)
    assert seen
    assert seen == sorted(set(seen))


def test_after_a_cancelled_call_the_next_is_answered(connect: Connect) -> None:
    async def go() -> None:
        async with connect() as client:
            with anyio.CancelScope() as scope:

                async def heard(progress: float, total: float | None, message: str | None) -> None:
                    scope.cancel()

                await client.call_tool("plan", {**PLAN, "seed": 81, "simulations": 50_000}, progress_callback=heard)
            assert scope.cancelled_caught
            with anyio.fail_after(60):
                assert not (await client.call_tool("plan", {**PLAN, "seed": 82})).is_error

    anyio.run(go)


def test_a_cancelled_call_stops_thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, watches = anyio.Event(), list[Watch]()
    call = Toolbox.call

    def slow(self: Toolbox, name: str, arguments: Any, watch: Watch | None = None) -> Any:
        assert watch is not None
        watches.append(watch)
        anyio.from_thread.run_sync(begun.set)
        assert watch.stop.wait(30)
        return call(self, name, arguments, watch)

    monkeypatch.setattr(Toolbox, "call", slow)

    async def go() -> None:
        async with in_memory() as client:
            with anyio.move_on_after(30) as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.call_tool, "plan", {**PLAN, "seed": 41})
                    await begun.wait()
                    group.cancel_scope.cancel()
            assert not scope.cancelled_caught
            with anyio.fail_after(30):
                while not watches[0].stop.is_set():
                    await anyio.sleep(0.01)

    anyio.run(go)


def test_who_has_the_token_is_answered_under_whatever_name_the_server_is_reached(served: str) -> None:
    async def go() -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": "models.example.org"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{served}/mcp", http_client=http)) as client,
        ):
            assert not (await client.call_tool("describe_world", {})).is_error

    anyio.run(go)


def test_without_its_token_nothing_is_told(served: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong-token-entirely"}, {"Authorization": TOKEN}):
        answer = httpx2.post(f"{served}/mcp", json={}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert httpx2.get(f"{served}/v1/tools", headers=headers).status_code == 401
    assert httpx2.get(f"{served}/health").status_code == 200
