"""The HTTP surface on a real server: typed routes, streams, limits, refusals, metrics; nothing breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests.served import GOAL, PLAN, SKIPPED, review_box, review_folder, serving
from wmagent.agent.doubles import REVIEW_START
from wmagent.cli.app import app
from wmagent.errors import InputError
from wmagent.serve.guarding import MOST_BYTES, check_listening
from wmagent.serve.http import http_app
from wmagent.serve.running import address, bound, token_of


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a real server."""
    with (
        serving(http_app(review_box())) as address,
        httpx.Client(base_url=address, timeout=60) as found,
    ):
        yield found


def test_routes_answer_as_tools_do(client: httpx.Client) -> None:
    answer = client.post("/v1/plan", json=PLAN)
    assert answer.status_code == 200
    assert answer.json() == review_box().call("plan", PLAN).model_dump(mode="json")
    more = client.post("/v1/explain", json={"id": answer.json()["id"], "about": "evidence"})
    assert "recorded steps like it" in more.json()["text"]
    assert "World model card" in client.get("/v1/documents/card").text
    schema = client.get("/openapi.json").json()
    assert schema["paths"]["/v1/what_if"]["post"]["operationId"] == "what_if"
    assert schema["components"]["schemas"]["PlanQuestion"]["additionalProperties"] is False


