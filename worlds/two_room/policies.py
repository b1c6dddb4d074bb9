"""Who walks through Two-Room: an expert with noise, and chance. Knows the rules; sees positions, no frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wmagent.errors import InputError
from wmagent.worlds.two_room.checks import pairs
from wmagent.worlds.two_room.world import TwoRoom


class Policy(Protocol):
    """Chooses actions of many dots at once; all chance comes from the generator."""

    @property
    def name(self) -> str:
        """The short name records keep."""
        ...

    def act(
        self,
        world: TwoRoom,
        positions: np.ndarray,
        goals: np.ndarray,
        previous: np.ndarray | None,
        generator: np.random.Generator,
    ) -> np.ndarray:
        """Return actions (n, 2) float32 from -1 to 1; `previous` are the last actions (n, 2), None at first."""
        ...


@dataclass(frozen=True)
class Expert:
    """Goes to the door's centre if the goal is in the other room, and from within `near` pixels of it to the goal.

    Under strict rules, where this would push against the wall for ever, it goes by the two mouths of the door.

    `noise` is the standard deviation added to both parts of the unit step before it is clipped, `repeat` the chance
    that the action before is done again. 2.0 and .05 are what stable-worldmodel collects its Two-Room data with; its
    0.1.1 never keeps the action before, so that its repeat has no effect. Without noise it reaches every free goal.
    """

    noise: float = 2.0
    repeat: float = 0.05
    near: float = 10.5
    name = "expert"

    def __post_init__(self) -> None:
        if not self.noise >= 0 or not self.near > 0 or not 0 <= self.repeat <= 1:
            raise InputError(
                "an expert has a noise of 0 or more, a repeat from 0 to 1 and a near above 0; "
                f"given {self.noise}, {self.repeat} and {self.near}"
            )

    def act(
        self,
        world: TwoRoom,
        positions: np.ndarray,
        goals: np.ndarray,
        previous: np.ndarray | None,
        generator: np.random.Generator,
    ) -> np.ndarray:
        """See `Policy`."""
        positions = pairs("positions", positions)
        goals = pairs("goals", goals, len(positions))
        way = (_by_mouths if world.strict else _by_centre)(world, positions, goals, self.near) - positions
        length = _length(way)[:, None]
        actions = np.where(length > 1e-8, way / np.maximum(length, np.float32(1e-8)), np.float32(0))
        if self.noise:
            actions = actions + generator.normal(0, self.noise, actions.shape).astype(np.float32)
        if self.repeat and previous is not None:
            again = generator.uniform(size=len(actions)) < self.repeat
            actions = np.where(again[:, None], previous, actions)
        return np.clip(actions, -1, 1).astype(np.float32)


@dataclass(frozen=True)
class Chance:
    """Draws every action evenly from all there are."""

    name = "random"

    def act(
        self,
        world: TwoRoom,
        positions: np.ndarray,
        goals: np.ndarray,
        previous: np.ndarray | None,
        generator: np.random.Generator,
    ) -> np.ndarray:
        """See `Policy`."""
        return generator.uniform(-1, 1, np.shape(positions)).astype(np.float32)


def _by_centre(world: TwoRoom, positions: np.ndarray, goals: np.ndarray, near: float) -> np.ndarray:
    """Return what to head for (n, 2), as the original's expert does."""
    door = np.array([world.wall_x, world.door_y], np.float32)
    through = (world.room(positions) != world.room(goals)) & (_length(door - positions) > near)
    return np.where(through[:, None], door, goals)


def _by_mouths(world: TwoRoom, positions: np.ndarray, goals: np.ndarray, near: float) -> np.ndarray:
    """Return what to head for (n, 2) so that no straight way there touches the wall."""
    left, right = world.stripe
    side, wanted = (np.where(p[:, 0] <= left, -1, np.where(p[:, 0] >= right, 1, 0)) for p in (positions, goals))
    level = np.abs(positions[:, 1] - world.door_y) <= min(near, world.door_half)
    enter = (side != 0) & ~level
    direct = (side == wanted) | ((wanted == 0) & ~enter)
    x = np.where(np.where(enter, side, wanted) < 0, left, right)
    mouths = np.stack([x, np.full_like(x, world.door_y)], axis=1).astype(np.float32)
    return np.where(direct[:, None], goals, mouths)


def _length(ways: np.ndarray) -> np.ndarray:
    return np.sqrt(ways[:, 0] * ways[:, 0] + ways[:, 1] * ways[:, 1])
