"""Turns a search record into a Plan: steps, contingencies, alternatives, tree. Knows no words and no graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wmagent.agent.interval import interval
from wmagent.agent.protocols import AgentModel
from wmagent.agent.reasons import reason
from wmagent.domain.answers import (
    Alternative,
    Change,
    Contingency,
    Evidence,
    Plan,
    PlanStep,
    Support,
    TreeNode,
)
from wmagent.domain.types import Action, Facts, Goal, Value
from wmagent.latent.protocols import Candidate, Latent, Objective, Search

TREE_NODES = 160  # of the search tree, for pictures; the most reachable ones and the chosen line are kept
ALTERNATIVES = 4
_RANK: dict[Support, int] = {"observed": 0, "interpolated": 1, "extrapolated": 2}


Outcomes = Sequence[tuple[Facts, float]]  # facts after a step and their probability


@dataclass(frozen=True)
class Line:
    """The likeliest way through a course of actions: facts before and after every executed step, and all that every
    step can lead to."""

    facts: tuple[Facts, ...]  # one more than steps
    steps: tuple[PlanStep, ...]
    outcomes: tuple[Outcomes, ...]  # as many as steps


def objective_for(goal: Goal) -> Objective:
    """Return what the planners minimise for a goal."""
    return Objective(goal.conditions, goal.forbidden, goal.deadline, goal.max_cost)


def compose(model: AgentModel, search: Search, goal: Goal, planner: str) -> Plan:
    """Return the plan of a search that found at least one course."""
    best = search.candidates[0]
    line = main_line(model, search, best)
    return Plan(
        goal=goal,
        steps=line.steps,
        probability=best.probability,
        interval=interval(best.probability, best.head_probabilities, weakest_evidence(line.steps)),
        duration=best.duration,
        cost=best.cost,
        support=worst_support([step.evidence for step in line.steps]),
        contingencies=_contingencies(model, search, line),
        alternatives=_alternatives(model, search),
        tree=tree(model, search),
        planner=planner,
        imagined=search.imagined,
        milliseconds=search.milliseconds,
    )


def main_line(model: AgentModel, search: Search, course: Candidate) -> Line:
    """Return the search's main line with everything that each step changes, takes and rests on."""
    count = min(len(course.actions), max(len(search.main_line) - 1, 0))
    states = search.states.take(torch.tensor(search.main_line[: count + 1], dtype=torch.int64))
    return unfold(model, states, course.actions[:count], course.step_probabilities)


def unfold(model: AgentModel, states: Latent, actions: Sequence[int], reached: Sequence[float]) -> Line:
    """Return the line through `states` (one row more than `actions`); `reached` is P(step is reached and legal)."""
    facts = model.read(states)
    if not actions:
        return Line(tuple(facts), (), ())
    prediction = model.imagine(states.take(torch.arange(len(actions))), torch.tensor(list(actions)))
    k = prediction.probs.shape[1]
    ends = list(zip(model.read(prediction.next), prediction.probs.flatten().tolist(), strict=True))
    outcomes = tuple(ends[i * k : (i + 1) * k] for i in range(len(actions)))
    hours = ((prediction.duration_probs @ model.duration_values) * prediction.probs).sum(-1).tolist()
    costs, surprises = prediction.cost.tolist(), prediction.surprise.tolist()
    evidences = model.evidences(facts[: len(actions)], [model.actions[index] for index in actions], k=3)
    steps = []
    for i, index in enumerate(actions):
        action = model.actions[index]
        steps.append(
            PlanStep(
                action=action,
                probability=reached[i] if i < len(reached) else 1.0,
                changes=_changes(facts[i], differences(facts[i], facts[i + 1]), outcomes[i]),
                duration=hours[i],
                cost=costs[i],
                evidence=evidences[i],
                surprise=surprises[i],
            )
        )
    return Line(tuple(facts), tuple(steps), outcomes)


