"""Plans with contingencies as one open course of actions. Knows plans and their evaluation, no words."""

from __future__ import annotations

from collections.abc import Sequence

from wmagent.agent.protocols import AgentModel
from wmagent.domain.answers import Plan
from wmagent.latent.protocols import Candidate, Latent, Objective

CONTINGENCIES = 8  # the likeliest deviations that are woven in


def open_course(
    model: AgentModel, start: Latent, plan: Plan, objective: Objective
) -> tuple[tuple[int, ...], Candidate]:
    """Return the best open course that a plan and its contingencies make, and what it is worth.

    In an open course an action is skipped where it is not allowed, so "review, negotiate, approve" also serves the
    case without negotiation. Deviations are woven in one by one, likeliest first, as long as that helps.
    """
    from wmagent.planning import evaluate

    course = [model.action_index(action) for action in plan.actions]
    suffix_at = list(range(len(course) + 1))  # where in the course the rest after each main-line step begins
    worth = evaluate(model, start, [course], objective)[0]
    likeliest = sorted(plan.contingencies, key=lambda contingency: -contingency.probability)
    for contingency in likeliest[:CONTINGENCIES]:
        at = suffix_at[contingency.after_step + 1]
        extra = [model.action_index(action) for action in contingency.actions]
        woven = course[:at] + merge(extra, course[at:])
        found = evaluate(model, start, [woven], objective)[0]
        if found.utility > worth.utility:
            grown = len(woven) - len(course)
            suffix_at = [position if position <= at else position + grown for position in suffix_at]
            course, worth = woven, found
    return tuple(course), worth


def merge(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Return a shortest sequence that contains both in order; what only `first` has comes before `second`'s own."""
    n, m = len(first), len(second)
    common = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            same = first[i] == second[j]
            common[i][j] = 1 + common[i + 1][j + 1] if same else max(common[i + 1][j], common[i][j + 1])
    merged, i, j = [], 0, 0
    while i < n and j < m:
        if first[i] == second[j]:
            merged.append(first[i])
            i, j = i + 1, j + 1
        elif common[i + 1][j] >= common[i][j + 1]:
            merged.append(first[i])
            i += 1
        else:
            merged.append(second[j])
            j += 1
    return [*merged, *first[i:], *second[j:]]