def test_planning_is_told_as_it_goes(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/plan/stream", json={**PLAN, "seed": 51}) as answer:
        text = "".join(answer.iter_text())
    events = [block.split("\r\n") for block in text.strip().split("\r\n\r\n")]
    names = [lines[0] for lines in events if lines[0].startswith("event")]
    assert names[0] == "event: progress"
    assert names[-1] == "event: answer"
    told = json.loads(events[-1][1].removeprefix("data: "))
    assert told == review_box().call("plan", {**PLAN, "seed": 51}).model_dump(mode="json")
    with client.stream("POST", "/v1/plan/stream", json={**PLAN, "goal": "painted green"}) as answer:
        assert "event: error" in "".join(answer.iter_text())


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/plan", b"{", 400, "no JSON"),
        ("/v1/plan", b"[]", 422, "body"),
        ("/v1/plan", json.dumps({"goal": GOAL}).encode(), 422, "state"),
        ("/v1/plan", json.dumps({**PLAN, "goal": "painted green"}).encode(), 422, "painted green"),
        ("/v1/what_if", json.dumps({**SKIPPED, "seconds": 0.01, "seed": 71}).encode(), 408, "longer"),
        ("/v1/plan", b" " * (MOST_BYTES + 1), 413, "bytes"),
        ("/v1/nothing", b"{}", 404, "Not Found"),
        ("/health", b"{}", 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_answered_says_why(
    client: httpx.Client, path: str, body: bytes, status: int, message: str
) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert "Traceback" not in answer.text


def test_a_bug_ends_a_stream_with_an_error_that_tells_nothing_of_it(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(review_box(), "answer", broken)
    for path in ("/v1/plan/stream", "/v1/plan/grow"):
        text = client.post(path, json={**PLAN, "seed": 53}).text
        assert "event: error" in text
        assert "bug in wmagent" in text
        assert "secret" not in text


@pytest.mark.parametrize("path", ["/v1/plan", "/v1/plan/stream", "/mcp"])
def test_a_body_in_parts_is_limited_too(client: httpx.Client, path: str) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(11):
            yield b" " * (MOST_BYTES // 10)

    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answer = client.post(path, content=parts(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "Refused")


def test_documents_stay_in_their_folder(client: httpx.Client) -> None:
    for name in ("..%2fconfig.json", "%2fetc%2fpasswd", "config.json", "card%00"):
        assert client.get(f"/v1/documents/{name}").status_code == 404


def test_calls_are_counted(client: httpx.Client) -> None:
    client.post("/v1/plan", json=PLAN)
    text = client.get("/metrics").text
    assert 'wmagent_calls_total{result="act",tool="plan"}' in text
    assert "wmagent_call_seconds_bucket" in text
    assert client.get("/health").json()["status"] == "ok"


def test_a_client_that_goes_away_frees_the_tools(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/plan", json={**PLAN, "seed": 61, "simulations": 50_000}, timeout=0.01)
    assert client.post("/v1/plan", json={**PLAN, "seed": 62}).status_code == 200


def test_listening_elsewhere_needs_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WMAGENT_TOKEN", raising=False)
    check_listening("127.0.0.1", None)
    check_listening("::1", None)
    check_listening("0.0.0.0", "x" * 20)
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):
        with pytest.raises(InputError, match="token"):
            check_listening(host, None)
    with pytest.raises(InputError, match="at least 16"):
        check_listening("127.0.0.1", "short")
    done = CliRunner().invoke(app, ["serve", str(review_folder()), "--http", "--host", "0.0.0.0"])
    assert done.exit_code == 2
    assert "token" in done.stderr
    monkeypatch.setenv("WMAGENT_TOKEN", " a-token-of-the-environment\n")
    assert token_of(None) == "a-token-of-the-environment"
    file = tmp_path / "token"
    file.write_text("  a-token-out-of-a-file\n")
    assert token_of(file) == "a-token-out-of-a-file"
    file.write_text("")
    with pytest.raises(InputError, match="empty"):
        token_of(file)


def test_a_place_that_cannot_be_had_is_said_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WMAGENT_TOKEN", "x" * 20)
    monkeypatch.setattr("wmagent.service.opening.spread_toolbox", None)  # nothing is opened
    with bound("127.0.0.1", 0) as place:
        port = place.getsockname()[1]
        place.listen()
        for command in ("serve --http", "studio --no-open"):
            done = CliRunner().invoke(app, [*command.split(), str(review_folder()), "--port", str(port)])
            assert (done.exit_code, done.stdout) == (2, "")
            assert f"cannot listen at http://127.0.0.1:{port}: Address already in use" in " ".join(done.stderr.split())
    nowhere = CliRunner().invoke(app, ["serve", str(review_folder()), "--http", "--host", "nowhere.invalid"])
    assert nowhere.exit_code == 2
    assert "no nowhere.invalid to listen at" in " ".join(nowhere.stderr.split())
    assert address("::1", 80) == "http://[::1]:80"


def test_a_page_from_elsewhere_may_not_ask_through_the_browser(client: httpx.Client) -> None:
    """A web page whose name was made to point at this machine sends its own Host and Origin."""
    here = str(client.base_url.port)
    for headers in (
        {"Host": f"example.org:{here}"},
        {"Host": f"127.0.0.1.example.org:{here}"},
        {"Host": "[::1"},
        {"Origin": "http://example.org"},
        {"Origin": "null"},
    ):
        for path in ("/v1/describe_world", "/v1/sessions", "/mcp"):
            answer = client.post(path, json={}, headers=headers)
            assert (answer.status_code, answer.json()["error"]["type"]) == (421, "Refused")
        assert client.get("/v1/documents/card", headers=headers).status_code == 421
    for headers in ({"Host": f"localhost:{here}"}, {"Host": "[::1]"}, {"Origin": f"http://127.0.0.1:{here}"}):
        assert client.post("/v1/describe_world", json={}, headers=headers).status_code == 200


def test_state_keys_of_any_shape_are_data(client: httpx.Client) -> None:
    hostile = {**REVIEW_START, "<script>alert(1)</script>": "{{7*7}}"}
    answer = client.post("/v1/plan", json={"goal": GOAL, "state": hostile})
    assert answer.status_code == 200
    assert answer.json()["decision"] == "abstain"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_schemas_are_printed_without_a_model_at_work() -> None:
    done = CliRunner().invoke(app, ["schema", str(review_folder()), "--openai"])
    names = [tool["function"]["name"] for tool in json.loads(done.stdout)["tools"]]
    assert names == [tool.name for tool in review_box().listed]
    plain = CliRunner().invoke(app, ["schema", str(review_folder())])
    assert json.loads(plain.stdout)["tools"][0]["output"]["properties"]["decision"]
