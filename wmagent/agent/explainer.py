"""Explains plans and what-ifs by templates: short lines, every claim checked before it is said. Knows no model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wmagent.agent.claims import Answer, changes_said, check_claims, goal_words, route, shown
from wmagent.domain.answers import Change, Claim, Evidence, Explanation, Plan, WhatIf

_CITABLE = re.compile(r"[^;,]{1,40}")  # case names that can be told apart in a line
CHANGES_SHOWN = 8  # per step; a cascade of more facts than this is cut


@dataclass(frozen=True)
class Sentence:
    """One line of an explanation: an opening and its claims; a line whose first claim fails is not said at all."""

    opening: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class TemplateExplainer:
    """Renders the imagined trajectory itself, so nothing is said that was not imagined.

    Of what could turn out otherwise the `contingencies` likeliest are said, of what was rejected the best
    `alternatives`; the plan has them all.
    """

    contingencies: int = 2
    alternatives: int = 1

    def explain(self, answer: Plan | WhatIf) -> Explanation:
        """Return the text with the claims that the answer entails."""
        sentences = self._plan(answer) if isinstance(answer, Plan) else _what_if(answer)
        return say(sentences, answer)

    def _plan(self, plan: Plan) -> list[Sentence]:
        lines = [_goal(goal_words(plan.goal)), _chance(plan)]
        lines.append(Sentence("Expected: ", (_hours(plan.duration), _cost(plan.cost), _support(plan.support))))
        for i, step in enumerate(plan.steps):
            evidence = step.evidence
            lines.append(
                Sentence(
                    f"Step {i + 1}: ",
                    (
                        Claim("step", step.action.label(), i, after=step.action.label()),
                        *(_changed(change, i) for change in step.changes[:CHANGES_SHOWN]),
                        _hours(step.duration, i),
                        _cost(step.cost, i),
                        _recorded(evidence, i),
                    ),
                )
            )
        for contingency in sorted(plan.contingencies, key=lambda c: -c.probability)[: self.contingencies]:
            then = route(contingency.actions)
            said = changes_said(contingency.changes)
            follow = Claim("step", f"then {then}", contingency.after_step, "otherwise", said, then)
            changed = [_changed(change, contingency.after_step) for change in contingency.changes]
            lines.append(Sentence(f"If step {contingency.after_step + 1} turns out otherwise: ", (*changed, follow)))
        for other in plan.alternatives[: self.alternatives]:
            name = route(other.actions)
            text = f"{name} with P(goal) {other.probability:.2f}: {other.reason}"
            number = round(other.probability, 2)
            claim = Claim("probability", text, None, "rejected", name, other.reason, number)
            lines.append(Sentence("Rejected: ", (claim,)))
        return lines + _warnings(plan.warnings)


def say(sentences: list[Sentence], answer: Answer) -> Explanation:
    """Return the sentences' text, leaving out and counting every claim that the answer does not entail."""
    lines, claims, dropped = [], [], 0
    for sentence in sentences:
        kept, failed = check_claims(sentence.claims, answer)
        if sentence.claims[0] in failed:
            dropped += len(sentence.claims)
            continue
        dropped += len(failed)
        claims.extend(kept)
        lines.append(sentence.opening + "; ".join(claim.text for claim in kept) + ".")
    return Explanation("\n".join(lines), tuple(claims), dropped)


def _what_if(answer: WhatIf) -> list[Sentence]:
    course = route(answer.actions)
    lines = [_goal(goal_words(answer.until)), Sentence("Done: ", (Claim("step", course, after=course),))]
    if answer.probability is not None:
        lines.append(_chance(answer))
    amounts = [_hours(answer.duration)] if answer.duration is not None else []
    amounts += [_cost(answer.cost)] if answer.cost is not None else []
    lines.append(Sentence("Expected: ", (*amounts, _support(answer.support))))
    if answer.outlook is not None and answer.outlook.by:
        lines.append(Sentence("In time: ", tuple(_by(hours, chance) for hours, chance in answer.outlook.by)))
    lines += _comparison("Without the change", "baseline", answer.baseline_probability, route(answer.baseline_actions))
    lines += _comparison(
        "Best under the change", "replanned", answer.replanned_probability, route(answer.replanned_actions)
    )
    if answer.warrant is not None and answer.warrant.statement:
        said = answer.warrant.statement.rstrip(".")
        lines.append(Sentence("Warrant: ", (Claim("evidence", said, key="warrant", after=said),)))
    return lines + _warnings(answer.warnings)


def _by(hours: float, chance: float) -> Claim:
    span, number = round(hours, 1), round(chance, 2)
    return Claim("probability", f"within {span:.1f} h P(goal) {number:.2f}", None, "by", None, span, number)


def _comparison(opening: str, key: str, probability: float | None, course: str) -> list[Sentence]:
    if probability is None:
        return []
    text = f"P(goal) {probability:.2f} with {course}"
    return [Sentence(f"{opening}: ", (Claim("probability", text, None, key, None, course, round(probability, 2)),))]


def _goal(words: str) -> Sentence:
    return Sentence("Goal: ", (Claim("probability", words, key="goal", after=words),))


def _chance(answer: Answer) -> Sentence:
    assert answer.probability is not None
    number, text = round(answer.probability, 2), f"P(goal) is {answer.probability:.2f}"
    if answer.interval is None:
        return Sentence("", (Claim("probability", text, number=number),))
    low, high = (round(bound, 2) for bound in answer.interval)
    text += f" (90 % interval {low:.2f} to {high:.2f})"
    return Sentence("", (Claim("probability", text, before=low, after=high, number=number),))


def _changed(change: Change, step: int) -> Claim:
    number = round(change.probability, 2)
    text = f"{change.key} becomes {shown(change.after)} (was {shown(change.before)}, {number * 100:.0f} %)"
    if shown(change.before) == shown(change.after):
        text = f"{change.key} stays {shown(change.after)} ({number * 100:.0f} %)"
    return Claim("change", text, step, change.key, change.before, change.after, number)


def _hours(hours: float, step: int | None = None) -> Claim:
    return Claim("duration", f"about {hours:.1f} h", step, number=round(hours, 1))


def _cost(cost: float, step: int | None = None) -> Claim:
    return Claim("cost", f"cost {round(cost, 2):.12g}", step, number=round(cost, 2))


def _support(support: str) -> Claim:
    return Claim("evidence", f"support {support}", after=support)


def _recorded(evidence: Evidence, step: int) -> Claim:
    """Return how many recorded cases stand behind a step, citing the nearest that are known by name."""
    cited = ", ".join(dict.fromkeys(case.case for case in evidence.cases if _CITABLE.fullmatch(case.case)))
    text = cases(evidence.n, evidence.support) + (f", nearest {cited}" if cited and evidence.n else "")
    before = cited if cited and evidence.n else None
    return Claim("evidence", text, step, None, before, evidence.support, evidence.n)


def cases(n: int, support: str) -> str:
    """Return how many recorded cases stand behind a step, as it is said."""
    return f"{n} similar recorded {'case' if n == 1 else 'cases'} ({support})"


def _warnings(warnings: tuple[str, ...]) -> list[Sentence]:
    return [Sentence("Mind: ", (Claim("evidence", text, key="warning", after=text),)) for text in warnings]
