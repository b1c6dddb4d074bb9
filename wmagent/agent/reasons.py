"""Why things are as they are: why a course lost, why a goal is out of reach, what to mind. Knows no words parsing."""

from __future__ import annotations

import torch

from wmagent.agent.protocols import AgentModel
from wmagent.domain.answers import Plan
from wmagent.domain.types import Goal
from wmagent.latent.protocols import Candidate, Search

TIGHT = 0.8  # share of the deadline or budget from which the expectation counts as tight


def reason(candidate: Candidate, best: Candidate) -> str:
    """Return the first difference that counts, with both numbers: lower P, later, costlier, longer, riskier."""
    if best.probability - candidate.probability >= 0.005:
        return f"P(goal) {candidate.probability:.2f} against {best.probability:.2f}"
    if candidate.cost - best.cost >= max(0.01 * abs(best.cost), 0.005):
        return f"costs {candidate.cost:g} against {best.cost:g}".replace("e+", "e")
    if candidate.duration - best.duration >= 0.05:
        return f"takes {candidate.duration:.1f} h against {best.duration:.1f} h"
    if len(candidate.actions) > len(best.actions):
        return f"{len(candidate.actions)} steps against {len(best.actions)} for the same P(goal)"
    if _spread(candidate) - _spread(best) >= 0.01:
        return f"the model is less sure: its heads differ by {_spread(candidate):.2f} against {_spread(best):.2f}"
    return f"no better: utility {candidate.utility:.4f} against {best.utility:.4f}"


def _spread(candidate: Candidate) -> float:
    heads = candidate.head_probabilities
    return max(heads) - min(heads) if heads else 0.0


def warnings(plan: Plan) -> tuple[str, ...]:
    """Return what a person should mind before following the plan."""
    found = []
    for number, step in enumerate(plan.steps, 1):
        if step.evidence.support == "extrapolated":
            found.append(
                f"step {number} ({step.action.label()}) is outside recorded experience: "
                f"{step.evidence.n} similar cases, surprise {step.surprise:.1f}"
            )
    goal = plan.goal
    if goal.deadline is not None and plan.steps and plan.duration > TIGHT * goal.deadline:
        found.append(f"the deadline is tight: {plan.duration:.1f} h expected, {goal.deadline:g} h allowed")
    if goal.max_cost is not None and plan.steps and plan.cost > TIGHT * goal.max_cost:
        found.append(f"the budget is tight: {plan.cost:g} expected, {goal.max_cost:g} allowed")
    return tuple(found)


def out_of_reach(model: AgentModel, search: Search, goal: Goal) -> tuple[str, ...]:
    """Return why P(goal) is 0 as far as it was imagined, and the nearest that is reachable."""
    states = search.states
    if len(states) == 0:
        return ("nothing could be imagined from here",)
    held = torch.stack([model.holds(states, [condition]) for condition in goal.conditions], 1)
    never = [c.words() for c, ever in zip(goal.conditions, held.any(0).tolist(), strict=True) if not ever]
    spoiled = torch.zeros(len(states), dtype=torch.bool)
    for condition in goal.forbidden:
        spoiled |= model.holds(states, [condition])
    complete = held.all(1)
    found = [f"in {len(states)} imagined states the goal is never reached"]
    if never:
        found.append(f"no imagined state has {' and '.join(never)}")
    elif bool(complete.any()) and bool((complete & spoiled).any()) and not bool((complete & ~spoiled).any()):
        found.append(f"every imagined way there passes {' or '.join(c.words() for c in goal.forbidden)}")
    elif bool(complete.any()):
        limits = [f"{goal.deadline:g} h"] if goal.deadline is not None else []
        limits += [f"a cost of {goal.max_cost:g}"] if goal.max_cost is not None else []
        limits += [c.words() + " on the way" for c in goal.forbidden]
        found.append(f"it can be reached, but not within {', '.join(limits) or 'the limits'}")
    else:
        found.append("each condition can be reached, but never all at once")
    score = held.sum(1) - spoiled.long() * (len(goal.conditions) + 1)
    row = int(score.argmax())
    near = [c.words() for c, ok in zip(goal.conditions, held[row].tolist(), strict=True) if ok]
    if near and len(near) < len(goal.conditions):
        found.append(f"nearest reachable: {' and '.join(near)}")
    return tuple(found)
