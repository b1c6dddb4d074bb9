"""Following a way to its end: P(goal), and how its hours and money are distributed, from beliefs on a grid.
Knows the graph, ways and grids; must not know which way is a good one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.grid import Grid, cost_grid, time_grid
from wmagent.planning.spread import COST_CELLS, TIME_CELLS, spread
from wmagent.planning.ways import SKIP, Belief, Clock, FixedCourse, Rules, Turn, Way

FREE_DIGITS = 3  # of money that are kept apart where there is no budget
NEGLIGIBLE = 1e-9  # rows less likely than this are not followed
FAINT, SETTLED = 1e-6, 1e-4  # the same where behaviour branches at every step, and what may be left when it ends
MOST_ROWS = 20_000  # of a belief; beyond it the least likely count as failures


@dataclass(frozen=True)
class Foreseen:
    """What following a way leads to.

    `probability` is P(goal within limits), `heads` (h,) the same under each head; `hours`, `money` and `mass` (w,)
    are the ways to the goal: after how long, at what cost, how likely (infinite where beyond the clock). `duration`,
    `cost` and `steps` are expectations over all that happens; `chances` the P(each action was done at least once as
    the step at its place) for fixed courses; `unfinished` is what was still under way when following it ended;
    `outside` are the expected steps, at most 1, that no recorded experience supports.
    """

    probability: float
    heads: tuple[float, ...]
    hours: np.ndarray
    money: np.ndarray
    mass: np.ndarray
    duration: float
    cost: float
    steps: float
    chances: tuple[float, ...]
    unfinished: float
    outside: float = 0.0

    def by(self, hours: float) -> float:
        """Return P(goal within so many hours)."""
        return float(self.mass[self.hours <= hours * (1 + 1e-9) + 1e-9].sum())

    def hours_for(self, share: float) -> float | None:
        """Return the hours within which this share of the successes comes; None where there is none that soon."""
        return _quantile(self.hours, self.mass, share)

    def cost_for(self, share: float) -> float | None:
        """Return the cost at which this share of the successes comes."""
        return _quantile(self.money, self.mass, share)


def clock_for(
    graph: ImaginedGraph, hours: float, money: float, waits: tuple[float, ...] = (), since: float = 0.0
) -> Clock:
    """Return the clock for an objective; without limits it counts up to `hours` and `money`."""
    objective = graph.objective
    amounts = np.append(graph.durations, waits)
    time = time_grid(amounts, hours if objective.deadline is None else objective.deadline, TIME_CELLS)
    budget = objective.max_cost is not None
    cost = cost_grid(objective.max_cost, COST_CELLS) if budget else _decimal(money)
    return Clock(time, cost, objective.deadline is not None, budget, since)


def _decimal(most: float) -> Grid:
    """Return a grid of money in a power of ten, so that round amounts stay round."""
    unit = 10.0 ** (math.floor(math.log10(max(most, 1e-6))) + 1 - FREE_DIGITS)
    return Grid(math.ceil(most / unit), unit, False)


def foresee(graph: ImaginedGraph, way: Way, clock: Clock) -> Foreseen:
    """Follow a way from the graph's start; exact as long as durations and waits share a unit and all rows are kept."""
    with torch.no_grad():
        return _foresee(graph, way, clock)


def _foresee(graph: ImaginedGraph, way: Way, clock: Clock) -> Foreseen:
    belief, totals = Belief.start(), np.zeros(4)  # hours, cost, steps, steps outside recorded experience
    fixed = isinstance(way, FixedCourse)
    chances = np.zeros(way.longest if fixed else 0)
    won = [belief.take(np.nonzero(graph.goal[belief.state])[0])]
    if graph.goal[0] or graph.forbidden[0]:
        belief = belief.take(np.zeros(0, dtype=np.int64))
    for _ in range(way.longest):
        if not len(belief.state) or (not fixed and belief.mass[:, 0].sum() < SETTLED):
            break
        left, acting, action, rule, waited = _take_turns(graph, way, belief, clock)
        totals[0] += waited
        if not len(acting.state):
            belief = left
            continue
        distinct = np.unique(np.stack([acting.state, action], 1), axis=0)
        graph.expand(distinct[:, 0], distinct[:, 1])
        pair, mean = graph.pair_of[acting.state, action], acting.mass[:, 0]
        pairs = graph.pairs
        totals += mean @ np.stack([pairs.hours[pair], pairs.cost[pair], np.ones(len(pair)), pairs.outside[pair]], 1)
        if len(chances):
            chances += np.bincount(acting.place - 1, mean, len(chances))
        landed = _land(graph, way, acting, pair, rule, clock)
        reached = graph.goal[landed.state]
        won.append(landed.take(reached))
        rest = landed.take(~reached)
        belief = _merge(Belief.cat([left, rest]) if len(left.state) else rest)
    return _foreseen(won, belief, totals, chances, clock, way)


