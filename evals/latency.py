"""How long an agent takes to plan: warm, no language model, a given number of threads.
Knows agents by their public `plan`; its numbers depend on the machine and on what else runs there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from wmagent.domain.types import Facts, Goal
from wmagent.evals.measure import quantile


def plan_latency(
    agent: Any, cases: Sequence[tuple[Facts, Goal]], threads: int = 2, warm_up: int = 3
) -> dict[str, object]:
    """Return the milliseconds of `agent.plan(goal, state)` over the cases (p50, p95, mean) after `warm_up` plans.

    torch uses `threads` threads meanwhile. `imagined` is the median number of imagined transitions per plan.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for start, goal in cases[:warm_up]:
            agent.plan(goal, start)
        spent, imagined = [], []
        for start, goal in cases:
            began = time.perf_counter()
            plan = agent.plan(goal, start)
            spent.append((time.perf_counter() - began) * 1000)
            imagined.append(float(plan.imagined))
    finally:
        torch.set_num_threads(before)
    return {
        "n": len(spent),
        "threads": threads,
        "p50_ms": round(quantile(spent, 0.5), 2),
        "p95_ms": round(quantile(spent, 0.95), 2),
        "mean_ms": round(sum(spent) / len(spent), 2),
        "imagined": quantile(imagined, 0.5),
    }
