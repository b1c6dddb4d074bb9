"""What replanning is truly worth: the exact success probability of acting by a planner's first step, again and again.
Knows the Dynamics and Planner protocols and the exact oracle; knows no concrete model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wmagent.domain.types import Action, FactKey, Facts, Goal, key_of
from wmagent.domain.world import Oracle, Policy, World
from wmagent.latent.protocols import Budget, Dynamics, Latent, Planner

Legal = Callable[[Facts], Sequence[Action]]


@dataclass
class Replanning:
    """A policy: plan from the observed facts with the time that is left, do the first step; decisions are remembered.

    Time left is rounded down to whole fifths of the deadline (`parts`) when asking the planner, so that decisions
    repeat; the rounded policy is what is evaluated. Without `parts` it is taken as it is. First choice is the best
    candidate's first step, then the other candidates', then (also where the planner sees no way to the goal) what
    recorded behaviour usually does. An action that the world refuses costs nothing here and the next choice is taken;
    `firm` stops there instead. Every control gets the same treatment.
    """

    dynamics: Dynamics
    observe: Callable[[Facts], Latent]
    planner: Planner
    goal: Goal
    legal: Legal
    seed: int = 0
    budget: Budget | None = None
    parts: int | None = 5  # of the deadline
    prices: Mapping[str, float] = field(default_factory=dict)  # of the objective, such as risk_weight
    decisions: int = 0
    refusals: int = 0
    imagined: int = 0
    milliseconds: float = 0.0
    _known: dict[FactKey, dict[float, tuple[Action, ...]]] = field(default_factory=dict, repr=False)

    def __call__(self, facts: Facts, elapsed: float) -> Action | None:
        """Return what to do, or None where the world allows nothing."""
        return self._allowed(facts, self.choices(facts, elapsed))

    def again(self, facts: Facts, elapsed: float) -> Action | None:
        """Return the same from the decision with the most similar time left; plan only where nothing was decided."""
        return self._allowed(facts, self.choices(facts, elapsed, similar=True))

    def choices(self, facts: Facts, elapsed: float, similar: bool = False) -> tuple[Action, ...]:
        """Return the actions in the order in which they would be tried."""
        left = self._left(elapsed)
        known = self._known.setdefault(key_of(facts), {})
        if similar and known:
            return known[min(known, key=lambda other: abs(other - left) if other != left else 0.0)]
        if left not in known:
            known[left] = self._decide(facts, left)
        return known[left]

    def _allowed(self, facts: Facts, choices: tuple[Action, ...]) -> Action | None:
        allowed = {action.label() for action in self.legal(facts)}
        return next((action for action in choices if action.label() in allowed), None)

    def _left(self, elapsed: float) -> float:
        if self.goal.deadline is None:
            return math.inf
        if self.parts is None:
            return round(self.goal.deadline - elapsed, 6)
        part = self.goal.deadline / self.parts
        return math.floor((self.goal.deadline - elapsed) / part + 1e-9) * part

    def _decide(self, facts: Facts, left: float) -> tuple[Action, ...]:
        from wmagent.planning import objective_for

        allowed = {action.label() for action in self.legal(facts)}
        if not allowed:
            return ()
        self.decisions += 1
        start = self.observe(facts)
        goal = self.goal if math.isinf(left) else replace(self.goal, deadline=left)
        objective = objective_for(goal, **self.prices)
        search = self.planner.plan(self.dynamics, start, objective, seed=self.seed, budget=self.budget)
        self.imagined += search.imagined
        self.milliseconds += search.milliseconds
        planned = [c.actions[0] for c in search.candidates if c.actions and c.probability > 1e-6]
        usual = self.dynamics.behaviour(start)[0].argsort(descending=True).tolist()
        order = tuple(self.dynamics.actions[index] for index in dict.fromkeys([*planned, *usual]))
        self.refusals += order[0].label() not in allowed
        return order


@dataclass(frozen=True)
class Firm:
    """The same policy with its first choice only: where the world refuses that one, the case ends there."""

    policy: Replanning

    def __call__(self, facts: Facts, elapsed: float) -> Action | None:
        """Return the first choice if the world allows it, else None."""
        return self.policy._allowed(facts, self.policy.choices(facts, elapsed)[:1])

    def again(self, facts: Facts, elapsed: float) -> Action | None:
        """Return the same from the decision with the most similar time left."""
        return self.policy._allowed(facts, self.policy.choices(facts, elapsed, similar=True)[:1])


@dataclass(frozen=True)
class Worth:
    """P(goal) of a policy; `open` is the probability still open after the last step, counted as failure."""

    probability: float
    open: float


def policy_worth(
    oracle: Oracle, start: Facts, policy: Policy, goal: Goal, rare: float = 0.0, max_steps: int = 80
) -> Worth:
    """Follow the policy's exact distribution over (facts, elapsed hours) forward until it has ended everywhere.

    Same semantics as `Oracle.policy_value`. In places with less than `rare` probability a `Replanning` policy
    repeats its most similar decision instead of planning anew (`again`), which keeps the number of plans small;
    the mixed policy is evaluated exactly.
    """
    if goal.violated(start):
        return Worth(0.0, 0.0)
    if goal.reached(start):
        return Worth(1.0, 0.0)
    cheap = getattr(policy, "again", policy)
    places: dict[tuple[FactKey, float], tuple[float, Facts]] = {(key_of(start), 0.0): (1.0, start)}
    won = 0.0
    for _ in range(max_steps):
        ahead: dict[tuple[FactKey, float], tuple[float, Facts]] = {}
        # the likely places first, so that there is a decision to repeat
        for (_, elapsed), (mass, facts) in sorted(places.items(), key=lambda item: -item[1][0]):
            action = (policy if mass >= rare else cheap)(facts, elapsed)
            for outcome in oracle.outcomes(facts, action) if action is not None else ():
                late = elapsed + outcome.duration
                if (goal.deadline is not None and late > goal.deadline + 1e-9) or goal.violated(outcome.facts):
                    continue
                if goal.reached(outcome.facts):
                    won += mass * outcome.probability
                    continue
                key = (key_of(outcome.facts), round(late, 6) if goal.deadline is not None else 0.0)
                before = ahead.get(key, (0.0, outcome.facts))[0]
                ahead[key] = (before + mass * outcome.probability, outcome.facts)
        places = ahead
        if not places:
            break
    return Worth(won, sum(mass for mass, _ in places.values()))


def closed_loop(
    make: Callable[[Goal], Replanning],
    oracle: Oracle,
    cases: Sequence[tuple[Facts, Goal]],
    rare: float = 5e-3,
) -> list[dict[str, Any]]:
    """Return per (start, goal) the exact worth of the replanning policy, of its first choices, and of the optimum."""
    policies: dict[Goal, Replanning] = {}
    rows = []
    for start, goal in cases:
        policy = policies.setdefault(goal, make(goal))
        worth = policy_worth(oracle, start, policy, goal, rare)
        firm = policy_worth(oracle, start, Firm(policy), goal, rare).probability
        best = oracle.optimal(start, goal).probability
        found = {"goal": goal.words, "worth": worth.probability, "firm": firm, "optimal": best, "open": worth.open}
        rows.append(found)
    return rows


def handed_over(
    dynamics: Dynamics,
    observe: Callable[[Facts], Latent],
    planner: Planner,
    oracle: Oracle,
    cases: Sequence[tuple[Facts, Goal]],
    seed: int = 0,
    budget: Budget | None = None,
) -> list[dict[str, Any]]:
    """Return per (start, goal) the exact worth of the best plan's actions carried out in order, nothing replanned.

    Steps that are not allowed when their turn comes are skipped (`Oracle.plan_value`); what a plan would do where a
    step turns out differently is left out, so this is a lower bound of a plan's worth. Where the planner sees no way
    to the goal there is no plan, which is worth nothing.
    """
    from wmagent.planning import objective_for

    rows = []
    for start, goal in cases:
        latent = observe(start)
        search = planner.plan(dynamics, latent, objective_for(goal), seed=seed, budget=budget)
        best = search.candidates[0] if search.candidates else None
        chosen = list(best.actions) if best is not None and best.probability > 1e-6 else []
        truth = oracle.plan_value(start, [dynamics.actions[index] for index in chosen], goal)
        said = best.probability if best is not None else None
        optimal = oracle.optimal(start, goal).probability
        rows.append({"goal": goal.words, "worth": truth.probability, "optimal": optimal, "said": said})
    return rows


def random_worth(world: World[Facts], start: Facts, goal: Goal, seed: int = 0, episodes: int = 400) -> float:
    """Return the share of simulated episodes in which uniformly random allowed actions reach the goal: the floor.

    Sampled, not exact: the standard error is at most 0.025 with 400 episodes. At most 80 steps each.
    """
    draw = random.Random(f"{seed} {goal.words}")
    return sum(_random_episode(world, start, goal, draw) for _ in range(episodes)) / episodes


def _random_episode(world: World[Facts], facts: Facts, goal: Goal, draw: random.Random) -> bool:
    elapsed = 0.0
    for _ in range(80):
        if goal.violated(facts) or (goal.deadline is not None and elapsed > goal.deadline + 1e-9):
            return False
        allowed = world.legal(facts)
        if goal.reached(facts) or not allowed:
            return goal.reached(facts)
        step = world.step(facts, draw.choice(allowed), draw.getrandbits(32))
        facts, elapsed = step.state, elapsed + step.duration
    return False
