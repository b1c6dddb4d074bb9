"""The record of a search over open plans: candidates ranked, the likeliest way along the best one, the tree.

Knows the graph and evaluated candidates; must not know how the plans were proposed.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from wmagent.latent.protocols import Branch, Candidate, Search
from wmagent.planning.extract import NOTICEABLE, all_states, tree
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import induct, limits_for
from wmagent.planning.open_plans import evaluate_on

TREE_CELLS = 16


def trimmed(candidate: Candidate) -> tuple[int, ...]:
    """Return the plan's actions without those that are never executed."""
    chances = zip(candidate.actions, candidate.step_probabilities, strict=True)
    return tuple(action for action, chance in chances if chance > 1e-9)


def record(graph: ImaginedGraph, plans: Sequence[Sequence[int]], planner: Any, began: float) -> Search:
    """Evaluate the plans (the empty one is always among them), rank them and return the search's record."""
    distinct = list(dict.fromkeys([(), *map(tuple, plans)]))
    short = [trimmed(candidate) for candidate in evaluate_on(graph, distinct)]
    ranked = sorted(evaluate_on(graph, list(dict.fromkeys(short))), key=lambda c: (-c.utility, len(c.actions)))
    line, branches = _line(graph, ranked[0].actions)
    limits = limits_for(graph, TREE_CELLS)
    values = induct(graph, limits, np.zeros((len(graph), limits.width)))
    return Search(
        candidates=tuple(ranked[: 1 + planner.alternatives]),
        states=all_states(graph),
        nodes=tree(graph, values, line, ranked[0].actions),
        branches=branches,
        main_line=line,
        imagined=graph.imagined,
        milliseconds=(time.perf_counter() - began) * 1e3,
        settings=dataclasses.asdict(planner),
    )


def _line(graph: ImaginedGraph, actions: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[Branch, ...]]:
    """Follow the likeliest outcome of every step; whatever else is likely enough is a branch with the same rest."""
    states, branches, reach = [0], [], 1.0
    edges, pairs = graph.edges, graph.pairs
    for step, action in enumerate(actions):
        here = states[-1]
        pair = int(graph.pair_of[here, action])
        if pair == UNSEEN or graph.goal[here] or graph.forbidden[here]:
            states.append(here)
            continue
        span = slice(int(pairs.first_edge[pair]), int(pairs.first_edge[pair] + pairs.n_edges[pair]))
        following, back = np.unique(edges.next[span], return_inverse=True)
        prob = np.bincount(back, edges.prob[span])
        best = int(prob.argmax())
        for row in np.argsort(-prob, kind="stable"):
            if row != best and reach * prob[row] >= NOTICEABLE and not graph.goal[following[row]]:
                branches.append(Branch(step, int(following[row]), float(reach * prob[row]), actions[step + 1 :]))
        states.append(int(following[best]))
        reach *= float(prob[best])
    return tuple(states), tuple(sorted(branches, key=lambda branch: -branch.probability))
