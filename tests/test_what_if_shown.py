"""How what-ifs are asked on the command line and shown: terminal, report, explanation."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import samples
from typer.testing import CliRunner

from wmagent.agent.agent import Agent
from wmagent.agent.claims import check_claims, entailed
from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.agent.reading import read_claims
from wmagent.cli.app import app
from wmagent.domain.answers import WhatIf
from wmagent.domain.types import Action
from wmagent.domain.warrant import Measured, Warrant
from wmagent.report import render_report

STATE = json.dumps(REVIEW_START)
BASE = ("what-if", "m.wm", "-s", STATE, "--until", "approved without a hold")
WARRANT = Warrant(
    estimand="In this state: do rush now.",
    action=Action("rush"),
    goal=samples.APPROVED,
    support="observed",
    n=40,
    taken=12,
    adjusted_for=("status",),
    propensity=0.3,
    inverse_propensity=Measured(0.41, (0.3, 0.52)),
    statement="In this state: do rush now. Predicted association.",
    notes=("few decisions",),
)


@pytest.fixture(autouse=True)
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    known = Agent(review_model())
    monkeypatch.setattr(sys.modules["wmagent.cli.what_if"], "open_agent", lambda *_: known)
    return known


def run(*args: str) -> Any:
    return CliRunner().invoke(app, [*BASE, *args])


def answer(*args: str) -> dict[str, Any]:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


ASKED: list[tuple[tuple[str, ...], str, float]] = [
    (("--now", "submit"), "what if we do submit now?", 0.9875),
    (("--swap", "submit", "legal review"), "what if we swap submit and legal_review?", 0.0),
    (("--replace", "legal review", "rush"), "what if we replace legal_review by rush?", 0.5),
    (("--delay", "legal review", "3 days"), "what if we delay legal_review by 72 h?", 0.9875),
    (("--delay", "legal review", "after approve"), "what if we delay legal_review until after approve?", 0.0),
    (("--fact", "hold=placed"), "what if hold were placed?", 0.0),
    (("--fact", "status=in review", "--skip", "rush"), "what if status were in review and we skip rush?", 0.9875),
    (("--policy", "rush if changes are requested"), "what if we rush if legal review == changes requested, "
     "otherwise go on as planned?", 0.9),
]  # fmt: skip


@pytest.mark.parametrize(("args", "question", "probability"), ASKED, ids=[a[1] for a in ASKED])
def test_every_kind_can_be_asked(args: tuple[str, ...], question: str, probability: float) -> None:
    found = answer(*args)
    assert found["question"] == question
    assert found["probability"] == pytest.approx(probability)
    assert found["interventions"][0]["kind"]


def test_deadlines_and_quantiles_are_shown() -> None:
    assert answer("--now", "submit", "--by", "30, 3 days")["outlook"]["by"] == [[30, 0.8], [72, 0.8]]
    shown = run("--now", "submit", "--by", "30,78").stdout
    assert "done within 30 h: 80.0 %, 3.2 days: 95.0 %" in shown
    assert "of the successes come 50 % within 30 h, 80 % within 30 h, 90 % within 3.2 days; 50 % for 115" in shown


def test_several_are_compared(tmp_path: Path) -> None:
    file = tmp_path / "several.json"
    file.write_text(json.dumps({"early": {"insert": [1, "rush"]}, "slow": {"delay": ["submit", 5]}}))
    args = ("--compare", str(file), "--compare", '{"none": {"skip": "legal review"}}')
    assert [one["name"] for one in answer(*args)["ranked"]] == ["slow", "early", "none"]
    shown = run(*args).stdout
    assert "as planned" in shown
    assert "-48.8 points" in " ".join(shown.split())


BAD: list[tuple[tuple[str, ...], str]] = [
    ((), "say one thing to change"),
    (("--now", "submit", "--skip", "rush"), "say one thing to change"),
    (("--skip", "rush", "--compare", "{}"), "say one thing to change"),
    (("--fact", "hold"), "give KEY=VALUE"),
    (("--fact", "hold=placed", "--fact", "hold=none"), "'hold' is given twice"),
    (("--compare", "gone.json"), "no such file, and no JSON object either"),
    (("--compare", '{"a": "skip"}'), "give {name: {skip: ACTION}"),
    (("--compare", '{"a": {"skip": "rush"}}', "--compare", '{"a": {"skip": "rush"}}'), "a is given twice"),
    (("--compare", '{"a": {"leap": "rush"}}'), "a: unknown intervention 'leap'"),
    (("--now", "approve"), "approve is not allowed in this state; allowed are: submit"),
    (("--now", "submit", "--by", "soon"), "'soon' is no time span"),
    (("--rule", "orders above 5 need approval"), "knows no rules as text"),
    (("--rule", "limit=orders above 5 need approval"), "knows no rules as text"),
]


@pytest.mark.parametrize(("args", "message"), BAD, ids=[message for _, message in BAD])
def test_what_cannot_be_asked_exits_with_2(args: tuple[str, ...], message: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.fixture
def warranted(agent: Agent) -> WhatIf:
    found = agent.what_if(REVIEW_START, replace=("legal review", "rush"), until="approved without a hold", by=[5, 30])
    return replace(found, warrant=WARRANT)


def test_the_explanation_says_when_and_by_what_warrant(agent: Agent, warranted: WhatIf) -> None:
    said = agent.explain(warranted)
    assert "In time: within 5.0 h P(goal) 0.50; within 30.0 h P(goal) 0.50." in said.text
    assert "Warrant: In this state: do rush now. Predicted association." in said.text
    claims, unread = read_claims(said.text)
    assert unread == ()
    assert check_claims(claims, warranted)[1] == ()
    by = next(claim for claim in claims if claim.key == "by")
    assert not entailed(replace(by, number=0.6), warranted)
    assert not entailed(replace(by, after=6.0), warranted)
    other = next(claim for claim in claims if claim.key == "warrant")
    assert not entailed(replace(other, after="Proof of cause"), warranted)
    assert not entailed(other, replace(warranted, warrant=None))


def test_the_report_shows_times_and_warrant(warranted: WhatIf) -> None:
    page = render_report(samples.plan(), [warranted], [], samples.CARD)
    for said in ("done within 5 h: 50.0 %", "do rush now. Predicted association.", "41.0 %", "few decisions"):
        assert said in page


def test_the_terminal_shows_the_warrant(agent: Agent, warranted: WhatIf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "what_if", lambda *_, **__: warranted)
    shown = " ".join(run("--now", "rush").stdout.split())
    assert "Predicted association. Weighted by inverse propensity alone: 41.0 %" in shown
    assert json.loads(run("--now", "rush", "--json").stdout)["warrant"]["taken"] == 12
