"""The studio in a real browser, by keyboard only, wide and narrow, light and dark; hostile records do nothing to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from studio_page import Person, begin, browsing, person, saved
from typer.testing import CliRunner

from tests.served import GOAL, loans_box, review_box, review_folder, serving
from wmagent.cli.app import app
from wmagent.domain.types import Action, Observation, Transition
from wmagent.model.config import ModelConfig
from wmagent.model.world_model import WorldModel
from wmagent.serve.http import http_app
from wmagent.service.tools import Toolbox
from wmagent.service.world import WorldTools

TOKEN = "a-token-that-is-long-enough"
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(http_app(review_box())) as found:
        yield found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark"), (1280, "dark"), (360, "light")])
def test_the_whole_journey_by_keyboard(browser: Any, address: str, width: int, scheme: str, tmp_path: Path) -> None:
    me = person(browser, address, width, scheme)
    me.wait("#goal")
    begin(me)
    walk(me)
    saved(me.page, tmp_path, "planned")
    compare(me)
    read(me)
    download(me, tmp_path)
    approve(me)
    saved(me.page, tmp_path, "done")
    assert me.fits()
    assert me.complaints == []
    dark = me.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 21, 26)"
    assert dark == (scheme == "dark")
    me.page.close()


def walk(me: Person) -> None:
    """Walk along the tree with the arrows: the facts that change are told."""
    me.tab_to("[role=treeitem]")
    assert me.focused("getAttribute('aria-label')").startswith("now")
    me.press("ArrowRight")
    assert "submit" in me.text(".branch h3")
    assert "in review" in me.text(".branch table")
    assert "100.0 %" in me.text(".branch table") or "99" in me.text(".branch table")
    assert me.focused("getAttribute('aria-selected')") == "true"
    me.press("ArrowRight")
    first = me.text(".branch")
    me.press("ArrowDown")
    assert me.text(".branch") != first
    me.press("ArrowLeft", "Home", "End", "Escape")
    assert "Now" in me.text(".branch h3")


def compare(me: Person) -> None:
    """Ask what if, twice; take one card away again."""
    me.choose("#what-kind", "leave")
    me.choose("#what-first", "legal")
    me.tab_to("#whatifs button.main")
    me.press("Enter")
    me.wait(".card:nth-child(2)")
    assert "Worse" in me.text(".card:nth-child(2)")
    assert "without it" in me.text(".card:nth-child(2)")
    assert "made anew at every step" in me.text("#whatifs")  # the plan's number, which is not the baseline's
    me.tab_to("#what-kind", back=True)
    me.page.keyboard.type("do this later")
    me.choose("#what-first", "submit")
    me.tab_to("#what-hours")
    me.write("48")
    me.press("Enter")
    me.wait(".card:nth-child(3)")
    assert "48 h later" in me.text(".card:nth-child(3)")
    me.tab_to(".card:nth-child(3) button")
    me.press("Enter")
    assert me.page.locator(".card").count() == 2


def read(me: Person) -> None:
    """Read the recorded cases, then the steps in words."""
    assert "recorded steps like it" in me.text("#evidence")
    me.tab_to("#evidence input")
    me.press("ArrowRight")
    me.wait(".said p")
    me.hears(".said", "Step 1")


def download(me: Person, folder: Path) -> None:
    """Download the report with the what-if in it."""
    me.tab_to("#decision > button", back=True)
    with me.page.expect_download() as found:
        me.press("Enter")
    found.value.save_as(folder / "plan.html")
    text = (folder / "plan.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "legal review" in text
    assert "What if" in text


def approve(me: Person) -> None:
    """Approve step by step until the goal; reject one on the way."""
    me.tab_to("#reject")
    me.press("Enter")
    me.hears("#decision h2", "No way leads there")  # nothing but submitting does
    me.tab_to("#goal", back=True)
    me.press("Enter")
    for place, action in enumerate(("submit", "legal_review", "approve"), 1):
        me.hears("#decision h2", action)
        me.wait("#approve:not([disabled])")
        me.tab_to("#approve")
        me.press("Enter")
        me.wait(f".log li:nth-child({place})")
    me.hears("#steps", "The goal is reached")
    assert "Done" in me.text("#decision")
    assert json.loads(me.page.input_value("#json"))["status"] == "approved"


def test_what_cannot_be_used_is_said(browser: Any, address: str) -> None:
    me = person(browser, address)
    me.wait("#goal")
    me.tab_to("#goal")
    me.write("painted green")
    me.press("Enter")
    me.hears("#trouble", "painted green")
    assert not me.page.is_visible("#decision")
    me.tab_to("details summary")
    me.press("Enter")
    me.tab_to("#json")
    me.write('{"status": ')
    me.tab_to("details button")
    me.press("Enter")
    assert "cannot be read" in me.text("#json-wrong")
    me.tab_to("#json", back=True)
    me.write('{"status": "on fire", "hold": "none", "legal review": "not started"}')
    me.tab_to("details button")
    me.press("Enter")
    me.tab_to("#goal", back=True)
    me.write(GOAL)
    me.press("Enter")
    me.hears("#decision h2", "Abstain")
    assert "on fire" in me.text("#decision")
    assert not me.page.is_visible("#whatifs")
    assert me.complaints == []
    me.page.close()


def test_a_token_is_asked_for_and_kept_in_the_tab_only(browser: Any) -> None:
    with serving(http_app(review_box(), TOKEN)) as address:
        me = person(browser, address)
        me.wait("dialog[open]")
        assert me.focused("id") == "token"
        me.page.keyboard.type("a-wrong-token-of-some-length")
        me.press("Enter")
        me.hears("#entry", "not this server's")
        me.page.keyboard.type(TOKEN)
        me.press("Enter")
        me.wait("#goal")
        assert TOKEN in me.page.evaluate("JSON.stringify(sessionStorage)")
        assert me.page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href").count(TOKEN) == 0
        me.page.close()


@cache
def hostile_box() -> Toolbox:
    """Return the tools of a model whose fact, value and action names are markup."""
    rows = []
    for case in range(60):
        before, after = {HOSTILE: "no", "door": "shut"}, {HOSTILE: HOSTILE, "door": "shut"}
        rows.append(
            Transition(Observation(before), Action(HOSTILE), Observation(after), 1.0, 1.0, case=f"{HOSTILE}{case}")
        )
        opened = {**after, "door": "open"}
        rows.append(
            Transition(Observation(after), Action("open"), Observation(opened), 1.0, 1.0, case=f"{HOSTILE}{case}")
        )
    tiny = ModelConfig(width=32, steps=80, batch=48, warmup=10, ensemble=2)
    return WorldTools(WorldModel.learn(rows, config=tiny, text="learned", seed=0)).toolbox(HOSTILE, "1")


def test_names_out_of_records_stay_text(browser: Any, tmp_path: Path) -> None:
    with serving(http_app(hostile_box())) as address:
        me = person(browser, address)
        me.wait("#goal")
        me.tab_to("#goal")
        me.write("door is open")
        me.press("Enter")
        me.wait("#evidence .said *")
        assert HOSTILE in me.text("#decision")
        me.tab_to("[role=treeitem]")
        me.press("ArrowRight")
        assert HOSTILE in me.text(".branch h3")
        assert HOSTILE in me.text(".branch table")
        me.tab_to("#whatifs button.main")
        me.press("Enter")
        me.wait(".card:nth-child(2)")
        me.tab_to("#approve", back=True)
        me.press("Enter")
        me.wait(".log li")
        assert HOSTILE in me.text(".log")
        assert me.page.title() == "wmagent studio"
        assert me.page.locator("script:not([src]), img[src=x], [onerror]").count() == 0
        assert me.complaints == []
        assert me.fits()
        me.page.close()


def test_cases_of_an_event_log_have_a_simpler_form(browser: Any, tmp_path: Path) -> None:
    with serving(http_app(loans_box())) as address:
        me = person(browser, address, 360)
        me.wait("#case")
        me.tab_to("#case")
        me.write("c1")
        me.choose("#reach", "grant")
        me.tab_to("#after")
        me.write("2")
        me.press("Enter")
        me.wait("#evidence .said *")
        assert "P(goal)" in me.text("#decision")
        assert "What comes next" in me.text("#futures")
        assert me.page.locator("svg.tree").count() == 0
        me.choose("#what-kind", "do")
        me.choose("#what-first", "decide")
        me.tab_to("#whatifs button.main")
        me.press("Enter")
        me.wait(".card:nth-child(2)")
        assert "cases in such a state" in me.text("#evidence") or "nearest" in me.text("#evidence")
        assert "no report" in me.text("#steps")
        saved(me.page, tmp_path, "case")
        me.tab_to("#after", back=True)
        me.write("99")
        me.press("Enter")
        me.hears("#trouble", "ask after 1 to")
        assert not me.page.is_visible("#decision")  # it was of another question
        assert me.fits()
        assert me.complaints == []
        me.page.close()


def test_the_command_serves_and_opens_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from wmagent.cli import studio
    from wmagent.serve import running

    opened: list[str] = []
    monkeypatch.setattr(studio, "UNTIL_UP", 0.0)
    monkeypatch.setattr(studio.webbrowser, "open", opened.append)
    served: list[tuple[str, int]] = []
    monkeypatch.setattr(running, "run_http", lambda app, place: served.append(place.getsockname()))
    for more in ([], ["--no-open"]):
        done = CliRunner().invoke(app, ["studio", str(review_folder()), "--port", "0", *more])
        assert done.exit_code == 0, done.output
    assert [host for host, _ in served] == ["127.0.0.1", "127.0.0.1"]
    assert opened == [f"http://127.0.0.1:{served[0][1]}/studio/"]
    refused = CliRunner().invoke(app, ["studio", str(review_folder()), "--host", "0.0.0.0", "--no-open"])
    assert refused.exit_code == 2
    assert "token" in refused.stderr
