"""What evaluations ask of a fitted baseline: P(goal) of an open plan, and its own policy tried in the true world.
Knows baselines, the planner's evaluation of plans and the exact oracle; knows no world model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wmagent.domain.types import Action, FactKey, Facts, Goal, key_of
from wmagent.domain.world import Oracle
from wmagent.model.baselines import Baseline, RankedPolicy, Solver
from wmagent.model.baselines.dynamics import BaselineDynamics

Legal = Callable[[Facts], Sequence[Action]]


def goal_probability(dynamics: BaselineDynamics, facts: Facts, actions: Sequence[Action], goal: Goal) -> float:
    """Return P(goal within its limits) of an open plan from `facts` as a baseline imagines it.

    Same semantics as `Oracle.plan_value`: a step is skipped where it is not allowed when its turn comes. An action
    that was never recorded changes nothing that a baseline knows of, so it is left out.
    """
    from wmagent.planning import evaluate, objective_for

    known = {action.label(): index for index, action in enumerate(dynamics.actions)}
    plan = [known[action.label()] for action in actions if action.label() in known]
    return evaluate(dynamics, dynamics.observe(facts), [plan], objective_for(goal))[0].probability


@dataclass(frozen=True)
class Allowed:
    """A ranked policy in the true world: the first choice that is allowed there, as `Replanning` has it."""

    policy: RankedPolicy
    legal: Legal
    _allowed: dict[FactKey, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, facts: Facts, elapsed: float) -> Action | None:
        """Return what to do; None where the policy stops or nothing it knows is allowed."""
        key = key_of(facts)
        if key not in self._allowed:
            self._allowed[key] = frozenset(action.label() for action in self.legal(facts))
        choices = self.policy.choices(facts, elapsed)
        return next((action for action in choices if action.label() in self._allowed[key]), None)


def own_policy(baseline: Baseline, goal: Goal, legal: Legal) -> Allowed | None:
    """Return the policy that a fitted baseline has of its own; None for those that act only through a planner."""
    return Allowed(baseline.solve(goal), legal) if isinstance(baseline, Solver) else None


def own_policies(
    baseline: Baseline, legal: Legal, oracle: Oracle, cases: Sequence[tuple[Facts, Goal]]
) -> list[dict[str, Any]]:
    """Return per (start, goal) the exact worth of the baseline's own policy beside the optimum; none without one."""
    policies = {goal: own_policy(baseline, goal, legal) for _, goal in cases}
    rows = []
    for start, goal in cases:
        policy = policies[goal]
        if policy is None:
            continue
        worth, best = oracle.policy_value(start, policy, goal).probability, oracle.optimal(start, goal).probability
        rows.append({"goal": goal.words, "worth": worth, "optimal": best})
    return rows
