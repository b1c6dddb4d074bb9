"""Step by step in the studio, in a real browser by keyboard: what is agreed to is what was shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_page import begin, browsing, person

from tests.served import GOAL, review_box, review_folder, serving
from wmagent.serve.http import http_app
from wmagent.service.session_questions import Session
from wmagent.service.sessions import open_sessions


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(http_app(review_box())) as found:
        yield found


def test_sessions_are_used_where_the_server_keeps_them(browser: Any, tmp_path: Path) -> None:
    with (
        open_sessions(review_folder(), tmp_path / "sessions.db") as kept,
        serving(http_app(review_box(), None, kept)) as address,
    ):
        me = person(browser, address)
        me.wait("#goal")
        begin(me)
        assert "session" in me.text("#steps")
        me.tab_to("#approve")
        me.press("Enter")
        me.hears(".log", "submit")
        assert [one.steps for one in kept.list().sessions] == [1]
        assert json.loads(me.page.input_value("#json"))["status"] == "in review"
        me.wait("#reject:not([disabled])")
        me.tab_to("#reject")
        me.press("Enter")
        me.hears("#steps", "declined")
        assert [one.status for one in kept.list().sessions] == ["declined"]
        assert me.complaints == []
        me.page.close()


def test_what_is_approved_is_what_was_shown(browser: Any, address: str) -> None:
    me = person(browser, address)
    me.wait("#goal")
    begin(me)
    status = me.page.locator(".fact label", has_text="status").first.get_attribute("for")
    me.tab_to("#goal", back=True)
    me.write("painted green")
    me.choose(f"#{status}", "approved")
    for _ in range(2):  # what is in the form by now is another question, which nobody has asked
        me.wait("#approve:not([disabled])")
        me.tab_to("#approve")
        me.press("Enter")
        me.hears("#steps", "Step by step")
    me.wait(".log li:nth-child(2)")
    assert "submit: status: draft → in review" in me.text(".log")
    assert not me.page.is_visible("#trouble")
    assert me.complaints == []
    me.page.close()


def test_another_step_of_the_session_is_shown_before_it_is_agreed_to(browser: Any, tmp_path: Path) -> None:
    with open_sessions(review_folder(), tmp_path / "sessions.db") as kept:
        begun = kept.begin

        def otherwise(*given: Any) -> Session:
            told = begun(*given)
            assert told.question is not None
            other = told.question.model_copy(update={"action": "negotiate", "text": "may negotiate be done?"})
            return told.model_copy(update={"question": other})

        kept.begin = otherwise  # type: ignore[method-assign]
        with serving(http_app(review_box(), None, kept)) as address:
            me = person(browser, address)
            me.wait("#goal")
            begin(me)
            me.tab_to("#approve")
            me.press("Enter")
            me.hears("#steps", "may negotiate be done?")
            assert [one.steps for one in kept.list().sessions] == [0]
            me.page.close()


def test_a_server_that_goes_away_while_it_plans_is_told(browser: Any, address: str) -> None:
    me = person(browser, address)
    me.wait("#goal")
    said = 'event: progress\r\ndata: {"imagined": 1, "of": 3}\r\n\r\n'
    me.page.route("**/plan/grow", lambda route: route.fulfill(content_type="text/event-stream", body=said))
    me.tab_to("#goal")
    me.write(GOAL)
    me.press("Enter")
    me.hears("#trouble", "does not answer")
    assert not me.page.is_visible("#decision")
    assert me.complaints == []
    me.page.close()
