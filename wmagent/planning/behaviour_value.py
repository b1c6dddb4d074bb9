"""The worth of doing one action and then going on as recorded behaviour does, from many states at once.
Knows the imagined graph and the limits' grids; must not know any search for something better."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from wmagent.domain.types import Goal
from wmagent.errors import InputError
from wmagent.latent.protocols import Dynamics, Latent
from wmagent.planning.graph import UNSEEN, ImaginedGraph
from wmagent.planning.objective import objective_for
from wmagent.planning.spread import Lines, fine_grids, spread

LEAST = 5e-4  # states reached with less probability than this are left out, and the others count for them
ROUNDS, SWEEPS, TOLERANCE = 200, 2_000, 1e-7
MOST = 40_000  # imagined transitions per question
FOLLOWED = 0.5  # share of behaviour that must have been imagined in a state for it to stand for all


@dataclass
class Followed:
    """What was found out about following behaviour towards one goal: the imagined graph, the solved values of its
    states and how large it was then, and the answers by start and first action, with the `least` they were asked with.
    """

    graph: ImaginedGraph
    value: np.ndarray | None = None
    solved: tuple[int, ...] = ()
    answers: dict[tuple[int, int | None], tuple[float, float]] = field(default_factory=dict)


def imagined_behaviour_value(
    model: Dynamics,
    latents: Latent,
    first_action: int | None,
    goal: Goal,
    least: float = LEAST,
    followed: Followed | None = None,
) -> np.ndarray:
    """Return (b,) P(goal within its deadline) from b states: `first_action` first (None: none), then what the model's
    behaviour head does, restricted to legal actions, for as long as the case lasts.

    Equal imagined states are merged. States reached with a probability below `least` are not followed; what leads to
    the others stands for them. Where the first action is not legal the value is NaN. What was found for one question
    about a goal serves the next if it is asked with the same `followed` (from `following`), and no answer is found
    twice. InputError for a cost limit.
    """
    followed = following(model, latents, goal) if followed is None else followed
    graph, answers = followed.graph, followed.answers
    with torch.no_grad():
        starts = graph.enter(latents)
        asked = [start for start in np.unique(starts).tolist() if _least(answers, start, first_action) > least]
        if asked:
            graph.allowance = graph.imagined + MOST
            _explore(graph, np.array(asked), first_action, least)
            size = len(graph), int(graph.known.sum()), len(graph.pairs.state)
            if followed.value is None or followed.solved != size:
                followed.value, followed.solved = _solve(graph, followed.value), size
            found = _first(graph, followed.value, np.array(asked), first_action)
            answers |= {(start, first_action): (least, worth) for start, worth in zip(asked, found, strict=True)}
    return np.array([answers[start, first_action][1] for start in starts.tolist()])


def _least(answers: dict[tuple[int, int | None], tuple[float, float]], start: int, action: int | None) -> float:
    return answers.get((start, action), (math.inf, 0.0))[0]


def following(model: Dynamics, latents: Latent, goal: Goal) -> Followed:
    """Return an empty collection for questions about a goal, to be asked from states like `latents` (at least one)."""
    if goal.max_cost is not None:
        raise InputError("recorded behaviour is followed without a cost limit; ask for the goal without max_cost")
    return Followed(ImaginedGraph(model, latents.take(torch.tensor([0])), objective_for(goal)))


def _explore(graph: ImaginedGraph, starts: np.ndarray, first_action: int | None, least: float) -> None:
    """Imagine what behaviour reaches with at least `least`, pushing each state's new probability on in rounds."""
    distinct = np.unique(starts)
    graph.know(distinct)
    waiting = np.zeros(len(graph))
    if first_action is None:
        waiting[distinct] = 1.0
    else:
        allowed = distinct[graph.legal[distinct, first_action]]
        graph.expand(allowed, np.full(len(allowed), first_action))
        pair = graph.pair_of[allowed, first_action]
        waiting = _pushed(graph, pair[pair != UNSEEN], np.ones(int((pair != UNSEEN).sum())), waiting)
    for _ in range(ROUNDS):
        active = np.nonzero((waiting >= least) & ~graph.goal & ~graph.forbidden)[0]
        if not len(active):
            return
        graph.know(active)
        share = graph.prior[active]
        row, action = np.nonzero(waiting[active][:, None] * share >= least)
        graph.expand(active[row], action)
        mass = waiting[active][row] * share[row, action]
        pair = graph.pair_of[active[row], action]
        seen = pair != UNSEEN
        waiting[active] = 0.0
        waiting = _pushed(graph, pair[seen], mass[seen], waiting)


