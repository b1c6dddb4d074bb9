"""From a solved graph to the record of a search: main line, candidates, branches and the tree for pictures.

Knows the graph and the policy; must not know how they were found.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from wmagent.latent.protocols import Branch, Candidate, Latent, Search, SearchNode
from wmagent.planning.chain import SPENT, WON, Chain, follow
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.induction import STOP, Limits, Values, compile_layers, induct, limits_for
from wmagent.planning.objective import utility

LONGEST, NOTICEABLE, LARGEST_TREE, RIVAL_CELLS = 60, 0.02, 160, 16


def extract(graph: ImaginedGraph, values: Values, limits: Limits, planner: Any, began: float) -> Search:
    """Return the search record of a solved graph; `planner` is the dataclass of settings.

    Candidates behind the best: other first actions (`planner.alternatives` of them, mere reorderings left out) and
    the best that can be done without the main line's dearest step.
    """
    firsts = _first_pairs(graph, values, limits, planner.alternatives)
    chain = follow(graph, values, limits, firsts)
    lines = [_main_line(graph, chain, int(root)) for root in chain.roots]
    best, *others = _candidates(graph, chain, lines)
    if planner.alternatives and lines[0].nodes:
        others += _without_dearest(graph, chain, lines[0])
    rivals = {c.actions: c for c in others if c.probability > 0 and sorted(c.actions) != sorted(best.actions)}
    return Search(
        candidates=(best, *sorted(rivals.values(), key=lambda c: -c.utility)),
        states=all_states(graph),
        nodes=tree(graph, values, lines[0].states, best.actions),
        branches=_branches(graph, chain, lines[0]),
        main_line=tuple(int(s) for s in lines[0].states),
        imagined=graph.imagined,
        milliseconds=(time.perf_counter() - began) * 1e3,
        settings=dataclasses.asdict(planner),
    )


def all_states(graph: ImaginedGraph) -> Latent:
    """Return every distinct imagined state, row 0 the start."""
    return graph.latents(np.arange(len(graph)))


@dataclasses.dataclass(frozen=True)
class _Line:
    """A way through the chain: nodes with the action taken at each, the states visited, the chance of staying on it."""

    root: int
    nodes: list[int]
    states: list[int]
    reach: list[float]  # of each node


def _main_line(graph: ImaginedGraph, chain: Chain, root: int) -> _Line:
    """Follow the outcomes that most likely lead on to the goal, never into a state already on the line."""
    nodes, states, reach = [], [int(max(chain.state[root], 0))], [1.0]
    node, seen = int(root), {int(chain.state[root])}
    while len(nodes) < LONGEST and chain.pair[node] != STOP and node > WON + 1:
        nodes.append(node)
        span = chain.lines_of(node)
        merit = chain.weights[span, 0] * chain.value[chain.target[span]]
        merit = np.where([int(s) in seen for s in chain.arrival[span]], 0.0, merit)
        if not len(merit) or merit.max() <= 0:
            break
        line = span.start + int(merit.argmax())
        node = int(chain.target[line])
        same = chain.arrival[span] == chain.arrival[line]
        reach.append(reach[-1] * float(chain.weights[span, 0][same].sum()))
        states.append(int(chain.arrival[line]))
        seen.add(states[-1])
    return _Line(int(root), nodes, states, reach)


def _actions(graph: ImaginedGraph, chain: Chain, line: _Line) -> tuple[int, ...]:
    return tuple(int(graph.pairs.action[chain.pair[node]]) for node in line.nodes)


def _candidates(graph: ImaginedGraph, chain: Chain, lines: list[_Line]) -> list[Candidate]:
    """Return what each line's root is worth, with the line's actions."""
    ways = [_actions(graph, chain, line) for line in lines]
    distinct = np.array(sorted({action for way in ways for action in way}), dtype=np.int64)
    worth, chance = chain.worth(graph, distinct)
    return [
        _candidate(graph, way, worth[line.root], _step_probabilities(line, way, distinct, chance))
        for line, way in zip(lines, ways, strict=True)
    ]


def _without_dearest(graph: ImaginedGraph, chain: Chain, line: _Line) -> list[Candidate]:
    """Return the best course that never takes the line's dearest action, solved on a coarse grid of the limits."""
    pairs, taken = graph.pairs, chain.pair[line.nodes]
    dearest = pairs.action[taken[np.lexsort((-pairs.hours[taken], -pairs.cost[taken]))[0]]]
    limits = limits_for(graph, RIVAL_CELLS, RIVAL_CELLS)
    blank = np.zeros((len(graph), limits.width))
    layers = compile_layers(graph, limits, pairs.action == dearest)
    values = induct(graph, limits, blank, layers=layers, tolerance=1e-4)
    other = follow(graph, values, limits)
    return _candidates(graph, other, [_main_line(graph, other, int(other.roots[0]))])


def _candidate(
    graph: ImaginedGraph, actions: tuple[int, ...], worth: np.ndarray, steps: tuple[float, ...]
) -> Candidate:
    won = bool(graph.goal[0])
    probability, *heads = (1.0 if won else float(min(1.0, p)) for p in worth[:-SPENT])
    hours, cost, number, risk, outside = (float(column) for column in worth[-SPENT:])
    return Candidate(
        actions=actions,
        probability=probability,
        head_probabilities=tuple(heads),
        duration=hours,
        cost=cost,
        utility=utility(graph.objective, probability, hours=hours, cost=cost, steps=number, risk=risk, outside=outside),
        step_probabilities=steps,
        outside=min(1.0, outside),
    )


