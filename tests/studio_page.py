"""A person at the studio with a keyboard: a real headless Chromium, keys only, and what the page says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.served import GOAL
from wmagent.agent.doubles import REVIEW_START

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
MOST_TABS = 90


def chromium() -> str:
    """Return where a Chromium is; skips the test with the reason where there is none."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    named = os.environ.get("WMAGENT_CHROMIUM")
    for name in (named, "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    pytest.skip("no chromium on the path; install one (apt-get install chromium) or name it in WMAGENT_CHROMIUM")


@contextmanager
def browsing() -> Iterator[Any]:
    """Give a browser."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@dataclass
class Person:
    """Somebody who uses keys only. `complaints` are errors of the page and requests to anywhere else."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def tab_to(self, selector: str, back: bool = False) -> None:
        """Press Tab until the focus is on what is looked for."""
        for _ in range(MOST_TABS):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"{selector} cannot be reached by Tab")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, selector: str, letters: str) -> None:
        """Choose in a select by typing the beginning of what is meant."""
        self.tab_to(selector)
        self.page.keyboard.type(letters)

    def wait(self, selector: str) -> Any:
        return self.page.wait_for_selector(selector, timeout=60_000)

    def hears(self, selector: str, text: str) -> None:
        """Wait until an element that is shown says something."""
        self.page.locator(selector, has_text=text).first.wait_for(timeout=60_000)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def focused(self, what: str) -> str:
        return self.page.evaluate(f"document.activeElement.{what}")

    def fits(self) -> bool:
        """Return whether nothing is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def person(browser: Any, address: str, width: int = 1280, scheme: str = "light") -> Person:
    """Return somebody who has just opened the studio."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
    found = Person(page)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("console", lambda said: found.complaints.append(said.text) if "Content Security" in said.text else None)
    page.on("dialog", lambda dialog: (found.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda asked: None if _ours(asked.url, address) else found.complaints.append(asked.url))
    page.goto(f"{address}/studio/")
    return found


def _ours(url: str, address: str) -> bool:
    return url.startswith((address, f"blob:{address}"))


def saved(page: Any, folder: Path, name: str) -> None:
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert (folder / f"{name}.png").stat().st_size > 10_000


def begin(me: Person) -> None:
    """Choose the state and the goal, and plan."""
    me.tab_to("#goal")
    me.write(GOAL)
    me.tab_to("#start")
    me.press("ArrowDown", "ArrowUp")
    for name, value in sorted(REVIEW_START.items()):  # as the page orders them
        label = me.page.locator(".fact label", has_text=name).first
        me.choose(f"#{label.get_attribute('for')}", str(value))
    assert json.loads(me.page.input_value("#json")) == dict(REVIEW_START)
    me.press("Control+Enter")
    me.wait("#evidence .said *")
    assert "Act" in me.text("#decision")
    assert "submit" in me.text("#decision h2")
    assert me.focused("id") == "decision-head"
    for said in ("P(goal)", "90 % interval", "risk", "observed"):
        assert said in me.text("#decision")
    assert me.text("#live").startswith("act: submit")
