"""Two-Room's frames, and frames made smaller. Knows the geometry of a world and pixels; knows no rules.

At the world's own size a frame is what the original draws but for some 2 in 100,000 channel values, which differ by
1 of 255 where the last bit of torch's `exp` differs. Smaller frames average it over each pixel's area in closed form:
the dot is a product of a row and a column, and what is not wall is a sum of two such products.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from wmagent.worlds.two_room.checks import check_count, check_frames

if TYPE_CHECKING:
    from wmagent.worlds.two_room.world import TwoRoom

_LINE = 4  # pixels of the border's line, outside the border
_REACH = 6  # radii beyond which the dot's weight is below 2^-25, which changes no value
_AT_ONCE = 256  # frames drawn together, so that what is in between stays in the cache


def draw(world: TwoRoom, positions: np.ndarray, size: int) -> np.ndarray:
    """Return frames (n, size, size, 3), uint8 RGB, of dots at positions (n, 2)."""
    frames = np.empty((len(positions), size, size, 3), np.uint8)
    part = _exactly if size == world.size else _averaged
    for start in range(0, len(positions), _AT_ONCE):
        part(world, positions[start : start + _AT_ONCE], frames[start : start + _AT_ONCE])
    return frames


def shrunk(frames: np.ndarray, size: int) -> np.ndarray:
    """Return frames (n, s, s, 3) as (n, size, size, 3), each new pixel the average over its area, rounded.

    This is how frames of the original environment become what `render` draws at this size, within 1 of 255.
    """
    side = check_frames(frames).shape[1]
    check_count("the size of frames", size, 1, side)
    weights = np.ascontiguousarray(_areas(side, size).T)
    smaller = np.empty((len(frames), size, size, 3), np.uint8)
    for frame, result in zip(frames, smaller, strict=True):
        down = weights @ frame.reshape(side, -1).astype(np.float32)
        result[:] = weights @ down.reshape(size, side, 3) + np.float32(0.5)
    return smaller


def _exactly(world: TwoRoom, positions: np.ndarray, frames: np.ndarray) -> None:
    """Fill frames at the world's size, value by value in the order of the original's float32 operations."""
    background = np.where(_open(world), 255, 0).astype(np.uint8)
    frames[:] = background[None, :, :, None]
    around = np.arange(-int(_REACH * world.radius) - 1, int(_REACH * world.radius) + 2)
    for position, frame in zip(positions, frames, strict=True):
        xs, ys = (np.unique(np.clip(around + round(float(at)), 0, world.size - 1)) for at in position)
        dx, dy = xs.astype(np.float32) - position[0], ys.astype(np.float32) - position[1]
        squares = (dx * dx)[None, :] + (dy * dy)[:, None]
        weight = np.exp(-(squares / np.float32(2 * world.radius**2)).astype(np.float64)).astype(np.float32)
        weight = weight / weight.max()
        window = (slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1))
        rest = background[window].astype(np.float32) * (1 - weight)
        frame[(*window, 0)] = rest + np.float32(255) * weight
        frame[(*window, 1)] = frame[(*window, 2)] = rest


def _averaged(world: TwoRoom, positions: np.ndarray, frames: np.ndarray) -> None:
    """Fill frames smaller than the world's: the area's average of the open ground, less what the dot covers."""
    size = frames.shape[1]
    ground, columns, rows = _scene(world, size)
    across = (_bell(world, positions[:, 0]) @ columns).reshape(-1, 3, size)
    down = (_bell(world, positions[:, 1]) @ rows).reshape(-1, 3, size)
    covered = down[:, :2].transpose(0, 2, 1) @ across[:, :2]
    rest = np.subtract(ground, covered, out=covered)
    dot = down[:, 2, :, None] * across[:, 2, None, :]
    frames[..., 1] = frames[..., 2] = rest.astype(np.uint8)
    frames[..., 0] = np.add(rest, dot, out=dot).astype(np.uint8)


def _bell(world: TwoRoom, centres: np.ndarray) -> np.ndarray:
    """Return the dot's weights along one axis (n, s), 1 at the nearest pixel."""
    away = np.arange(world.size, dtype=np.float32) - centres[:, None]
    weights = np.exp(-(away * away) / np.float32(2 * world.radius**2))
    return weights / weights.max(axis=1, keepdims=True)


def _grounds(world: TwoRoom) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the two products (rows, columns), 0 or 1 each (s,), whose sum is what is not wall."""
    at = np.arange(world.size)
    lines = ((at >= world.border - _LINE) & (at < world.border)) | (
        (at >= world.size - world.border) & (at < world.size - world.border + _LINE)
    )
    wall = np.abs(at - world.wall_x) <= world.thickness // 2
    door = np.abs(at - world.door_y) <= world.door_half
    return [(~lines & ~door, ~lines & ~wall), (~lines & door, ~lines)]


def _open(world: TwoRoom) -> np.ndarray:
    """Return which pixels (s, s) of the world's frame are no wall."""
    return np.sum([np.outer(rows, columns) for rows, columns in _grounds(world)], axis=0).astype(bool)


@lru_cache(maxsize=16)
def _scene(world: TwoRoom, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ground (size, size) in 0..255 with the rounding's half, and what weighs columns and rows (s, 3·size).

    In each third of these stand the pixels of one product of the ground, and all pixels in the last.
    """
    weights = _areas(world.size, size)
    grounds = _grounds(world)
    ground = 255 * weights.T @ _open(world).astype(np.float32) @ weights + np.float32(0.5)
    columns = np.concatenate([weights * columns[:, None] for _, columns in grounds] + [weights], axis=1)
    rows = np.concatenate([weights * rows[:, None] for rows, _ in grounds] + [weights], axis=1)
    return ground, columns.astype(np.float32), (255 * rows).astype(np.float32)


@lru_cache(maxsize=16)
def _areas(side: int, size: int) -> np.ndarray:
    """Return (side, size): how much of each new pixel each old one makes up; columns sum to 1."""
    edges = np.arange(size + 1) * (side / size)
    old = np.arange(side)[:, None]
    share = np.clip(np.minimum(old + 1, edges[1:]) - np.maximum(old, edges[:-1]), 0, 1)
    return (share * (size / side)).astype(np.float32)
