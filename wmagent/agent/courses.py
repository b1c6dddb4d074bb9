"""Plans with contingencies as one open course of actions. Knows plans and their evaluation, no words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wmagent.agent.protocols import AgentModel
from wmagent.domain.answers import Plan
from wmagent.latent.protocols import Candidate, Latent, Objective
from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.open_plans import evaluate_on

CONTINGENCIES = 8  # the likeliest deviations that are woven in
RETRIES, RETRY = 6, 0.01  # how often an action may be tried again, and from what gain in probability
ROUGH, EXACT = 128, 4_096  # states a course's belief may span while courses are compared, and for the final number


@dataclass(frozen=True)
class Courses:
    """Values open courses from one start; what was imagined for one course serves all others."""

    model: AgentModel
    graph: ImaginedGraph

    @staticmethod
    def of(model: AgentModel, start: Latent, objective: Objective) -> Courses:
        """Return the courses from one latent row under an objective."""
        return Courses(model, ImaginedGraph(model, start, objective))

    def worth(self, courses: Sequence[Sequence[int]], max_states: int = EXACT) -> list[Candidate]:
        """Return what each course is worth; its actions are skipped where they are not allowed."""
        with torch.no_grad():
            return evaluate_on(self.graph, courses, max_states)

    def open_course(self, plan: Plan) -> tuple[int, ...]:
        """Return the best open course that a plan and its contingencies make.

        An action is skipped where it is not allowed, so "review, negotiate, approve" also serves the case without
        negotiation. Deviations are woven in one by one, likeliest first, as long as that helps.
        """
        course = [self.model.action_index(action) for action in plan.actions]
        suffix_at = list(range(len(course) + 1))  # where in the course the rest after each main-line step begins
        worth = self.worth([course], ROUGH)[0]
        likeliest = sorted(plan.contingencies, key=lambda contingency: -contingency.probability)
        for contingency in likeliest[:CONTINGENCIES]:
            at = suffix_at[contingency.after_step + 1]
            extra = [self.model.action_index(action) for action in contingency.actions]
            woven = course[:at] + merge(extra, course[at:])
            found = self.worth([woven], ROUGH)[0]
            if found.utility > worth.utility:
                grown = len(woven) - len(course)
                suffix_at = [position if position <= at else position + grown for position in suffix_at]
                course, worth = woven, found
        return self._with_retries(course, worth)

    def _with_retries(self, course: list[int], worth: Candidate) -> tuple[int, ...]:
        """Return the course with actions tried again right away where each try gains at least RETRY."""
        for _ in range(RETRIES):
            longer = [[*course[: i + 1], *course[i:]] for i in range(len(course))]
            found = self.worth(longer, ROUGH)
            best = max(range(len(found)), key=lambda i: found[i].utility, default=None)
            if best is None or found[best].probability - worth.probability < RETRY:
                break
            course, worth = longer[best], found[best]
        return tuple(course)


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
