"""The truth of worlds too large to enumerate: plans and policies are simulated, and probabilities come as intervals.

Knows the machine and goals; knows no learning. `truth` is the one door to the exact oracle or to this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import NoReturn

from wmagent.causal.shares import wilson
from wmagent.domain.types import Action, Facts, Goal
from wmagent.domain.world import Outcome, Policy, Truth
from wmagent.errors import InputError, checked_seed
from wmagent.worlds.conditions import State, compile_conditions
from wmagent.worlds.machine import Machine
from wmagent.worlds.oracle import WorkflowOracle
from wmagent.worlds.workflow import WorkflowWorld

_LATE = 1e-6  # hours; sums of hours are not exact


def truth(
    world: WorkflowWorld, max_nodes: int = 200_000, samples: int = 4_000, seed: int = 0
) -> WorkflowOracle | SampledOracle:
    """Return the exact oracle where at most `max_nodes` states are reachable from all starts, else the sampled one.

    `exact` of what is returned says which it is, and `grounds` why.
    """
    count = count_states(world, max_nodes)
    if count is None:
        return SampledOracle(world, samples, seed, f"sampled: more than {max_nodes:,} reachable states")
    return WorkflowOracle(world, max(max_nodes, 1), f"exact: {count:,} reachable states")


def count_states(world: WorkflowWorld, most: int) -> int | None:
    """Return how many states are reachable from all starts, None if there are more than `most`."""
    machine = world.machine
    if math.prod(max(len(options) for _, options in draw.cases) for draw in machine.draws) > most:
        return None  # not even the starts can be listed
    seen = {state for _, state in machine.starts()}
    queue = list(seen)
    for state in queue:  # grows while it is walked
        if len(queue) > most:
            return None
        for move in machine.legal(state):
            for branch in machine.branches(state, move):
                if branch[1] not in seen:
                    seen.add(branch[1])
                    queue.append(branch[1])
    return len(queue)


class SampledOracle:
    """Answers about a workflow world by simulation; satisfies `wmagent.domain.world.Oracle` as far as that can be.

    One step (`outcomes`, `legal`) is exact. Plans and policies are simulated `samples` times, always with the same
    random numbers, so that the same question has the same answer and two plans compare. A case is cut after
    `max_steps`; its end is then unknown, and the interval covers both. What needs all states (`reachable`,
    `optimal`, `optimal_policy`) is refused: the value of any policy is a lower bound of the optimum.
    """

    exact = False

    def __init__(
        self,
        world: WorkflowWorld,
        samples: int = 4_000,
        seed: int = 0,
        grounds: str = "sampled: asked for",
        max_steps: int = 1_000,
    ) -> None:
        if samples < 1 or max_steps < 1:
            raise InputError(f"samples and max_steps must be at least 1, not {samples} and {max_steps}")
        self.world = world
        self.samples = samples
        self.seed = checked_seed(seed)
        self.grounds = grounds
        self.max_steps = max_steps
        self._one_step = WorkflowOracle(world)

    def legal(self, facts: Facts) -> tuple[Action, ...]:
        """Return the actions allowed in a state."""
        return self.world.legal(facts)

    def outcomes(self, facts: Facts, action: Action) -> tuple[Outcome, ...]:
        """Return every possible result of an action, exactly, likeliest first; none where it is not allowed."""
        return self._one_step.outcomes(facts, action)

    def plan_value(self, start: Facts, actions: Sequence[Action], goal: Goal) -> Truth:
        """Return the sampled worth of an open plan: every action is done if it is legal then, and skipped if not."""
        moves = [self.world.action_index(action) for action in actions]

        def run(case: _Case) -> None:
            for move in moves:
                if case.verdict is None and self.world.machine.refusal(case.state, move) is None:
                    case.act(move)

        return self._simulate(start, goal, run)

    def policy_value(self, start: Facts, policy: Policy, goal: Goal) -> Truth:
        """Return the sampled worth of a policy. It stops where the policy says None or chooses what is not legal.

        Without a deadline time does not matter to the goal and the policy is asked as at hour 0. Hours and cost of
        cases that were cut count up to the cut.
        """
        machine = self.world.machine

        def run(case: _Case) -> None:
            for _ in range(self.max_steps):
                if case.verdict is not None:
                    return
                choice = policy(machine.decode(case.state), 0.0 if goal.deadline is None else case.hours)
                move = None if choice is None else self.world.action_index(choice)
                if move is None or machine.refusal(case.state, move) is not None:
                    return
                case.act(move)
            case.cut = case.verdict is None

        return self._simulate(start, goal, run)

    def reachable(self, start: Facts) -> NoReturn:
        """Refuse: the states are too many to list."""
        self._refuse("all reachable states")

    def optimal(self, start: Facts, goal: Goal, without: Sequence[Action] = ()) -> NoReturn:
        """Refuse: the best policy is not known here; the value of a policy is a lower bound of its value."""
        self._refuse("the optimum")

    def optimal_policy(self, start: Facts, goal: Goal, without: Sequence[Action] = ()) -> NoReturn:
        """Refuse: the best policy is not known here."""
        self._refuse("the best policy")

    def _refuse(self, what: str) -> NoReturn:
        raise InputError(
            f"{what} of world {self.world.name!r} cannot be told ({self.grounds}); ask policy_value of a policy, "
            "which is a lower bound of the optimum, or for the exact oracle with a larger max_nodes"
        )

    def _simulate(self, start: Facts, goal: Goal, run: Callable[[_Case], None]) -> Truth:
        target = _Target(self.world.machine, goal)
        first = self.world.machine.encode(start)
        won = cut = 0
        hours = cost = 0.0
        for number in range(self.samples):
            case = _Case(target, first, Random((self.seed << 32) + number))
            run(case)
            won += case.verdict is True
            cut += case.cut
            hours += case.hours
            cost += case.cost
        n = self.samples
        return Truth(won / n, hours / n, cost / n, (wilson(won / n, n)[0], wilson((won + cut) / n, n)[1]))


class _Target:
    """A goal over coded states."""

    def __init__(self, machine: Machine, goal: Goal) -> None:
        self.machine = machine
        self.goal = goal
        self.reached = compile_conditions(goal.conditions, machine.shown)
        self.violated = compile_conditions(goal.forbidden, machine.shown) if goal.forbidden else None

    def verdict(self, case: _Case) -> bool | None:
        """Return whether the goal is reached (True), can no longer be (False), or neither."""
        if self.goal.deadline is not None and case.hours > self.goal.deadline + _LATE:
            return False
        if self.goal.max_cost is not None and case.cost > self.goal.max_cost:
            return False
        if self.violated is not None and self.violated(case.state):
            return False
        return True if self.reached(case.state) else None


class _Case:
    """One simulated case: where it is, what it has taken so far, and whether the goal is decided."""

    def __init__(self, target: _Target, state: State, random: Random) -> None:
        self.target = target
        self.state = state
        self.random = random
        self.hours = 0.0
        self.cost = 0.0
        self.cut = False
        self.verdict = target.verdict(self)

    def act(self, move: int) -> None:
        """Do an allowed action."""
        _, self.state, hours, cost, _ = self.target.machine.sample(self.state, move, self.random)
        self.hours += hours
        self.cost += cost
        self.verdict = self.target.verdict(self)
