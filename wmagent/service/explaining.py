"""More about an earlier answer: its words, its evidence, its alternatives. Knows answers; must not know models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wmagent.domain.answers import Anomaly, Plan, WhatIf
from wmagent.report.wording import arrow, changes, hours, percent
from wmagent.service.answers import Explained
from wmagent.service.questions import ExplainQuestion
from wmagent.service.tools import Answered, Toolbox

if TYPE_CHECKING:
    from wmagent.agent.agent import Agent

MOST = 10  # lines of a kind


def explained(box: Toolbox, agent: Agent, question: ExplainQuestion) -> Answered:
    """Return more about an answer that a toolbox keeps."""
    lines, claims, dropped = told(box.about(question.id), question.about, agent)
    text = "\n".join(lines) or "There is nothing more to say about this."
    return Answered(Explained(id=question.id, text=text, claims=claims, dropped=dropped))


def told(about: Any, part: str, agent: Agent) -> tuple[list[str], int, int]:
    """Return the lines about an answer, how many claims they make and how many sentences were dropped."""
    if isinstance(about, Plan | WhatIf) and part in ("all", "steps"):
        said = agent.explain(about)
        return said.text.splitlines(), len(said.claims), said.dropped
    if part == "evidence":
        return _evidence(about), 0, 0
    if isinstance(about, Plan) and part == "alternatives":
        return (
            [
                f"{arrow(one.actions)}: {percent(one.probability)}, {hours(one.duration)}; {one.reason}"
                for one in about.alternatives[:MOST]
            ],
            0,
            0,
        )
    if isinstance(about, Plan) and part == "contingencies":
        likely = sorted(about.contingencies, key=lambda one: -one.probability)[:MOST]
        return (
            [
                f"after step {one.after_step + 1}, if {changes(one.changes)} ({percent(one.probability)}): "
                f"{arrow(one.actions) or 'nothing is left to do'}"
                for one in likely
            ],
            0,
            0,
        )
    if isinstance(about, Anomaly):
        return [about.note] if about.note else [f"p = {about.p_value:.3g}, surprise {about.surprise:.2f} nats"], 0, 0
    return [], 0, 0


def _evidence(about: Any) -> list[str]:
    if isinstance(about, Plan):
        found = [(step.action.label(), step.evidence) for step in about.steps]
    elif isinstance(about, WhatIf):
        labels = [action.label() for action in about.actions]
        found = list(zip(labels, about.evidence, strict=False))
    else:
        return []
    lines = []
    for label, evidence in found[:MOST]:
        cases = "; ".join(f"case {case.case}: {changes(case.changes)}" for case in evidence.cases)
        lines.append(f"{label}: {evidence.support}, {evidence.n} recorded steps like it{'; ' if cases else ''}{cases}")
    return lines