def _pushed(graph: ImaginedGraph, pair: np.ndarray, mass: np.ndarray, waiting: np.ndarray) -> np.ndarray:
    """Return the waiting probability with that of the pairs moved to where they lead."""
    edges, pairs = graph.edges, graph.pairs
    count = pairs.n_edges[pair]
    edge = np.repeat(pairs.first_edge[pair] - np.cumsum(count) + count, count) + np.arange(count.sum())
    moved = np.repeat(mass, count) * edges.prob[edge] * (1 - edges.done[edge])
    grown = np.concatenate([waiting, np.zeros(len(graph) - len(waiting))])
    return grown + np.bincount(edges.next[edge], moved, len(graph))


def _solve(graph: ImaginedGraph, before: np.ndarray | None = None) -> np.ndarray:
    """Return (s, cells) P(goal) of following behaviour from every state with so many cells of time left; NaN where
    nothing was imagined. What was solved `before` is where the sweeps begin."""
    time, money = fine_grids(graph)
    pairs = np.arange(len(graph.pairs.state))
    lines = spread(graph, pairs, time, money)
    origin = graph.pairs.state[lines.row]
    share = graph.prior[graph.pairs.state, graph.pairs.action]
    total = np.bincount(graph.pairs.state, share, len(graph))
    followed = (total >= FOLLOWED) | (graph.known & ~graph.legal.any(1))  # where nothing can be done the case ends
    weight = lines.weights[:, 0] * share[lines.row]
    ends = ~followed & ~graph.goal & ~graph.forbidden  # not imagined any further
    known = ~ends[lines.state]
    lost = np.bincount(origin[~known], weight[~known], len(graph))
    scale = 1 / np.maximum(total - lost, 1e-12)
    value = np.zeros((len(graph), time.cells))
    if before is not None:
        value[: len(before)] = np.nan_to_num(before)
    value[graph.goal] = 1.0
    order = lines.hours == 0
    for cell in range(time.cells):
        later = known & ~order & (lines.hours <= cell)
        fixed = np.bincount(
            origin[later], weight[later] * value[lines.state[later], cell - lines.hours[later]], len(graph)
        )
        now = known & order
        for _ in range(SWEEPS):
            moving = np.bincount(origin[now], weight[now] * value[lines.state[now], cell], len(graph))
            new = np.where(graph.goal, 1.0, np.where(followed, (fixed + moving) * scale, 0.0))
            change = np.abs(new - value[:, cell]).max()
            value[:, cell] = new
            if change < TOLERANCE:
                break
    value[ends] = np.nan
    return value


def _first(graph: ImaginedGraph, value: np.ndarray, starts: np.ndarray, first_action: int | None) -> np.ndarray:
    """Return (b,) the worth of the first action at the starts."""
    top = value.shape[1] - 1
    settled = graph.goal | graph.forbidden
    if first_action is None:
        return value[starts, top]
    time, money = fine_grids(graph)
    pair = graph.pair_of[starts, first_action]
    found = np.where(pair == UNSEEN, np.nan, 0.0)
    rows = np.nonzero(pair != UNSEEN)[0]
    lines: Lines = spread(graph, pair[rows], time, money)
    reached = np.where(lines.hours <= top, value[lines.state, np.maximum(top - lines.hours, 0)], 0.0)
    weight, known = lines.weights[:, 0], ~np.isnan(reached)
    worth = np.bincount(lines.row[known], (weight * np.nan_to_num(reached))[known], len(rows))
    lost = np.bincount(lines.row[~known], weight[~known], len(rows))
    found[rows] = worth / np.maximum(1 - lost, 1e-12)
    return np.where(settled[starts], graph.goal[starts].astype(float), found)
