"""Plans in latent space: a goal latent, a cost of imagined latents, one or two levels, receding horizon.
Knows the model's latents and continuous planners; must not know pixels of a world, words or evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from wmagent.errors import InputError
from wmagent.latent.protocols import Budget, Latent
from wmagent.pixels.world_model import PixelModel
from wmagent.planning.gaussian_cem import GaussianCem
from wmagent.planning.shooting import Cost, Shooting

WITHIN = 5.0  # blocks: how far a subgoal may be
DETOUR = 0.5  # blocks by which the way through a subgoal may be longer than the shortest such way


@dataclass(frozen=True)
class Course:
    """What was planned: z-scored `blocks` (t, a), imagined latents `path` (t + 1, d) from the start on, the cost, how
    far the goal is from every one of them (t + 1,) in blocks, and what the plan aims at (d,): the goal or a subgoal."""

    blocks: Tensor
    path: Tensor
    cost: float
    to_go: Tensor
    aim: Tensor
    imagined: int
    milliseconds: float


@dataclass(frozen=True)
class Pilot:
    """How plans are made. Settings only; the same start, goal and seed give the same course.

    `cost` is what imagined latents are compared with the goal by: `reach`, the learned number of blocks, or `straight`,
    the mean squared difference of latents as in LeWorldModel. With two `levels` the course first aims at a latent of
    the model's memory: of those through which the way is about shortest, the farthest within `WITHIN` blocks.
    `execute` blocks of a course are done before the next is made.
    """

    shooting: Shooting = field(default_factory=lambda: GaussianCem(iterations=10))
    cost: Literal["reach", "straight"] = "reach"
    levels: Literal[1, 2] = 1
    execute: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.execute <= self.shooting.horizon:
            raise InputError(f"execute 1 to {self.shooting.horizon} blocks, the horizon; not {self.execute}")

    def plan(
        self,
        model: PixelModel,
        start: Latent,
        goal: Tensor,
        seed: int = 0,
        mean: Tensor | None = None,
        budget: Budget | None = None,
    ) -> Course:
        """Return a course from `start` (one row) towards the latent `goal` (d,)."""
        if goal.shape != (model.width,) or not goal.isfinite().all():
            raise InputError(f"the goal is one latent of {model.width} finite numbers; given {tuple(goal.shape)}")
        aim = self.aim(model, model.now(start)[0], goal)
        shot = self.shooting.shoot(model, start, self.priced(model, aim), mean, seed, budget)
        path = model.imagine(start, shot.actions)
        to_go = model.distance(path, goal.expand_as(path))
        return Course(shot.actions, path, shot.cost, to_go, aim, shot.imagined, shot.milliseconds)

    def rest(self, course: Course) -> Tensor:
        """Return what is left of a course after its executed blocks, with nothing behind, to start the next from."""
        return torch.cat([course.blocks[self.execute :], torch.zeros_like(course.blocks[: self.execute])])

    def aim(self, model: PixelModel, here: Tensor, goal: Tensor) -> Tensor:
        """Return what a course aims at first: the goal, or with two levels a seen latent on the way to it."""
        if self.levels == 1 or float(model.distance(here, goal)) <= WITHIN:
            return goal
        seen = model.memory.latents
        near = model.distance(here.expand_as(seen), seen)
        way = near + model.distance(seen, goal.expand_as(seen))
        allowed = near <= WITHIN
        least = torch.where(allowed, way, torch.inf).min()
        return seen[int(torch.where(allowed & (way <= least + DETOUR), near, -1.0).argmax())]

    def priced(self, model: PixelModel, goal: Tensor) -> Cost:
        """Return the cost of imagined latents."""
        if self.cost == "straight":
            return lambda latent: (model.now(latent) - goal).square().mean(-1)
        return lambda latent: model.distance(model.now(latent), goal.expand(len(latent), -1))