def _take_turns(
    graph: ImaginedGraph, way: Way, belief: Belief, clock: Clock
) -> tuple[Belief, Belief, np.ndarray, np.ndarray, float]:
    """Return the rows that leave their step out, those that act with action and rule, and the hours waited for it."""
    turn = way.turn(graph, belief, clock)
    moved = belief.take(turn.row)
    moved = replace(moved, place=turn.place, mass=moved.mass * turn.weight[:, None])
    act = turn.action != SKIP
    acting, action, rule, wait = moved.take(act), turn.action[act], turn.rule[act], turn.wait[act]
    hours = float(acting.mass[:, 0] @ wait)
    if hours:
        low, high, share = clock.time.shifts(wait)
        late = replace(acting, elapsed=acting.elapsed + high, mass=acting.mass * share[:, None])
        soon = replace(acting, elapsed=acting.elapsed + low, mass=acting.mass * (1 - share)[:, None])
        acting, action, rule = Belief.cat([soon, late]), np.tile(action, 2), np.tile(rule, 2)
        kept = acting.mass.max(1, initial=0.0) > 0
        if clock.deadline:
            kept &= acting.elapsed <= clock.time.top
        acting, action, rule = acting.take(kept), action[kept], rule[kept]
    return moved.take(~act), acting, action, rule, hours


def _land(graph: ImaginedGraph, way: Way, belief: Belief, pair: np.ndarray, rule: np.ndarray, clock: Clock) -> Belief:
    """Return where the rows land, without those that fail: forbidden, past a limit, case ended short of the goal."""
    lines = spread(graph, pair, clock.time, clock.money)
    before = belief.take(lines.row)
    stays = lines.state == before.state
    elapsed, spent = before.elapsed + lines.hours, before.spent + lines.money
    applied = rule[lines.row]
    mute = np.where(applied >= 0, 1 << np.maximum(applied, 0), 0)
    counts = isinstance(way, Rules) and way.waits
    top = clock.time.top + 1
    landed = Belief(
        state=lines.state,
        place=before.place,
        elapsed=np.minimum(elapsed, top),
        waited=np.minimum(np.where(stays & counts, before.waited + lines.hours, 0), top),
        spent=np.minimum(spent, clock.money.top + 1),
        muted=np.where(stays, before.muted | mute, 0),
        mass=before.mass * lines.weights,
    )
    kept = landed.mass.max(1, initial=0.0) > (NEGLIGIBLE if isinstance(way, FixedCourse) else FAINT)
    if clock.deadline:
        kept &= elapsed <= clock.time.top
    if clock.budget:
        kept &= spent <= clock.money.top
    return landed.take(kept)


def _merge(belief: Belief) -> Belief:
    """Add equal rows up and keep the heaviest."""
    if not len(belief.state):
        return belief
    columns, back = np.unique(belief.columns, axis=0, return_inverse=True)
    mass = np.zeros((len(columns), belief.mass.shape[1]))
    np.add.at(mass, back.ravel(), belief.mass)
    merged = Belief.of(columns, mass)
    if len(columns) <= MOST_ROWS:
        return merged
    return merged.take(np.sort(np.argsort(-mass[:, 0], kind="stable")[:MOST_ROWS]))


