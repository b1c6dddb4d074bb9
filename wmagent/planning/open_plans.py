"""Exact worth of open plans: the belief over imagined states is propagated step by step, equal states merged.

Knows the graph and the limits' grids; must not know any search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from wmagent.errors import InputError
from wmagent.latent.protocols import Candidate, Dynamics, Latent, Objective
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.grid import Grid
from wmagent.planning.objective import utility
from wmagent.planning.spread import fine_grids, spread


def evaluate(
    model: Dynamics,
    start: Latent,
    plans: Sequence[Sequence[int]],
    objective: Objective,
    max_states: int = 512,
) -> list[Candidate]:
    """Return what each open plan (a sequence of action indices) is worth from `start` (one row), in the given order.

    Each action is executed where it is legal when its turn comes and skipped where not; execution stops at the goal,
    at a forbidden state, when the case ends, or past a limit. Exact as long as a plan's belief spans at most
    `max_states` states (more: the least likely are dropped and count as failures) and durations share a unit.
    """
    with torch.no_grad():
        return evaluate_on(ImaginedGraph(model, start, objective), plans, max_states)


@dataclass
class _Belief:
    """Where all plans may be: one row per (plan, state, hours left, money left); column 0 of mass is the mean."""

    plan: np.ndarray
    state: np.ndarray
    hours: np.ndarray
    money: np.ndarray
    mass: np.ndarray  # (rows, 1 + h)

    def take(self, index: np.ndarray) -> _Belief:
        return _Belief(*(getattr(self, name)[index] for name in ("plan", "state", "hours", "money", "mass")))

    @staticmethod
    def cat(parts: Sequence[_Belief]) -> _Belief:
        names = ("plan", "state", "hours", "money", "mass")
        return _Belief(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def evaluate_on(graph: ImaginedGraph, plans: Sequence[Sequence[int]], max_states: int = 512) -> list[Candidate]:
    """Evaluate open plans on a graph that may already hold some of the imagination; see `evaluate`."""
    n = len(plans)
    _require_known(plans, graph.n_actions)
    if not n:
        return []
    length = max(len(plan) for plan in plans)
    table = np.full((n, length), -1, dtype=np.int64)
    for row, plan in enumerate(plans):
        table[row, : len(plan)] = list(plan)
    time, money = fine_grids(graph)
    belief = _Belief(np.arange(n), np.zeros(n, np.int64), np.full(n, time.top), np.full(n, money.top), np.ones((n, 1)))
    success, steps = np.zeros((n, 1)), np.zeros((n, length))
    totals = np.zeros((n, 4))  # hours, cost, risk, steps outside recorded experience
    if graph.goal[0] or graph.forbidden[0]:
        success += float(graph.goal[0])
        belief = belief.take(np.zeros(0, np.int64))
    for step in range(length):
        belief, executed = _split_by_turn(graph, belief, table[:, step])
        if len(executed.plan):
            pair = graph.pair_of[executed.state, table[executed.plan, step]]
            mass = executed.mass[:, 0]
            steps[:, step] = np.bincount(executed.plan, mass, n)
            pairs = graph.pairs
            spent = np.stack([pairs.hours[pair], pairs.cost[pair], pairs.disagreement[pair], pairs.outside[pair]], 1)
            for column in range(4):
                totals[:, column] += np.bincount(executed.plan, mass * spent[:, column], n)
            landed = _advance(graph, executed, pair, time, money)
            won = graph.goal[landed.state]
            success = _add_success(success, landed.take(won))
            belief = _merge(_Belief.cat([_widen(belief, landed), landed.take(~won)]), max_states)
        if not len(belief.plan):
            break
    if success.shape[1] == 1:
        success = np.repeat(success, 1 + graph.edges.heads.shape[1], 1)
    return [
        _candidate(graph.objective, tuple(plan), success[row], totals[row], steps[row, : len(plan)])
        for row, plan in enumerate(plans)
    ]


def _split_by_turn(graph: ImaginedGraph, belief: _Belief, actions: np.ndarray) -> tuple[_Belief, _Belief]:
    """Return the rows that skip this step, and those that execute it (imagining what is missing, in one call)."""
    turn = actions[belief.plan]
    ended = turn < 0
    belief, turn = belief.take(~ended), turn[~ended]
    graph.know(belief.state)
    legal = graph.legal[belief.state, turn]
    states, actions = np.divmod(np.unique(belief.state[legal] * graph.n_actions + turn[legal]), graph.n_actions)
    graph.expand(states, actions)
    imagined = legal & (graph.pair_of[belief.state, turn] != UNSEEN)  # the rest was beyond the allowance: it fails
    return belief.take(~legal), belief.take(imagined)


def _advance(graph: ImaginedGraph, belief: _Belief, pair: np.ndarray, time: Grid, money: Grid) -> _Belief:
    """Return where the rows land, without those that fail (forbidden, past a limit, case ended short of the goal)."""
    lines = spread(graph, pair, time, money)
    landed = _Belief(
        belief.plan[lines.row],
        lines.state,
        belief.hours[lines.row] - lines.hours,
        belief.money[lines.row] - lines.money,
        belief.mass[lines.row] * lines.weights,
    )
    return landed.take((landed.hours >= 0) & (landed.money >= 0) & (landed.mass.max(1, initial=0.0) > 0))


def _merge(belief: _Belief, max_states: int) -> _Belief:
    """Add equal rows up; keep each plan's `max_states` heaviest."""
    if not len(belief.plan):
        return belief
    columns = (belief.plan, belief.state, belief.hours, belief.money)
    order = np.lexsort(columns[::-1])
    fresh = np.ones(len(order), bool)
    fresh[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], 0)
    first = np.flatnonzero(fresh)
    merged = belief.take(order[first])
    merged.mass = np.add.reduceat(belief.mass[order], first)
    if np.bincount(merged.plan).max() <= max_states:
        return merged
    order = np.lexsort((-merged.mass[:, 0], merged.plan))
    first = np.searchsorted(merged.plan[order], merged.plan[order])
    return merged.take(order[np.arange(len(order)) - first < max_states])


