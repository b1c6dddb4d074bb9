"""The HTML report: self-contained, escaped, complete, and its tree drawn within bounds."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import samples

from wmagent import TreeNode
from wmagent.report import render_report, write_report
from wmagent.report.markup import Html, safe, tag
from wmagent.report.other_sections import calibration_points
from wmagent.report.tree import ROW, keep, lay_out, tree_picture
from wmagent.report.wording import amount, hours, percent

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and fails on tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(
        samples.plan(),
        [samples.what_if(), samples.refused()],
        [samples.anomaly()],
        samples.CARD,
        truth=0.861,
        best=0.913,
        what_if_truths=[0.33],
    )


def test_shows_everything_the_answers_say(html: str) -> None:
    text = " ".join(Page(html).text.split())
    for said in (
        "get the contract approved within 10 days",
        "status == approved",
        "87.4 %",
        "90 % interval 81.0 % to 92.0 %",
        "86.1 %",
        "91.3 %",
        "512",
        "submit(channel=portal)",
        "c17",
        "P(goal) 0.60 against 0.87",
        "the deadline is tight",
        "What if legal review is skipped?",
        "31.0 %",
        "33.0 %",
        "No number is given",
        "expected approved (98.0 %), saw draft (0.1 %)",
        "12,000",
        "0.991",
    ):
        assert said in text


def test_needs_no_network_and_no_script(html: str) -> None:
    page = Page(html)
    assert {name for name, _ in page.tags} & {"script", "link", "img", "iframe", "object", "base"} == set()
    for _, attributes in page.tags:
        assert not {"src", "href", "srcset", "action"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in html
    assert "url(" not in html
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {"http://www.w3.org/2000/svg"}  # the namespace


HOSTILE = "</svg></style><script>alert('x')</script>\" onload=\"alert(1) & <b>"


def test_hostile_facts_stay_text() -> None:
    plan = replace(samples.plan(HOSTILE), warnings=(HOSTILE,), planner=HOSTILE)
    odd = replace(samples.anomaly(), note=HOSTILE, odd=(replace(samples.anomaly().odd[0], seen=HOSTILE, key=HOSTILE),))
    asked = replace(samples.what_if(), question=HOSTILE, warnings=(HOSTILE,))
    html = render_report(plan, [asked], [odd], {HOSTILE: HOSTILE, "data": {HOSTILE: [HOSTILE]}}, title=HOSTILE)
    page = Page(html)
    assert "script" not in {name for name, _ in page.tags}
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert page.text.count("alert('x')") >= 10


def test_nothing_to_show_makes_no_empty_sections() -> None:
    bare = replace(samples.plan(), steps=(), contingencies=(), alternatives=(), tree=(), warnings=())
    headings = re.findall(r"<h2>(.*?)</h2>", render_report(bare))
    assert headings == ["The plan"]


def test_markup_escapes_text_but_not_markup() -> None:
    assert tag("p", "a < b", tag("b", "&"), title='"') == '<p title="&quot;">a &lt; b<b>&amp;</b></p>'
    assert safe(Html("<i>")) == "<i>"
    assert tag("p", class_="n", hidden=None) == '<p class="n"></p>'


def _wide_tree(children: int, chosen: int) -> list[TreeNode]:
    root = TreeNode(-1, "", 1.0, 1.0, 0.5, (), chosen=True)
    leaves = [TreeNode(0, f"act {i}", 1 / children, 1 / (i + 2), 0.1, (), chosen=i == chosen) for i in range(children)]
    return [root, *leaves]


def test_a_large_tree_is_cut_but_never_the_chosen_path() -> None:
    nodes = _wide_tree(500, chosen=499)  # the chosen leaf is the least likely one
    kept = keep(nodes, 20)
    assert len(kept) == 20
    assert {0, 500} <= kept
    assert {1, 2, 3} <= kept  # then the likeliest
    assert "+481" in tree_picture(nodes, most=20)


def test_the_chosen_path_runs_straight_and_rows_do_not_overlap() -> None:
    nodes = samples.plan().tree
    placed = lay_out(nodes, set(range(len(nodes))))
    assert len({placed[i].y for i in (0, 1, 2)}) == 1
    assert [placed[i].x for i in (0, 1, 2)] == sorted({placed[i].x for i in (0, 1, 2)})
    spots = sorted((place.x, place.y) for place in placed.values())
    assert len(spots) == len(set(spots))
    for (x, y), (next_x, next_y) in itertools.pairwise(spots):
        assert x != next_x or next_y - y >= ROW


def test_a_deep_tree_needs_no_recursion() -> None:
    deep = [TreeNode(i - 1, "go", 1.0, 1.0, 1.0, ()) for i in range(3_000)]
    assert tree_picture(deep, most=5_000).count("<circle") >= 3_000


def test_the_page_is_written_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "report.html"
    write_report(target, "first")
    assert target.read_text("utf-8") == "first"

    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(target, "second")
    assert target.read_text("utf-8") == "first"
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_calibration_is_found_in_the_card() -> None:
    assert calibration_points(samples.CARD) == [(0.1, 0.12, 40.0), (0.5, 0.48, 20.0), (0.95, 0.96, 300.0)]
    assert calibration_points({"held_out": {"calibration": [[0.1, None, 3], "odd", [0.2, 0.3, 0]]}}) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0.0 %"), (0.0004, "< 0.1 %"), (0.5, "50.0 %"), (0.9996, "> 99.9 %"), (1, "100.0 %"), (None, "no number")],
)
def test_percent_never_rounds_to_certainty(number: float | None, text: str) -> None:
    assert percent(number) == text


def test_units() -> None:
    assert [hours(h) for h in (0, 0.5, 2, 26.25, 48, 100, None)] == [
        "0 h",
        "30 min",
        "2 h",
        "26.2 h",
        "2 days",
        "4.2 days",
        "—",
    ]
    assert [amount(c) for c in (0, 2.5, 1234.4, None)] == ["0", "2.50", "1,234", "—"]


def test_times_and_costs_that_nobody_recorded_are_left_out() -> None:
    steps = tuple(replace(step, duration=0.0, cost=0.0) for step in samples.plan().steps)
    plan = replace(samples.plan(), steps=steps, duration=0.0, cost=0.0)
    page = render_report(plan)
    steps_table = page.split("The plan")[1].split("</table>")[0]
    assert "<th>step</th>" in steps_table
    assert "time" not in steps_table
    assert "cost" not in steps_table
    assert "expected duration" not in page
    assert ">time<" in render_report(samples.plan()).split("The plan")[1].split("</table>")[0]
