"""Learning to act inside the imagined world: what such an agent is worth in the true one, beside one trained there.
Knows worlds, models and controls by their public names; the agent is tabular Q-learning over the coded facts."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.agent.imagined import ImaginedWorld
from wmagent.domain.types import Action, Facts, Goal
from wmagent.domain.world import World
from wmagent.errors import InputError
from wmagent.evals.closed_loop import policy_worth, random_worth
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap_weights
from wmagent.evals.tight import tightened
from wmagent.model.controls import Controlled
from wmagent.worlds.environment import WorldEnv

log = logging.getLogger(__name__)

Values = dict[tuple[int, ...], np.ndarray]  # observation -> worth of every action
ARMS = ("imagined", "true", "shuffled", "random", "optimal")


@dataclass(frozen=True)
class Settings:
    """How much is learned and asked. Every agent trains for `steps` steps per (start, goal), from that start.

    Q-learning: explores with `explore`, falling to a tenth of it; a pair's learning rate is visits ** -`forget`.
    """

    world: str = "contract-approval"
    transitions: int = 20_000
    preset: str = "small"
    text: str = "auto"
    starts: int = 2
    steps: int = 30_000
    max_steps: int = 60
    explore: float = 0.5
    forget: float = 0.7
    tight: bool = True  # goals with the least time: with much of it any behaviour succeeds


def run(
    seeds: Sequence[int] = (0, 1, 2),
    settings: Settings | None = None,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, object]:
    """Return the exact worth, in the true world, of agents trained in different places; one JSON-ready object.

    Arms: trained in the imagined world, in the true one for as many steps, inside shuffled predictions (the control),
    random (the floor, sampled), and the optimal policy (the ceiling). `relative` divides by the optimum; `interval`
    is its bootstrap 95 % over (seed, start, goal). `models` keeps learned models (see `learned`).
    """
    settings, say = settings or Settings(), progress or log.info
    rows = [row for seed in seeds for row in _round(settings, seed, models, say)]
    if not rows:
        raise InputError(f"no goal of {settings.world} can be reached from the drawn starts; give more starts")
    return {
        "eval": "inside",
        "settings": settings.__dict__,
        "seeds": list(seeds),
        "summary": {arm: _summary(rows, arm) for arm in ARMS},
        "rows": rows,
        "versions": versions(),
    }


def _round(settings: Settings, seed: int, models: Path | None, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return one row per (start, goal) of one seed, with the worth of every arm."""
    import wmagent.worlds as worlds

    world = worlds.load(settings.world)
    oracle = world.oracle()
    model, _ = learned(
        settings.world,
        worlds.experience(world, transitions=settings.transitions, seed=seed),
        seed,
        settings.preset,
        settings.text,
        models,
    )
    shuffled = Controlled(model, "shuffled", seed)
    rows = []
    for start, goal in _cases(settings, seed, world, oracle):
        places: dict[str, World[Facts]] = {
            "imagined": ImaginedWorld(model, (start,)),
            "true": world,
            "shuffled": ImaginedWorld(model, (start,), dynamics=shuffled),
        }
        row: dict[str, Any] = {"seed": seed, "goal": goal.words}
        for name, place in places.items():
            began = time.perf_counter()
            same = {"domains": world.domains, "actions": world.actions}
            env = WorldEnv(place, goal, max_steps=settings.max_steps, **same)
            policy = Greedy(q_learning(env, start, settings, seed), WorldEnv(world, goal, **same))
            row[name] = policy_worth(oracle, start, policy, goal).probability
            say(f"seed {seed}: {goal.words}: {name} {row[name]:.3f} in {time.perf_counter() - began:.0f} s")
        row["random"] = random_worth(world, start, goal, seed)
        row["optimal"] = oracle.optimal(start, goal).probability
        rows.append(row)
    return rows


def _cases(settings: Settings, seed: int, world: Any, oracle: Any) -> list[tuple[Facts, Goal]]:
    starts = [world.initial(90_000 + 1_000 * seed + number) for number in range(settings.starts)]
    asked = [(start, replace(goal, max_cost=None)) for start in starts for goal in world.goals()]
    if settings.tight:
        asked = [(start, tightened(oracle, start, goal)) for start, goal in asked]
    open_ = [(start, goal) for start, goal in asked if goal is not None and not goal.reached(start)]
    return [(start, goal) for start, goal in open_ if oracle.optimal(start, goal).probability > 0]


def q_learning(env: WorldEnv, start: Facts, settings: Settings, seed: int) -> Values:
    """Return the worth of every action per observation after `settings.steps` steps from `start`; seeded.

    Only allowed actions are tried and count; truncated episodes are valued as if they went on.
    """
    draw = np.random.default_rng(seed)
    count = len(env.actions)
    values: Values = defaultdict(lambda: np.zeros(count))
    visits: dict[tuple[int, ...], np.ndarray] = defaultdict(lambda: np.zeros(count, dtype=np.int64))
    begin = {"facts": start}
    observation, info = env.reset(seed=seed, options=begin)
    for number in range(settings.steps):
        here, allowed = tuple(observation.tolist()), np.flatnonzero(info["action_mask"])
        if not len(allowed):
            break
        explore = settings.explore * (1 - 0.9 * number / settings.steps)
        best = allowed[values[here][allowed].argmax()]
        action = draw.choice(allowed) if draw.random() < explore else best
        observation, reward, terminated, truncated, info = env.step(action)
        ahead = 0.0
        if not terminated:
            ahead = values[tuple(observation.tolist())][np.flatnonzero(info["action_mask"])].max()
        visits[here][action] += 1
        rate = float(visits[here][action]) ** -settings.forget
        values[here][action] += rate * (reward + ahead - values[here][action])
        if terminated or truncated:
            observation, info = env.reset(options=begin)
    return dict(values)


@dataclass(frozen=True)
class Greedy:
    """The policy that does what learned values say is best of what the true world allows; satisfies `Policy`.

    Where an observation was never met, every action is worth the same and the first allowed one is done.
    """

    values: Values
    env: WorldEnv  # of the true world; codes the facts

    def __call__(self, facts: Facts, elapsed: float) -> Action | None:
        """Return what to do, or None where the world allows nothing."""
        indices = {action.label(): number for number, action in enumerate(self.env.actions)}
        allowed = self.env.world.legal(facts)
        worth = self.values.get(tuple(self.env.coded(facts, elapsed).tolist()))
        if worth is None or not allowed:
            return allowed[0] if allowed else None
        return max(allowed, key=lambda action: worth[indices[action.label()]])


def _summary(rows: Sequence[dict[str, Any]], arm: str) -> dict[str, object]:
    worth, best = (np.array([row[name] for row in rows]) for name in (arm, "optimal"))
    draws = bootstrap_weights([str(number) for number in range(len(rows))], 1000, 0)
    ratios = (draws @ worth) / np.maximum(draws @ best, 1e-12)
    return {
        "success": float(worth.mean()),
        "relative": float(worth.sum() / max(best.sum(), 1e-12)),
        "interval": [float(x) for x in np.percentile(ratios, [2.5, 97.5])],
        "n": len(rows),
    }