def _step_probabilities(
    line: _Line, actions: tuple[int, ...], distinct: np.ndarray, chance: np.ndarray
) -> tuple[float, ...]:
    """Return how likely each step is to be executed at all; a repeated action counts along the line only."""
    columns = np.searchsorted(distinct, actions)
    return tuple(
        float(min(1.0, chance[line.root, columns[step]])) if actions.index(action) == step else line.reach[step]
        for step, action in enumerate(actions)
    )


def _branches(graph: ImaginedGraph, chain: Chain, line: _Line) -> tuple[Branch, ...]:
    """Return the deviations from the main line that are likely enough to notice, likeliest first."""
    found: list[Branch] = []
    for step, node in enumerate(line.nodes):
        span = chain.lines_of(node)
        expected = line.states[step + 1] if step + 1 < len(line.states) else -1
        for state in np.unique(chain.arrival[span]):
            here = span.start + np.nonzero(chain.arrival[span] == state)[0]
            probability = line.reach[step] * float(chain.weights[here, 0].sum())
            if state == expected or probability < NOTICEABLE or graph.goal[state]:
                continue
            target = int(chain.target[here[chain.weights[here, 0].argmax()]])
            way = _main_line(graph, chain, target) if target > 1 else _Line(target, [], [], [])
            found.append(Branch(step, int(state), probability, _actions(graph, chain, way)))
    return tuple(sorted(found, key=lambda branch: -branch.probability))


def _first_pairs(graph: ImaginedGraph, values: Values, limits: Limits, count: int) -> tuple[int, ...]:
    """Return the `count` best other imagined first actions, as pairs."""
    mine = np.nonzero(graph.pairs.state == 0)[0]
    chosen = values.choice[0, limits.width - 1]
    edges = graph.edges
    worth = []
    for pair in mine:
        if pair == chosen or graph.pairs.useless[pair]:
            continue
        span = slice(int(graph.pairs.first_edge[pair]), int(graph.pairs.first_edge[pair] + graph.pairs.n_edges[pair]))
        left = (
            limits.width - 1
            if not limits.time.top
            else max(0, limits.width - 1 - int(graph.pairs.hours[pair] / limits.time.unit) * limits.row)
        )
        worth.append((-float(edges.prob[span] @ values.value[edges.next[span], left]), int(pair)))
    return tuple(pair for value, pair in sorted(worth)[:count] if value < 0)


def tree(
    graph: ImaginedGraph, values: Values, line: Sequence[int], actions: Sequence[int] = ()
) -> tuple[SearchNode, ...]:
    """Return the likeliest part of what was imagined as a tree: the main line by its own steps, every other state under
    the edge that first led to it. Parents come before their children."""
    edges, n = graph.edges, len(graph)
    parent_edge, parent = _parents(graph, line, actions)
    order = _downwards(parent)
    reach, visits = np.zeros(n), np.ones(n, dtype=np.int64)
    reach[0] = 1.0
    for state in order[1:]:
        reach[state] = reach[parent[state]] * edges.prob[parent_edge[state]]
    np.add.at(visits, graph.pairs.state, 1)
    value = values.value.max(1)
    on_line = set(line)
    score = reach * (0.05 + value) + np.isin(np.arange(n), list(line)) * 2
    kept = {0}
    reachable = np.sort(order)
    for state in reachable[np.argsort(-score[reachable], kind="stable")]:
        way = []
        here = int(state)
        while here not in kept:
            way.append(here)
            here = int(parent[here])
        if len(kept) + len(way) > LARGEST_TREE:
            break
        kept.update(way)
    rows = [state for state in order if state in kept]
    place = {state: i for i, state in enumerate(rows)}
    nodes = []
    for state in rows:
        edge = int(parent_edge[state])
        nodes.append(
            SearchNode(
                parent=place[int(parent[state])] if edge >= 0 else -1,
                state=state,
                action=int(graph.pairs.action[edges.pair[edge]]) if edge >= 0 else -1,
                probability=float(edges.prob[edge]) if edge >= 0 else 1.0,
                reach=float(reach[state]),
                value=float(value[state]),
                visits=int(visits[state]),
                goal=bool(graph.goal[state]),
                chosen=state in on_line,
            )
        )
    return tuple(nodes)


def _parents(graph: ImaginedGraph, line: Sequence[int], actions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the edge above every state and the state above it, -1 at the start and where nothing led to it."""
    edges, pairs = graph.edges, graph.pairs
    above = graph.parent.copy()
    seen = {0}
    for here, there, action in zip(line, line[1:], actions, strict=False):
        pair = int(graph.pair_of[here, action])
        if there in seen:
            continue
        first = 0 if pair == UNSEEN else int(pairs.first_edge[pair])
        span = np.arange(first, first + (0 if pair == UNSEEN else int(pairs.n_edges[pair])))
        leads = span[edges.next[span] == there]
        if not len(leads):
            break  # from here on the line is not what was imagined; going on could close a circle
        seen.add(there)
        above[there] = leads[edges.prob[leads].argmax()]
    parent = np.full(len(above), -1)
    parent[above >= 0] = pairs.state[edges.pair[above[above >= 0]]]
    return above, parent


def _downwards(parent: np.ndarray) -> list[int]:
    """Return the states below the start, layer by layer."""
    children: dict[int, list[int]] = {}
    for state, above in enumerate(parent.tolist()):
        children.setdefault(above, []).append(state)
    order = [0]
    for state in order:
        order.extend(children.get(state, ()))
    return order