def _changes(
    before: Facts, differing: Sequence[tuple[str, Value | None, Value | None]], outcomes: Outcomes
) -> tuple[Change, ...]:
    """Return what becomes of differing facts, each with its own probability over all outcomes of the step."""
    return tuple(
        Change(key, before.get(key), new, min(1.0, sum(chance for facts, chance in outcomes if facts.get(key) == new)))
        for key, _, new in differing
    )


def differences(before: Facts, after: Facts) -> list[tuple[str, Value | None, Value | None]]:
    """Return (key, old, new) for every fact that differs; None stands for absent."""
    keys = [*before, *(key for key in after if key not in before)]
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def worst_support(evidence: Sequence[Evidence]) -> Support:
    """Return the weakest support of the steps; nothing to do is as good as observed."""
    worst: Support = "observed"
    for one in evidence:
        worst = max(worst, one.support, key=lambda support: _RANK[support])
    return worst


def weakest_evidence(steps: Sequence[PlanStep]) -> int:
    """Return the number of cases behind the least supported uncertain step (of all steps where none is uncertain)."""
    uncertain = [step for step in steps if any(change.probability < 0.999 for change in step.changes)]
    return min((step.evidence.n for step in uncertain or steps), default=10_000)


def _contingencies(model: AgentModel, search: Search, line: Line) -> tuple[Contingency, ...]:
    """Return what is done after each deviation: the facts that end up differently than on the main line."""
    rows = torch.tensor([branch.state for branch in search.branches], dtype=torch.int64)
    found = []
    for branch, facts in zip(search.branches, model.read(search.states.take(rows)) if len(rows) else [], strict=True):
        if branch.after_step >= len(line.steps):
            continue
        step = branch.after_step
        changes = _changes(line.facts[step], differences(line.facts[step + 1], facts), line.outcomes[step])
        found.append(Contingency(step, changes, branch.probability, _named(model, branch.actions)))
    return tuple(found)


def _named(model: AgentModel, indices: Sequence[int]) -> tuple[Action, ...]:
    return tuple(model.actions[index] for index in indices)


def _alternatives(model: AgentModel, search: Search) -> tuple[Alternative, ...]:
    """Return the runners-up, each with the number by which it lost."""
    best = search.candidates[0]
    others, seen = [], {best.actions}
    for candidate in search.candidates[1:]:
        if candidate.actions in seen or len(others) == ALTERNATIVES:
            continue
        seen.add(candidate.actions)
        others.append(
            Alternative(
                _named(model, candidate.actions),
                candidate.probability,
                candidate.duration,
                candidate.cost,
                reason(candidate, best),
            )
        )
    return tuple(others)


def tree(model: AgentModel, search: Search, limit: int = TREE_NODES) -> tuple[TreeNode, ...]:
    """Return the search tree's chosen line and most reachable nodes, parents before children."""
    order = sorted(range(len(search.nodes)), key=lambda i: (not search.nodes[i].chosen, -search.nodes[i].reach, i))
    kept: set[int] = set()
    for index in order:
        chain = _chain(search, index, kept)
        if len(kept) + len(chain) <= limit:
            kept.update(chain)
    indices = sorted(kept)
    new = {old: position for position, old in enumerate(indices)}
    rows = torch.tensor([search.nodes[i].state for i in indices], dtype=torch.int64)
    facts = dict(zip(indices, model.read(search.states.take(rows)) if indices else [], strict=True))
    nodes = []
    for i in indices:
        node = search.nodes[i]
        diff = differences(facts[node.parent], facts[i]) if node.parent >= 0 else []
        nodes.append(
            TreeNode(
                parent=new[node.parent] if node.parent >= 0 else -1,
                action=model.actions[node.action].label() if node.action >= 0 else "",
                probability=node.probability,
                reach=node.reach,
                value=node.value,
                changes=tuple(Change(key, old, after, node.probability) for key, old, after in diff),
                goal=node.goal,
                chosen=node.chosen,
            )
        )
    return tuple(nodes)


def _chain(search: Search, index: int, kept: set[int]) -> list[int]:
    """Return a node and those of its ancestors that are not kept yet."""
    chain = []
    while index >= 0 and index not in kept:
        chain.append(index)
        index = search.nodes[index].parent
    return chain
