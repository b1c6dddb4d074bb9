"""Questions that nobody would ask: the HTTP API after its own schema, and MCP arguments of any shape. No answer is a
failure of the server, none hangs, none shows a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.served import PLAN, SKIPPED, review_box, serving
from wmagent.agent.doubles import REVIEW_START
from wmagent.errors import WmagentError
from wmagent.serve.http import http_app
from wmagent.serve.mcp import mcp_server

CALM = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])  # type: ignore[list-item]
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
OPERATIONS = ["/v1/plan", "/v1/what_if", "/v1/predict", "/v1/explain", "/v1/check_anomaly", "/v1/describe_world"]
OPERATIONS += [
    "/v1/plan/stream",
    "/v1/plan/grow",
    "/v1/report/{key}",
    "/v1/documents/{name}",
    "/v1/tools",
    "/health",
    "/metrics",
]


@pytest.fixture(scope="module")
def api() -> Iterator[dict[str, Any]]:
    with serving(http_app(review_box())) as url:
        found = schemathesis.openapi.from_url(f"{url}/openapi.json")
        operations = [one.ok() for one in found.get_all_operations()]  # type: ignore[union-attr]
        yield {one.path: one for one in operations}


def test_every_route_is_asked(api: dict[str, Any]) -> None:
    assert api.keys() == set(OPERATIONS)


@pytest.mark.parametrize("path", OPERATIONS)
def test_no_question_breaks_the_api(api: dict[str, Any], path: str) -> None:
    @CALM
    @given(case=api[path].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        answer = case.call()
        case.validate_response(answer, checks=CHECKS)
        assert "Traceback" not in answer.text

    ask()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "goal", "state", "until", "do", "skip", "swap", "delay", "facts", "rules", "policy", "action", "id", "seed", "by",
]  # fmt: skip
SOUND = st.sampled_from([PLAN, SKIPPED, {"state": dict(REVIEW_START), "action": "submit"}, {}])


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    tool=st.sampled_from(["plan", "what_if", "predict", "explain", "check_anomaly", "describe_world"]),
    sound=SOUND,
    odd=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3),
)
def test_arguments_of_any_shape_are_answered_or_refused(tool: str, sound: dict[str, Any], odd: dict[str, Any]) -> None:
    try:
        said = review_box().call(tool, {**sound, **odd}).model_dump_json()
    except WmagentError as error:
        said = str(error)
    assert said
    assert "Traceback" not in said
    assert len(said) < 8_000


def test_odd_arguments_over_mcp_are_errors_for_the_model() -> None:
    odd: list[Any] = [
        {},
        {"goal": None},
        {**PLAN, "state": {"a": {"b": {}}}},
        {**PLAN, "seed": -1},
        {"goal": "\x00" * 9},
    ]

    async def go() -> None:
        async with Client(mcp_server(review_box())) as client:
            for tool in review_box().listed:
                for arguments in odd:
                    with anyio.fail_after(60):
                        answer = await client.call_tool(tool.name, arguments)
                    assert answer.is_error or answer.structured_content is not None

    anyio.run(go)
