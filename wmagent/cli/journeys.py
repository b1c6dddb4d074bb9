"""The demo's two journeys: through the shipped world, whose truth is known, and through one's own transitions.

Each says what experience there is, what to plan for and from where, and what to leave out in the what-if.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wmagent.cli.journey import goals_in, hold_out, starts_in
from wmagent.domain.types import Action, Facts, Goal, Transition, Value
from wmagent.errors import InputError, OutOfDomain

if TYPE_CHECKING:
    from wmagent import Agent, Plan

WORLD = "contract-approval"
START = {"amount": "large", "counterparty": "known", "template": "custom", "contract type": "service"}
GOAL = "get the contract approved within 10 days"
SKIPPED = "legal review"
GOALS_TRIED = 4
STARTS_TRIED = 6
LONG_ENOUGH = 1.9  # steps times P(goal): no further goals are tried
FOLLOWING = 500  # imagined transitions per decision when plans are followed to their end
RARE = 0.05  # probability below which replanning repeats an earlier decision


class Journey(Protocol):
    """What the demo needs to know of where it travels."""

    about: str
    name: str
    known: list[Transition]
    held_out: list[Transition]

    def plan(self, agent: Agent, seed: int) -> tuple[Plan, Facts]:
        """Return a plan worth showing and the facts it starts from."""
        ...

    def skipped(self, plan: Plan) -> Action | None:
        """Return the action that the what-if leaves out."""
        ...

    def truth(self, start: Facts, actions: Sequence[Action], goal: Goal) -> float | None:
        """Return the exact P(goal) of an open sequence of actions, where the world knows it."""
        ...

    def best(self, start: Facts, goal: Goal) -> float | None:
        """Return the exact P(goal) of the optimal policy, where the world knows it."""
        ...

    def followed(self, agent: Agent, start: Facts, goal: Goal) -> float | None:
        """Return the exact P(goal) of doing the agent's first step and planning again, where the world knows it."""
        ...

    def ceiling(self, rows: Sequence[Transition]) -> float | None:
        """Return how often the likeliest next state really comes, on average, where the world knows it."""
        ...


class Contracts:
    """The shipped contract-approval world: fresh experience, and an oracle that knows every probability."""

    name = "contracts"

    def __init__(self, transitions: int, seed: int, goal: str | None) -> None:
        from wmagent import worlds

        self.world = worlds.load(WORLD)
        rows = worlds.experience(self.world, transitions=transitions, seed=seed)
        self.known, self.held_out = hold_out(rows)
        self.goal = goal or GOAL
        self.oracle = self.world.oracle()
        cases = len({row.case for row in rows})
        self.about = f"{len(rows):,} recorded steps of {cases:,} contracts, made by the shipped {WORLD} world"

    def plan(self, agent: Agent, seed: int) -> tuple[Plan, Facts]:
        """Plan for the goal from a large contract with custom wording and a known partner."""
        from wmagent.latent.protocols import Budget

        start = self._start()
        agent.plan(self.goal, start, budget=Budget(simulations=1))  # so that the plan shown is timed warm
        return agent.plan(self.goal, start, seed=seed), start

    def skipped(self, plan: Plan) -> Action | None:
        """The legal review, which hidden rules of the world ask for."""
        return next((action for action in self.world.actions if action.name == SKIPPED), None)

    def truth(self, start: Facts, actions: Sequence[Action], goal: Goal) -> float | None:
        """Exact, by enumeration."""
        return self.oracle.plan_value(start, actions, goal).probability

    def best(self, start: Facts, goal: Goal) -> float | None:
        """Exact, by value iteration."""
        return self.oracle.optimal(start, goal).probability

    def followed(self, agent: Agent, start: Facts, goal: Goal) -> float | None:
        """Exact for the agent's decisions; where it hardly ever gets to, the most similar decision is repeated."""
        from wmagent.evals.closed_loop import Replanning, policy_worth
        from wmagent.latent.protocols import Budget

        budget = Budget(simulations=FOLLOWING)
        policy = Replanning(agent.model, agent.model.observe, agent.planner, goal, self.world.legal, budget=budget)
        return policy_worth(self.oracle, start, policy, goal, rare=RARE).probability

    def ceiling(self, rows: Sequence[Transition]) -> float | None:
        """Exact: the mean probability of the likeliest outcome."""
        likeliest = []
        for row in rows:
            chances: Counter[frozenset[tuple[str, Value]]] = Counter()
            for outcome in self.oracle.outcomes(row.before.facts, row.action):
                chances[frozenset(outcome.facts.items())] += outcome.probability  # type: ignore[assignment]
            likeliest.append(max(chances.values(), default=0.0))
        return sum(likeliest) / len(likeliest) if likeliest else None

    def _start(self) -> Facts:
        for seed in range(1_000):
            facts = self.world.observe(self.world.initial(seed)).facts
            if all(facts.get(key) == value for key, value in START.items()):
                return facts
        raise InputError(f"no contract of the world {WORLD} starts with {START}")


class Recorded:
    """One's own transitions: the last tenth is held out, goal and start are taken from the data."""

    def __init__(self, path: Path, limit: int | None, goal: str | None) -> None:
        if not path.is_file():
            raise InputError(f"{path}: no such file; give recorded transitions as .jsonl, .jsonl.gz or .parquet")
        from wmagent.worlds import read_transitions

        rows = read_transitions(path, limit=limit)
        self.known, self.held_out = hold_out(rows)
        self.name = path.name.split(".")[0]
        self.goal = goal
        actions = len({row.action.label() for row in rows})
        self.about = (
            f"{len(rows):,} recorded steps from {path.name} with {actions} different actions; "
            f"the last {len(self.held_out):,} are held out"
        )

    def plan(self, agent: Agent, seed: int) -> tuple[Plan, Facts]:
        """Plan for the given goal, or for the most interesting of the goals and starts that the data suggests."""
        goals: list[Goal] = [agent.understand(self.goal)] if self.goal else goals_in(self.known, GOALS_TRIED)
        found: list[tuple[Plan, Facts]] = []
        for goal in goals:
            starts = list(starts_in(self.held_out, goal))
            for start in starts[:: max(1, len(starts) // STARTS_TRIED)]:  # spread: neighbours are much alike
                try:
                    found.append((agent.plan(goal, start, seed=seed), start))
                except OutOfDomain:
                    continue
            if any(_worth(plan) >= LONG_ENOUGH for plan, _ in found):
                break
        if not found:
            asked = self.goal or "any goal that the data suggests"
            raise InputError(f"no held-out state is left to plan from for {asked}; name another with --goal")
        return max(found, key=lambda item: _worth(item[0]))

    def skipped(self, plan: Plan) -> Action | None:
        """The plan's last step, or its first where there is but one."""
        return plan.actions[-1] if plan.actions else None

    def truth(self, start: Facts, actions: Sequence[Action], goal: Goal) -> float | None:
        """Nobody knows."""
        return None

    def best(self, start: Facts, goal: Goal) -> float | None:
        """Nobody knows."""
        return None

    def followed(self, agent: Agent, start: Facts, goal: Goal) -> float | None:
        """Nobody knows."""
        return None

    def ceiling(self, rows: Sequence[Transition]) -> float | None:
        """Nobody knows."""
        return None


def _worth(plan: Plan) -> float:
    """Return how much a plan shows: its length, if it is likely to succeed."""
    return len(plan.steps) * plan.probability if plan.probability >= 0.5 else plan.probability / 2
