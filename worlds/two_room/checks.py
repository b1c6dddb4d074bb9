"""What Two-Room takes: pairs of numbers and frames, checked where they come in. Knows shapes and ranges, no geometry.

Every error says what was given, what is allowed and what to do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from wmagent.errors import InputError, shortened


def pairs(kind: str, values: ArrayLike, n: int | None = None) -> np.ndarray:
    """Return values as float32 of shape (n, 2); InputError for another shape, another type, NaN or infinity."""
    try:
        given = np.asarray(values)
    except ValueError:
        raise InputError(f"{kind} of ragged shape; give one (x, y) pair per row, an array of shape (n, 2)") from None
    if given.dtype.kind not in "fiu":
        raise InputError(f"{kind} are numbers, not {given.dtype}; give an array of float32 of shape (n, 2)")
    if given.ndim != 2 or given.shape[1] != 2 or (n is not None and len(given) != n):
        wanted = "(n, 2)" if n is None else f"({n}, 2)"
        raise InputError(f"{kind} have the shape {wanted}, one (x, y) pair per row; given {given.shape}")
    with np.errstate(over="ignore"):
        found = given.astype(np.float32)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise InputError(f"{kind} must be finite; row {row} is {_shown(given[row])}. Repair or drop it first")
    return found


def check_actions(actions: ArrayLike, n: int | None = None) -> np.ndarray:
    """Return actions as float32 (n, 2), each of both numbers from -1 to 1; InputError for anything else.

    `TwoRoom.step` clips what is out of bounds, as the original does; this is for those who would rather know.
    """
    found = pairs("actions", actions, n)
    wrong = (np.abs(found) > 1).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"actions go from -1 to 1 in x and y; row {row} is {_shown(found[row])} ({int(wrong.sum())} of "
            f"{len(found)} rows are out of bounds). Clip or rescale them"
        )
    return found


def check_frames(frames: object, size: int | None = None) -> np.ndarray:
    """Return frames that are uint8 RGB of shape (n, size, size, 3), any square size without `size`; else InputError."""
    if not isinstance(frames, np.ndarray):
        raise InputError(f"frames are a numpy array of uint8, not {shortened(type(frames).__name__)}; convert them")
    side = "size" if size is None else str(size)
    wanted = f"uint8 RGB of shape (n, {side}, {side}, 3)"
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.shape[1] != frames.shape[2]:
        hint = "; transpose channels to the end" if frames.ndim == 4 and frames.shape[1] == 3 else ""
        raise InputError(f"frames are {wanted}; given the shape {frames.shape}{hint}")
    if size is not None and frames.shape[1] != size:
        raise InputError(f"frames are {wanted}; given {frames.shape[1]} pixels a side. `shrunk` makes frames smaller")
    if frames.dtype != np.uint8:
        hint = "multiply by 255 and round" if frames.dtype.kind == "f" else "bring them to 0..255"
        raise InputError(f"frames are {wanted}, values 0 to 255; given {frames.dtype}. {hint.capitalize()} first")
    return frames


def check_count(kind: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number from `least` to `most`; InputError for another."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{kind} is a whole number of at least {least}, not {shortened(repr(value))}")
    if most is not None and value > most:
        raise InputError(f"{kind} is at most {most}, not {value}")
    return int(value)


def _shown(row: np.ndarray) -> str:
    return f"({float(row[0]):g}, {float(row[1]):g})"
