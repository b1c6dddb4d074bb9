"""The exact truth of a workflow world: outcomes, reachable states, the worth of plans, policies and the best policy.

Knows the machine and the solver; knows no learning. It remembers what it enumerated, so keep one for many questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.domain.world import Outcome, Policy, Truth
from wmagent.errors import InputError
from wmagent.worlds.conditions import Check, State, compile_conditions
from wmagent.worlds.following import TOO_LARGE, Walk, follow_plan, follow_policy
from wmagent.worlds.machine import Branch

if TYPE_CHECKING:
    from wmagent.worlds.solving import Node, Result, Solution
    from wmagent.worlds.workflow import WorkflowWorld


class WorkflowOracle:
    """Exact answers about one workflow world; satisfies `wmagent.domain.world.Oracle`.

    A goal counts where its conditions hold and no forbidden one does, with elapsed hours at most the deadline and
    cost at most `max_cost`. `max_nodes` bounds the enumeration; InputError beyond it.
    """

    exact = True

    def __init__(self, world: WorkflowWorld, max_nodes: int = 2_000_000, grounds: str = "exact: asked for") -> None:
        self.world = world
        self.max_nodes = max_nodes
        self.grounds = grounds  # why this oracle and not the sampled one
        self._machine = world.machine
        self._known: dict[tuple[State, int], list[Branch]] = {}
        self._moves: dict[State, list[int]] = {}
        self.unit = _unit(self._machine.all_hours())  # hours of one time step
        self._solved = lru_cache(maxsize=32)(self._solve)

    def starts(self) -> tuple[tuple[float, Facts], ...]:
        """Return every first state with its probability."""
        return tuple((chance, self._machine.decode(state)) for chance, state in self._machine.starts())

    def legal(self, facts: Facts) -> tuple[Action, ...]:
        """Return the actions allowed in a state."""
        return self.world.legal(facts)

    def outcomes(self, facts: Facts, action: Action) -> tuple[Outcome, ...]:
        """Return every possible result of an action, likeliest first; none where it is not allowed."""
        state = self._machine.encode(facts)
        move = self.world.action_index(action)
        if move not in self._legal(state):
            return ()
        found = sorted(self._branches(state, move), key=lambda branch: -branch[0])
        return tuple(Outcome(p, self._machine.decode(s), hours, cost, told) for p, s, hours, cost, told in found)

    def reachable(self, start: Facts) -> tuple[Facts, ...]:
        """Return every state that some sequence of actions can reach, the start first."""
        first = self._machine.encode(start)
        seen = {first}
        queue = [first]
        for state in queue:
            for move in self._legal(state):
                for branch in self._branches(state, move):
                    if branch[1] not in seen:
                        seen.add(branch[1])
                        queue.append(branch[1])
            if len(queue) > self.max_nodes:
                raise InputError(f"more than {self.max_nodes:,} reachable states; {TOO_LARGE}")
        return tuple(self._machine.decode(state) for state in queue)

    def plan_value(self, start: Facts, actions: Sequence[Action], goal: Goal) -> Truth:
        """Return the exact worth of an open plan: every action is done if it is legal then, and skipped if not."""
        moves = [self.world.action_index(action) for action in actions]
        return follow_plan(self._walk(goal), self._machine.encode(start), moves, self._legal)

    def policy_value(self, start: Facts, policy: Policy, goal: Goal) -> Truth:
        """Return the exact worth of a policy. It stops where the policy says None or chooses what is not legal.

        Without a deadline time does not matter to the goal and the policy is asked once per state, as at hour 0;
        hours and cost are infinite where it may go round in circles for good.
        """

        def choose(state: State, elapsed: int) -> int | None:
            choice = policy(self._machine.decode(state), elapsed * self.unit)
            move = None if choice is None else self.world.action_index(choice)
            return move if move in self._legal(state) else None

        return follow_policy(self._walk(goal), self._machine.encode(start), choose)

    def optimal(self, start: Facts, goal: Goal, without: Sequence[Action] = ()) -> Truth:
        """Return the worth of the best policy that does none of the actions `without`.

        Among equally probable policies it is the one of least expected cost plus hours.
        """
        solution = self._solved(self._machine.encode(start), goal, self._moves_of(without))
        last = (len(solution.probability) - 1, 0)
        return Truth(float(solution.probability[last]), float(solution.hours[last]), float(solution.cost[last]))

    def optimal_policy(self, start: Facts, goal: Goal, without: Sequence[Action] = ()) -> Policy:
        """Return the best policy that does none of the actions `without`.

        It also answers for states that `start` does not lead to, by solving from there. It stops (None) where the
        goal is reached or out of reach. InputError for goals with `max_cost`: a policy sees facts and hours, not the
        money spent.
        """
        if goal.max_cost is not None:
            raise InputError("a policy sees facts and hours, not money spent; ask for the goal without max_cost")
        spared = self._moves_of(without)
        own = self._solved(self._machine.encode(start), goal, spared)

        def policy(facts: Facts, elapsed: float) -> Action | None:
            state = self._machine.encode(facts)
            left = 0
            if goal.deadline is not None:
                left = math.floor((goal.deadline - elapsed) / self.unit + 1e-9)
                if left < 0:
                    return None
            solution, index = own, own.graph.nodes.get((state, 0.0))
            if index is None or left >= len(own.move):
                solution, index = self._solved(state, goal, spared), 0
            move = int(solution.move[min(left, len(solution.move) - 1), index])
            return None if move < 0 else self.world.actions[move]

        return policy

    def optimal_value(self, start: Facts, goal: Goal) -> Callable[[Facts, float], float]:
        """Return P(goal) of the best policy from any state that `start` leads to, given the hours elapsed since.

        InputError for goals with `max_cost`, and for states that `start` does not lead to.
        """
        if goal.max_cost is not None:
            raise InputError("a value sees facts and hours, not money spent; ask for the goal without max_cost")
        solution = self._solved(self._machine.encode(start), goal, frozenset())

        def value(facts: Facts, elapsed: float) -> float:
            left = 0
            if goal.deadline is not None:
                left = math.floor((goal.deadline - elapsed) / self.unit + 1e-9)
                if left < 0:
                    return 0.0
            index = solution.graph.nodes.get((self._machine.encode(facts), 0.0))
            if index is None:
                raise InputError("this state cannot be reached from the start, or only beyond the goal")
            return float(solution.probability[min(left, len(solution.probability) - 1), index])

        return value

    def _moves_of(self, actions: Sequence[Action]) -> frozenset[int]:
        return frozenset(self.world.action_index(action) for action in actions)

    def _legal(self, state: State) -> list[int]:
        if state not in self._moves:
            self._moves[state] = self._machine.legal(state)
        return self._moves[state]

    def _branches(self, state: State, move: int) -> list[Branch]:
        key = (state, move)
        if key not in self._known:
            self._known[key] = self._machine.branches(state, move)
        return self._known[key]

    def _steps(self, hours: float) -> int:
        return round(hours / self.unit)

    def _check(self, conditions: Sequence[Condition]) -> Check:
        return compile_conditions(conditions, self._machine.shown)

    def _walk(self, goal: Goal) -> Walk:
        return Walk(
            branches=self._branches,
            steps=self._steps,
            reached=self._check(goal.conditions),
            violated=self._check(goal.forbidden) if goal.forbidden else None,
            deadline=None if goal.deadline is None else goal.deadline / self.unit + 1e-9,
            limit=goal.max_cost,
        )

    def _solve(self, start: State, goal: Goal, spared: frozenset[int]) -> Solution:
        from wmagent.worlds.solving import explore, solve

        reached, limit = self._check(goal.conditions), goal.max_cost
        violated = self._check(goal.forbidden) if goal.forbidden else None

        def status(node: Node) -> bool | None:
            if (limit is not None and node[1] > limit) or (violated is not None and violated(node[0])):
                return False
            return True if reached(node[0]) else None

        def moves(state: State) -> list[int]:
            return [move for move in self._legal(state) if move not in spared]

        def results(node: Node, move: int) -> list[Result]:
            return [
                (chance, (after, 0.0 if limit is None else node[1] + cost), self._steps(hours), cost)
                for chance, after, hours, cost, _ in self._branches(node[0], move)
            ]

        graph = explore((start, 0.0), moves, results, status, self.unit, self.max_nodes)
        if goal.deadline is not None and goal.deadline < 0:
            raise InputError(f"the deadline lies {-goal.deadline:g} hours in the past")
        return solve(graph, None if goal.deadline is None else math.floor(goal.deadline / self.unit + 1e-9))


def _unit(hours: Sequence[float]) -> float:
    """Return the largest step of time that all durations are multiples of."""
    parts = [Fraction(str(value)) for value in set(hours) if value > 0]
    if not parts:
        return 1.0
    scale = math.lcm(*(part.denominator for part in parts))
    return math.gcd(*(int(part * scale) for part in parts)) / scale