def _foreseen(
    won: list[Belief], belief: Belief, totals: np.ndarray, chances: np.ndarray, clock: Clock, way: Way
) -> Foreseen:
    width = max(part.mass.shape[1] for part in won)
    won = [part for part in won if len(part.state)]
    success = np.sum([part.mass.sum(0) * np.ones(width) for part in won], 0) if won else np.zeros(width)
    elapsed, spent, mass = (
        np.concatenate([getattr(part, name) if name != "mass" else part.mass[:, 0] for part in won] or [np.zeros(0)])
        for name in ("elapsed", "spent", "mass")
    )
    open_ended = 0.0 if isinstance(way, FixedCourse) else float(belief.mass[:, 0].sum())
    return Foreseen(
        probability=float(min(1.0, success[0])),
        heads=tuple(float(min(1.0, p)) for p in success[1:]),
        hours=_amounts(elapsed, clock.time.unit, clock.time.top),
        money=_amounts(spent, clock.money.unit, clock.money.top),
        mass=mass,
        duration=float(totals[0]),
        cost=float(totals[1]),
        steps=float(totals[2]),
        chances=tuple(float(min(1.0, chance)) for chance in chances),
        unfinished=open_ended,
        outside=float(min(1.0, totals[3])),
    )


def _amounts(cells: np.ndarray, unit: float, top: int) -> np.ndarray:
    return np.where(cells > top, np.inf, cells * unit)


def _quantile(amounts: np.ndarray, mass: np.ndarray, share: float) -> float | None:
    """Return the smallest amount up to which `share` of the mass lies."""
    if mass.sum() <= NEGLIGIBLE:
        return None
    order = np.argsort(amounts, kind="stable")
    reached = np.cumsum(mass[order]) >= share * mass.sum() - 1e-9
    found = float(amounts[order][reached.argmax()])
    return found if np.isfinite(found) else None


@dataclass(frozen=True)
class Line:
    """The likeliest way through: states (one more than actions) with P(reaching each step along it)."""

    states: tuple[int, ...]
    actions: tuple[int, ...]
    reach: tuple[float, ...]


def likeliest(graph: ImaginedGraph, way: Way, clock: Clock) -> Line:
    """Return the likeliest outcome of every step of a way, until it ends at the goal or a forbidden fact."""
    states, actions, reach, chance = [0], [], [], 1.0
    belief = Belief.start()
    for _ in range(way.longest):
        if graph.goal[states[-1]] or graph.forbidden[states[-1]]:
            break
        turn = way.turn(graph, belief, clock)
        if not len(turn.row):
            break
        first = int(turn.weight.argmax())
        belief = replace(belief, place=turn.place[first : first + 1])
        if turn.action[first] == SKIP:
            continue
        here, action = np.array([states[-1]]), turn.action[first : first + 1]
        with torch.no_grad():
            graph.expand(here, action)
        pair = int(graph.pair_of[here, action][0])
        span = slice(int(graph.pairs.first_edge[pair]), int(graph.pairs.first_edge[pair] + graph.pairs.n_edges[pair]))
        edge = span.start + int(graph.edges.prob[span].argmax())
        actions.append(int(action[0]))
        reach.append(chance)
        chance *= float(graph.edges.prob[edge])
        states.append(int(graph.edges.next[edge]))
        belief = _passed(graph, belief, turn, first, pair, states[-1], clock)
    return Line(tuple(states), tuple(actions), tuple(reach))


def _passed(graph: ImaginedGraph, belief: Belief, turn: Turn, line: int, pair: int, state: int, clock: Clock) -> Belief:
    """Return the one-row belief after a step of the likeliest line, with expected hours and cost spent."""
    hours = float(graph.pairs.hours[pair]) + float(turn.wait[line])
    cells = round(hours / clock.time.unit) if np.isfinite(clock.time.unit) else 0
    stays = state == belief.state[0]
    muted = int(belief.muted[0]) | (1 << int(turn.rule[line]) if turn.rule[line] >= 0 else 0)
    return replace(
        belief,
        state=np.array([state]),
        elapsed=belief.elapsed + cells,
        waited=belief.waited + cells if stays else np.zeros(1, dtype=np.int64),
        muted=np.array([muted if stays else 0]),
    )
