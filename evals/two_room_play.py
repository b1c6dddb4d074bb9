"""Walks to goals in Two-Room, step by step, by a planner over imagined frames and by what it is compared with.
Knows the world, models and pilots; must not know which result is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wmagent.evals.two_room_tasks import Task
from wmagent.latent.protocols import Latent
from wmagent.pixels.planning import Pilot
from wmagent.pixels.recording import Scale
from wmagent.pixels.world_model import PixelModel
from wmagent.planning import ContinuousDynamics
from wmagent.planning.shooting import Shooting
from wmagent.worlds.two_room import Policy, TwoRoom


@dataclass(frozen=True)
class Played:
    """`solved` (n,) bool, how many plans were made, and the processor's seconds for one."""

    solved: np.ndarray
    plans: int
    seconds_per_plan: float


def play(model: PixelModel, pilot: Pilot, task: Task, seed: int, shuffled: bool = False) -> Played:
    """Return how planning over imagined frames does; frames are drawn at the model's size. With `shuffled` every
    candidate is judged by what was imagined for another, the control for predictions that do not matter."""
    dynamics = Shuffled(model, seed) if shuffled else model
    size, solved, plans, spent = model.config.size, np.zeros(len(task), bool), 0, 0.0
    goals = model.encode(task.world.render(task.goals, size))
    for pair in range(len(task)):
        here, goal = task.starts[pair : pair + 1], task.goals[pair : pair + 1]
        frames, actions, mean, left = [task.world.render(here, size)[0]], [], None, task.budget
        solved[pair] = task.world.succeeded(here, goal)[0]
        while left and not solved[pair]:
            began = time.process_time()
            start = model.observe_last(frames, actions)
            course = pilot.plan(dynamics, start, goals[pair], seed=seed * 1_000_003 + pair * 997 + plans, mean=mean)
            spent, plans = spent + time.process_time() - began, plans + 1
            for block in model.scale.actions(course.blocks[: pilot.execute]).numpy():
                here, done, solved[pair] = _walked(task.world, here, goal, block[:left])
                left -= done
                if solved[pair]:
                    break
                frames.append(task.world.render(here, size)[0])
                actions.append(block)
            mean = pilot.rest(course)
    return Played(solved, plans, spent / max(plans, 1))


class Shuffled(PixelModel):
    """A model whose imagined latents are dealt out among the candidates anew."""

    def __init__(self, model: PixelModel, seed: int) -> None:
        self.__dict__ |= model.__dict__
        self._generator = torch.Generator().manual_seed(seed)

    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        """Imagine, then shuffle."""
        imagined = super().imagine_continuous(latent, vectors)
        return imagined.take(torch.randperm(len(vectors), generator=self._generator))


@dataclass(frozen=True)
class Exact(ContinuousDynamics):
    """The world's own rules as a planner's model, positions as latents: the ceiling of the search."""

    world: TwoRoom
    scale: Scale
    block: int

    @property
    def action_width(self) -> int:
        """As the model's."""
        return self.block * len(self.scale.mean)

    @property
    def action_bounds(self) -> tuple[Tensor, Tensor] | None:
        """As the model's."""
        return self.scale.bounds(self.block)

    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        """Walk a block."""
        here = latent.z[:, 0].numpy()
        for step in self.scale.actions(vectors).numpy().swapaxes(0, 1):
            here = self.world.step(here, step)
        return Latent(torch.from_numpy(here)[:, None], latent.codes)


def play_exact(exact: Exact, shooting: Shooting, task: Task, seed: int) -> np.ndarray:
    """Return what the same search solves (n,) when it imagines exactly and aims straight at the goal."""
    exact = replace(exact, world=task.world)
    solved = np.zeros(len(task), bool)
    for pair in range(len(task)):
        here, goal, left = task.starts[pair : pair + 1], task.goals[pair : pair + 1], task.budget
        solved[pair] = task.world.succeeded(here, goal)[0]
        wanted = torch.from_numpy(goal)
        while left and not solved[pair]:
            start = Latent(torch.from_numpy(here)[:, None], torch.zeros(1, 0, dtype=torch.int64))
            shot = shooting.shoot(
                exact,
                start,
                lambda latent, wanted=wanted: (latent.z[:, 0] - wanted).square().mean(-1),
                seed=seed + left,
            )
            actions = exact.scale.actions(shot.actions).flatten(0, 1).numpy()
            here, done, solved[pair] = _walked(task.world, here, goal, actions[:left])
            left -= done
    return solved


def _walked(world: TwoRoom, here: np.ndarray, goal: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """Return where actions (t, 2) lead one dot (1, 2), how many were done, and whether they ended at its goal."""
    for done, action in enumerate(actions, 1):
        here = world.step(here, action[None])
        if world.succeeded(here, goal)[0]:
            return here, done, True
    return here, len(actions), False


def play_blindly(task: Task, seed: int, act: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> np.ndarray:
    """Return what actions (n, 2) that are chosen at every step by position and chance solve (n,)."""
    generator, here = np.random.default_rng(seed), task.starts
    solved = task.world.succeeded(here, task.goals)
    for _ in range(task.budget):
        here = np.where(solved[:, None], here, task.world.step(here, act(here, generator)))
        solved |= task.world.succeeded(here, task.goals)
    return solved


def by(policy: Policy, task: Task) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return a policy of the world's own that sees positions and goals."""
    return lambda here, generator: policy.act(task.world, here, task.goals, None, generator)


def still(here: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """No action: what is solved from the start on."""
    return np.zeros_like(here)
