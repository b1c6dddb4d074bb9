"""Goals with little time: the shortest deadline that still leaves the optimal policy most of its chance.
Knows the exact oracle; generous deadlines let almost any behaviour succeed and separate nothing."""

from __future__ import annotations

from dataclasses import replace

from wmagent.domain.types import Facts, Goal
from wmagent.domain.world import Oracle


def tightened(oracle: Oracle, start: Facts, goal: Goal, keep: float = 0.8, step: float = 4.0) -> Goal | None:
    """Return the goal with the shortest deadline (a multiple of `step` hours) at which the optimal policy keeps at
    least `keep` of the success it has without a deadline; None where the goal is out of reach from this start.

    The deadline replaces the goal's own only where it is shorter. The words say it, so that results can be told
    apart.
    """
    best = oracle.optimal(start, replace(goal, deadline=None)).probability
    if best <= 0.0:
        return None
    low, high = 0, 1
    while oracle.optimal(start, replace(goal, deadline=high * step)).probability < keep * best:
        low, high = high, 2 * high
        if high * step > 100_000:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        reached = oracle.optimal(start, replace(goal, deadline=middle * step)).probability >= keep * best
        low, high = (low, middle) if reached else (middle, high)
    if goal.deadline is not None and goal.deadline <= high * step:
        return goal
    return replace(goal, deadline=high * step, words=f"{goal.words}, tight: {high * step:g} hours")
