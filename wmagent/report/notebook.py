"""Answers as a notebook shows them: one piece of HTML with its own look, touching nothing else on the page. Knows the
answers of `wmagent.domain`; must not know notebooks."""

from __future__ import annotations

import re

from wmagent.domain.answers import Anomaly, Compared, Comparison, Explanation, Plan, WhatIf
from wmagent.report import other_sections, plan_sections
from wmagent.report.charts import probability_bar
from wmagent.report.markup import Html, join, section, table, tag
from wmagent.report.style import DARK, FONT, LIGHT, PARTS
from wmagent.report.wording import arrow, difference, hours, percent

WITHIN = ".wmagent"
DARK_PAGES = '[data-jp-theme-light="false"], .vscode-dark, [data-theme="dark"]'  # of Jupyter, of Code, of Colab
LIGHT_PAGES = '[data-jp-theme-light="true"], .vscode-light'


def shown(answer: object) -> str | None:
    """Return an answer as HTML, None where there is no picture of it; every text of the answer is escaped."""
    body = _body(answer)
    return None if body is None else looked_at(body)


def looked_at(body: Html) -> str:
    """Return a piece of HTML with its own look around it."""
    return str(tag("div", tag("style", Html(LOOK)), body, class_=WITHIN[1:]))


def _body(answer: object) -> Html | None:
    if isinstance(answer, Plan):
        return join([tag("h2", answer.goal.words or "Plan"), *_plan(answer)])
    if isinstance(answer, WhatIf):
        return other_sections.what_ifs([(answer, None)])
    if isinstance(answer, Comparison):
        return _comparison(answer)
    if isinstance(answer, Compared):
        return other_sections.what_ifs([(answer.answer, None)])
    if isinstance(answer, Explanation):
        return join(tag("p", line) for line in answer.text.splitlines() if line.strip())
    if isinstance(answer, Anomaly):
        return other_sections.anomalies([answer])
    return None


def _plan(plan: Plan) -> list[Html]:
    behind = [plan_sections.contingencies(plan), plan_sections.alternatives(plan), plan_sections.evidence(plan)]
    more = [tag("details", tag("summary", "What if not, what else, and on what evidence"), *behind)]
    parts = [plan_sections.summary(plan, None, None), plan_sections.steps(plan), plan_sections.tree(plan)]
    return parts + (more if any(behind) else [])


def _comparison(found: Comparison) -> Html:
    baseline, low_high = found.baseline_probability, found.baseline_interval
    rows: list[tuple[object, ...]] = [
        ("as planned", arrow(found.baseline_actions), percent(baseline), probability_bar(baseline, low_high), "", "")
    ]
    for one in found.ranked:
        answer = one.answer
        bar = probability_bar(answer.probability, answer.interval)
        number = percent(answer.probability)
        more = (difference(one.to_plan), hours(answer.duration))
        rows.append((tag("b", one.name), arrow(answer.actions), number, bar, *more))
    head = ("", "course", "P(goal)", "", "against the plan", "time")
    how = "Each change beside the plan without it, the most promising first; 90 % intervals."
    return section(f"Compared: {found.until.words or 'the goal'}", table(head, rows, numeric=(2,)), note=how)


def _within(rules: str) -> str:
    """Return plain rules that hold inside of the answer only."""

    def scoped(found: re.Match[str]) -> str:
        selectors = ", ".join(f"{WITHIN} {one.strip()}" for one in found[1].split(","))
        return f"{selectors} {{{found[2]}}}"

    return re.sub(r"([^{}]+)\{([^{}]*)\}", scoped, rules)


def _on(pages: str) -> str:
    return ", ".join(f"{page.strip()} {WITHIN}" for page in pages.split(","))


LOOK = f"""
{WITHIN} {{ {LIGHT} background: var(--paper); color: var(--ink); padding: .5rem 1rem 1rem; border-radius: .5rem;
  max-width: 68rem; font: 15px/1.5 {FONT}; overflow-wrap: anywhere; }}
@media (prefers-color-scheme: dark) {{ {WITHIN} {{ {DARK} }} }}
{_on(LIGHT_PAGES)} {{ {LIGHT} }}
{_on(DARK_PAGES)} {{ {DARK} }}
{_within(PARTS)}
{WITHIN} h2 {{ margin-top: 1rem; }} {WITHIN} section h2 {{ font-size: 1rem; margin-top: 1.5rem; }}
"""