def _widen(belief: _Belief, like: _Belief) -> _Belief:
    """Return the rows with as many mass columns as `like` has (before any step all heads agree)."""
    missing = like.mass.shape[1] - belief.mass.shape[1]
    if missing <= 0:
        return belief
    mass = np.repeat(belief.mass, missing + 1, 1)
    return _Belief(belief.plan, belief.state, belief.hours, belief.money, mass)


def _add_success(success: np.ndarray, won: _Belief) -> np.ndarray:
    if success.shape[1] < won.mass.shape[1]:
        success = np.repeat(success, won.mass.shape[1], 1)
    np.add.at(success, won.plan, won.mass)
    return success


def _candidate(
    objective: Objective, actions: tuple[int, ...], success: np.ndarray, totals: np.ndarray, steps: np.ndarray
) -> Candidate:
    probability = float(min(1.0, success[0]))
    hours, cost, risk, outside = (float(total) for total in totals)
    return Candidate(
        actions=actions,
        probability=probability,
        head_probabilities=tuple(float(min(1.0, p)) for p in success[1:]),
        duration=hours,
        cost=cost,
        utility=utility(
            objective, probability, hours=hours, cost=cost, steps=float(steps.sum()), risk=risk, outside=outside
        ),
        step_probabilities=tuple(float(p) for p in steps),
        outside=min(1.0, outside),
    )


def _require_known(plans: Sequence[Sequence[int]], n_actions: int) -> None:
    for row, plan in enumerate(plans):
        for action in plan:
            if not 0 <= int(action) < n_actions:
                raise InputError(f"plan {row} has action index {action}; the model has 0..{n_actions - 1}")
