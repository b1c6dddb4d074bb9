"""What the studio stands on, over a real server: its files, growing plans, reports, examples of what to ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from test_report import Page

from tests.served import PLAN, SKIPPED, loans_box, review_box, serving
from wmagent.agent.doubles import REVIEW_START
from wmagent.domain.answers import TreeNode
from wmagent.serve.growing import MOST_NODES, cut
from wmagent.serve.http import http_app

STUDIO = Path(__file__).resolve().parent.parent / "wmagent" / "serve" / "studio"
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a real server that asks for a token, and is given it."""
    with (
        serving(http_app(review_box(), TOKEN)) as address,
        httpx.Client(base_url=address, timeout=60, headers={"Authorization": f"Bearer {TOKEN}"}) as found,
    ):
        yield found


def grown(client: httpx.Client, **question: Any) -> list[tuple[str, dict[str, Any]]]:
    text = client.post("/v1/plan/grow", json=question).text
    blocks = [dict(line.split(": ", 1) for line in block.split("\r\n")) for block in text.strip().split("\r\n\r\n")]
    return [(block["event"], json.loads(block["data"])) for block in blocks if "event" in block]


def test_the_page_needs_no_token_and_nothing_from_elsewhere(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url) as stranger:
        _look_around(stranger)


def _look_around(stranger: httpx.Client) -> None:
    first = stranger.get("/")
    assert (first.status_code, first.headers["location"]) == (307, "/studio/")
    page = stranger.get("/studio/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert len(loaded) >= 4
    for path in {*loaded, *(f"/studio/{file.name}" for file in STUDIO.iterdir())}:
        found = stranger.get(path)
        assert (found.status_code, found.content) == (200, (STUDIO / path.rpartition("/")[2]).read_bytes())
    assert stranger.get("/v1/documents/examples").status_code == 401
    for path in ("/studio/..%2fhttp.py", "/studio/%2e%2e/http.py", "/studio/nothing.js", "/studio//etc/passwd"):
        assert stranger.get(path).status_code in (401, 404)


def test_the_studio_writes_data_as_text_only() -> None:
    sources = {path.name: path.read_text("utf-8") for path in STUDIO.iterdir()}
    for name, text in sources.items():
        assert not re.search(r"(inner|outer|Adjacent)HTML|document\.write|\beval\(|new Function", text), name
        assert set(re.findall(r"https?://[^\s\"')]+", text)) <= {"http://www.w3.org/2000/svg"}, name
        assert len(text.splitlines()) <= 350, name
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", sources["index.html"])


def test_a_plan_grows_and_ends_as_the_plan(client: httpx.Client) -> None:
    events = grown(client, **PLAN, seed=71)
    trees = [data for name, data in events if name == "tree"]
    assert len(trees) >= 2
    assert [tree["imagined"] for tree in trees] == sorted({tree["imagined"] for tree in trees})
    assert len(trees[0]["nodes"]) < len(trees[-1]["nodes"]) <= MOST_NODES
    for tree in trees:
        assert tree["nodes"][0]["parent"] == -1
        assert all(node["parent"] < place for place, node in enumerate(tree["nodes"]))
    last = trees[-1]["nodes"]
    assert {node["action"] for node in last if node["chosen"]} >= {"submit", "approve"}
    assert any(node["goal"] for node in last)
    submit = next(node for node in last if node["action"] == "submit")
    assert {"fact": "status", "before": "draft", "after": "in review"}.items() <= submit["changes"][0].items()
    name, told = events[-1]
    assert name == "answer"
    assert told == review_box().call("plan", {**PLAN, "seed": 71}).model_dump(mode="json")


def test_what_cannot_be_planned_ends_the_stream(client: httpx.Client) -> None:
    name, data = grown(client, **PLAN | {"goal": "painted green"})[-1]
    assert name == "error"
    assert "painted green" in data["message"]
    strange = grown(client, **PLAN | {"state": {**REVIEW_START, "status": "on fire"}})
    assert [name for name, _ in strange if name != "progress"] == ["answer"]
    assert strange[-1][1]["decision"] == "abstain"
    short = grown(client, **PLAN, seconds=0.01, seed=72)
    assert short[-1][0] == "error"
    assert "longer" in short[-1][1]["message"]


def test_a_tree_is_cut_to_its_likeliest_part_with_the_plan_in_it() -> None:
    root = TreeNode(-1, "", 1.0, 1.0, 0.5, (), chosen=True)
    leaves = [TreeNode(0, f"act {i}", 0.1, 1 / (i + 2), 0.1, (), chosen=i == 400) for i in range(500)]
    kept = cut((root, *leaves), 20)
    assert len(kept) == 20
    assert [node.action for node, _ in kept] == ["", *(f"act {i}" for i in range(18)), "act 400"]
    assert {parent for _, parent in kept} == {-1, 0}


def test_a_report_is_made_of_what_was_answered(client: httpx.Client) -> None:
    plan, asked = client.post("/v1/plan", json=PLAN).json(), client.post("/v1/what_if", json=SKIPPED).json()
    answer = client.get(f"/v1/report/{plan['id']}", params={"what_if": [asked["id"]]})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert "sandbox" in answer.headers["content-security-policy"]
    text = Page(answer.text).text
    for said in ("approved within 20 days without a hold", "submit", "What if", "legal review", "In words"):
        assert said in text
    for path in ("/v1/report/plan-000000000000", f"/v1/report/{asked['id']}", "/v1/report/..%2f..", "/v1/report/x"):
        assert client.get(path).status_code == 404
    assert client.get(f"/v1/report/{plan['id']}", params={"what_if": "what_if-000000000000"}).status_code == 404


def test_examples_can_be_asked() -> None:
    box = review_box()
    told = json.loads(box.documents["examples"].read())
    assert dict(REVIEW_START) in told["starts"]
    plans = [box.call("plan", {"goal": goal, "state": told["starts"][0]}) for goal in told["goals"]]
    decisions = {plan.model_dump()["decision"] for plan in plans}
    assert len(told["goals"]) >= 3
    assert decisions <= {"act", "impossible"}
    assert "act" in decisions


def test_cases_are_listed_but_have_no_tree() -> None:
    box = loans_box()
    told = json.loads(box.documents["examples"].read())
    assert {"grant", "decide"} <= set(told["activities"])
    assert [one["over"] for one in told["cases"]] == sorted(one["over"] for one in told["cases"])
    assert box.call("predict", {"case": told["cases"][0]["case"]})
    paths = http_app(box).app.openapi()["paths"]
    assert "/v1/plan" in paths
    assert "/v1/plan/grow" not in paths


def test_what_happens_is_told_as_facts_too() -> None:
    told = review_box().call("predict", {"state": dict(REVIEW_START), "action": "submit"}).model_dump()
    assert told["actions"][0]["outcomes"][0]["facts"] == {"status": "in review"}
