"""The whole page: one self-contained HTML file without scripts, fonts or network."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from wmagent.domain.answers import Anomaly, Explanation, Plan, WhatIf
from wmagent.report import other_sections, plan_sections
from wmagent.report.markup import Html, join, section, tag
from wmagent.report.style import CSS


def render_report(
    plan: Plan,
    what_ifs: Sequence[WhatIf] = (),
    anomalies: Sequence[Anomaly] = (),
    card: Mapping[str, object] | None = None,
    title: str = "",
    *,
    explanation: Explanation | None = None,
    truth: float | None = None,
    best: float | None = None,
    what_if_truths: Sequence[float | None] = (),
) -> str:
    """Return the answers as one HTML page.

    `truth` (P(goal) of following such plans), `best` (of the optimal policy) and `what_if_truths` (aligned with
    `what_ifs`) are exact numbers of a world's oracle, shown beside the model's. Every text of the answers is escaped.
    """
    truths = [*what_if_truths, *[None] * (len(what_ifs) - len(what_if_truths))]
    heading = title or plan.goal.words or "Plan"
    said = [tag("p", line) for line in explanation.text.splitlines() if line.strip()] if explanation else []
    body = join(
        [
            tag("h1", heading),
            plan_sections.summary(plan, truth, best),
            plan_sections.tree(plan),
            plan_sections.steps(plan),
            section("In words", *said, note="Every claim was checked against the imagined trajectory."),
            plan_sections.contingencies(plan),
            plan_sections.alternatives(plan),
            plan_sections.evidence(plan),
            other_sections.what_ifs(list(zip(what_ifs, truths, strict=True))),
            other_sections.anomalies(anomalies),
            other_sections.card(card),
        ]
    )
    return document(heading, body)


def document(heading: str, body: Html) -> str:
    """Return a whole page of one body with the look of all pages."""
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", f"{heading} · wmagent"),
            tag("style", Html(CSS)),
        ]
    )
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", tag("main", body)), lang="en") + "\n"


def write_report(path: Path, html: str) -> None:
    """Write the page in one go, so that an interrupted run leaves no half page; makes the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")  # readable by whom the umask allows
    try:
        temporary.write_text(html, encoding="utf-8")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
