"""A walk through Two-Room that goes on: a dot that sees frames and acts. Knows the rules; must not know who acts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from wmagent.worlds.two_room.checks import pairs
from wmagent.worlds.two_room.world import TwoRoom


@dataclass
class Walk:
    """An environment to act in: `position` (2,) is where the dot is now, `course` where it was before every act."""

    world: TwoRoom
    position: np.ndarray
    size: int = 64
    course: list[np.ndarray] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.position = self.world.check_free("the start", [self.position])[0]

    def observe(self) -> np.ndarray:
        """Return the frame (size, size, 3), uint8."""
        return self.world.render([self.position], self.size)[0]

    def act(self, action: ArrayLike) -> None:
        """Move by one action (2,), clipped to ±1."""
        self.course.append(self.position)
        self.position = self.world.step([self.position], pairs("actions", [np.asarray(action)], 1))[0]

    @property
    def path(self) -> np.ndarray:
        """Where the dot has been (t + 1, 2), the present last."""
        return np.stack([*self.course, self.position])
