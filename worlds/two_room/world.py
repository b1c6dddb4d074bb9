"""Two-Room, exactly: a dot, a wall with a door, a goal; many at once. Knows the rules, no policy, data or model.

The rules are those of stable-worldmodel's `swm/TwoRoom-v1` (version 0.1.1), number for number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from wmagent.errors import InputError, checked_seed
from wmagent.worlds.two_room.checks import check_count, pairs
from wmagent.worlds.two_room.drawing import draw


@dataclass(frozen=True)
class TwoRoom:
    """The settings of a world of two rooms, in pixels of its frame of `size`, x to the right and y down.

    A wall `thickness` wide stands at `wall_x`; its door spans `door_y` ± `door_half`. The dot has a `radius`, moves
    `speed` pixels per unit of action, is kept its radius off the `border`, and off the wall by its radius and half a
    pixel; in the door its centre may pass `door_margin` beyond the opening. A goal is reached nearer than `success`.
    The original looks only at where a move ends, so a corner of the wall can be cut and a dot that leaves the opening
    is put back beside the wall; `strict` refuses every move whose straight way touches the wall: the dot stays.
    """

    size: int = 224
    wall_x: float = 112.0
    thickness: int = 10
    door_y: float = 49.0
    door_half: float = 14.0
    speed: float = 5.0
    success: float = 16.0
    radius: float = 7.0
    border: int = 14
    door_margin: float = 1.75
    strict: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("size", "thickness", "border"):
                check_count(field.name, value)
            elif field.name == "strict":
                if not isinstance(value, bool):
                    raise InputError(f"strict is True or False, not {value!r}")
            elif not (_number(value) and value >= 0):
                raise InputError(f"{field.name} is a number of 0 or more, not {value!r}")
        low, high = self.kept
        left, right = self.stripe
        if not low < left - 0.5 or not right + 0.5 < high:
            raise InputError(
                f"the wall leaves no room: the dot's centre goes from {low:g} to {high:g} in x and the wall with the "
                f"dot's radius takes {left:g} to {right:g}; move or thin the wall, or make the world larger"
            )
        if self.door_half < 1.1 * self.radius or not low <= self.door_y <= high:
            raise InputError(
                f"nothing fits through the door: door_half must be at least 1.1 × the radius {self.radius:g} and "
                f"door_y from {low:g} to {high:g}; given {self.door_half:g} and {self.door_y:g}"
            )
        if not 0 < self.speed < right - left:
            raise InputError(f"speed is above 0 and below {right - left:g}, or walls could be jumped; not {self.speed}")

    @property
    def kept(self) -> tuple[float, float]:
        """The least and the greatest x and y a move can end at."""
        return self.border + self.radius, self.size - self.border - self.radius

    @property
    def stripe(self) -> tuple[float, float]:
        """From and to which x the dot would touch the wall."""
        reach = self.thickness // 2 + self.radius
        return self.wall_x - reach, self.wall_x + reach

    @property
    def opening(self) -> tuple[float, float]:
        """From and to which y the dot's centre is in the door."""
        reach = self.door_half + self.door_margin
        return self.door_y - reach, self.door_y + reach

    def reset(self, n: int, seed: int) -> np.ndarray:
        """Return n starts (n, 2), spread evenly over both rooms and clear of the wall, as the original draws them."""
        left, right = self.stripe
        return self._drawn(n, seed, lambda p: (p[:, 0] < left) | (p[:, 0] > right))

    def goals(self, n: int, seed: int) -> np.ndarray:
        """Return n goals (n, 2), spread evenly over where the dot can be, the door included.

        The original draws goals inside the wall too, where only their surroundings can be reached.
        """
        return self._drawn(n, seed, self.free)

    def step(self, positions: ArrayLike, actions: ArrayLike) -> np.ndarray:
        """Return where the dots are after one action each; (n, 2) float32 in, (n, 2) float32 out.

        Actions beyond ±1 are clipped as in the original; InputError for other shapes, NaN and infinity.
        """
        before = pairs("positions", positions)
        moves = pairs("actions", actions, len(before))
        after = before + np.clip(moves, -1, 1) * np.float32(self.speed)
        after = np.clip(after, *self.kept)
        if self.strict:
            return np.where(self._touching(before, after)[:, None], before, after)
        left, right = self.stripe
        from_left = before[:, 0] < self.wall_x
        outside = ~self._in_door(after[:, 1])
        after[from_left & (after[:, 0] > left) & outside, 0] = left - 0.5
        after[~from_left & (after[:, 0] < right) & outside, 0] = right + 0.5
        return after

    def distance(self, positions: ArrayLike, goals: ArrayLike) -> np.ndarray:
        """Return the straight distances (n,) in pixels."""
        here = pairs("positions", positions)
        x, y = (here - pairs("goals", goals, len(here))).T
        # torch's norm fuses the second product and the sum, rounding once; that decides at the very edge of success
        return np.sqrt(((x * x).astype(np.float64) + y.astype(np.float64) ** 2).astype(np.float32))

    def succeeded(self, positions: ArrayLike, goals: ArrayLike) -> np.ndarray:
        """Return which dots (n,) are nearer to their goals than `success`."""
        return self.distance(positions, goals) < self.success

    def room(self, positions: ArrayLike) -> np.ndarray:
        """Return the room of each position (n,): 0 left of the wall's middle or on it, 1 right of it."""
        return (pairs("positions", positions)[:, 0] > self.wall_x).astype(np.int64)

    def free(self, positions: ArrayLike) -> np.ndarray:
        """Return at which positions (n,) the dot can be: inside the border, not in the wall, or in its door."""
        here = pairs("positions", positions)
        left, right = self.stripe
        inside = ((here >= self.border) & (here <= self.size - self.border - 1)).all(axis=1)
        return inside & ((here[:, 0] <= left) | (here[:, 0] >= right) | self._in_door(here[:, 1]))

    def check_free(self, kind: str, positions: ArrayLike) -> np.ndarray:
        """Return positions as float32 (n, 2) where the dot can be; InputError where one is in the wall or outside."""
        found = pairs(kind, positions)
        wrong = ~self.free(found)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            (x, y), (left, right), (low, high) = found[row].tolist(), self.stripe, self.opening
            last = self.size - self.border - 1
            inside = self.border <= min(x, y) and max(x, y) <= last
            place = "in the wall" if inside else "outside the rooms"
            raise InputError(
                f"{kind}: row {row}, ({x:g}, {y:g}), is {place}; x and y go from {self.border} to {last}, "
                f"and x between {left:g} and {right:g} needs y from {low:g} to {high:g}, the door"
            )
        return found

    def render(self, positions: ArrayLike, size: int = 64) -> np.ndarray:
        """Return frames (n, size, size, 3), uint8 RGB: a red dot on white, walls black; the goal is not drawn.

        At `size` of the world as the original draws (see `drawing`), below it the average over each pixel's area.
        """
        check_count("the size of frames", size, 8, self.size)
        return draw(self, pairs("positions", positions), size)

    def _in_door(self, y: np.ndarray) -> np.ndarray:
        low, high = self.opening
        return (y >= low) & (y <= high)

    def _touching(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return which straight ways (n,) touch the wall: are in its stripe at some time while outside the door."""
        start, move = before.astype(np.float64), (after - before).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            times = (np.array(self.stripe)[:, None] - start[:, 0]) / move[:, 0]
        still = move[:, 0] == 0
        left, right = self.stripe
        within = (start[:, 0] > left) & (start[:, 0] < right)
        enter = np.where(still, np.where(within, 0.0, 1.0), np.clip(times.min(axis=0), 0, 1))
        leave = np.where(still, np.where(within, 1.0, 0.0), np.clip(times.max(axis=0), 0, 1))
        sound = self._in_door(start[:, 1] + enter * move[:, 1]) & self._in_door(start[:, 1] + leave * move[:, 1])
        return (enter < leave) & ~sound

    def _drawn(self, n: int, seed: int, wanted: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        generator = np.random.default_rng(checked_seed(seed))
        low, high = self.border, self.size - self.border - 1
        found = generator.uniform(low, high, (check_count("n", n, 0), 2)).astype(np.float32)
        while (wrong := ~wanted(found)).any():
            found[wrong] = generator.uniform(low, high, (int(wrong.sum()), 2)).astype(np.float32)
        return found


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
