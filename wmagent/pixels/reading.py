"""Frames from disk as a recording: folders of images with actions beside them, NumPy archives, one size for all.
Knows files and recordings; must not know worlds or models."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from wmagent.errors import InputError, shortened
from wmagent.pixels.recording import Frames

IMAGES = (".png", ".jpg", ".jpeg")
ACTIONS, POSITIONS = "actions.csv", "positions.csv"
FORMS = (
    "give a .npz with pixels, actions and first, or a folder with one sub-folder per episode, "
    f"each with images ({', '.join(IMAGES)}) and {ACTIONS}"
)
_EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # what converts to RGB as it looks
_ARRAYS = ("pixels", "actions", "first", "positions")


def read_frames(source: Path, size: int, limit: int | None = None, note: Callable[[str], None] | None = None) -> Frames:
    """Return the first `limit` episodes of a `.npz` or of a folder of folders, as frames of `size` pixels a side.

    The archive holds `pixels` (rows, s, s, 3) uint8, `actions` (rows, a), `first` (episodes + 1,) and, where there are
    any, `positions` (rows, p). A sub-folder is an episode: its images in the order of their names, numbers by their
    value; `actions.csv` with a row of names, then one row per frame or one fewer; `positions.csv`, if any, with one row
    per frame. `note` is told of frames that are resized. InputError for what cannot be read or does not fit together.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; {FORMS}")
    return (_folders if source.is_dir() else _archive)(source, size, limit, note or (lambda _: None))


def read_image(path: Path) -> np.ndarray:
    """Return an image file as a frame (h, w, 3) uint8; InputError where it is missing, damaged or no 8-bit image."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode not in _EIGHT_BITS:
                raise InputError(f"{path}: its pixels are of kind {picture.mode!r}; save it with 8 bits per channel")
            return np.asarray(picture.convert("RGB"))
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, zlib.error, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: no readable image ({error})") from None


def fitted(frame: np.ndarray, size: int, path: Path, note: Callable[[str], None]) -> np.ndarray:
    """Return the frame of a file as one of `size` pixels a side, resized if needed; InputError where not square."""
    _check_square(frame, path)
    if len(frame) != size:
        note(_resizing(path, len(frame), size))
    return resized(frame, size)


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """Return a frame (s, s, 3) uint8 with `size` pixels a side, each the exact average over its area, rounded.

    Pillow's box filter counts a pixel in whole or not at all: from 224 to 64 pixels that changed values by up to 68,
    and a model learned from frames drawn at 64 read the dot 48 pixels off instead of 4.
    """
    side = len(frame)
    if side == size:
        return frame
    weights = _areas(side, size)
    down = weights @ frame.reshape(side, -1).astype(np.float32)
    return (weights @ down.reshape(size, side, 3) + np.float32(0.5)).astype(np.uint8)


@lru_cache(maxsize=16)
def _areas(side: int, size: int) -> np.ndarray:
    """Return (size, side): how much of each new pixel each old one makes up; rows sum to 1."""
    edges = (np.arange(size + 1) * (side / size))[:, None]
    old = np.arange(side)
    share = np.clip(np.minimum(old + 1, edges[1:]) - np.maximum(old, edges[:-1]), 0, 1)
    return (share * (size / side)).astype(np.float32)


def _archive(source: Path, size: int, limit: int | None, note: Callable[[str], None]) -> Frames:
    arrays, others = _arrays(source)
    if others:
        note(f"{source}: not used: {shortened(', '.join(others))}")
    try:
        whole = Frames(arrays["pixels"], arrays["actions"], arrays["first"], arrays.get("positions"))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    first = whole.first[: None if limit is None else limit + 1]
    rows, side = slice(0, int(first[-1])), whole.pixels.shape[1]
    pixels = whole.pixels[rows]
    if side != size:
        note(_resizing(source, side, size))
        pixels = np.empty((len(pixels), size, size, 3), np.uint8)
        for row, frame in enumerate(whole.pixels[rows]):
            pixels[row] = resized(frame, size)
    return Frames(pixels, whole.actions[rows], first, None if whole.positions is None else whole.positions[rows])


def _arrays(source: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays of an archive by name, and the names of others; nothing is unpickled."""
    with source.open("rb") as opened:
        try:
            file = np.load(opened, allow_pickle=False)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{source}: no readable .npz archive ({error}); np.savez_compressed writes one") from None
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InputError(f"{source}: a single array, no .npz archive; np.savez_compressed writes one")
        missing = [name for name in _ARRAYS[:3] if name not in file.files]
        if missing:
            raise InputError(
                f"{source}: holds no {' and no '.join(missing)}, only {shortened(', '.join(file.files)) or 'nothing'}; "
                "needed are pixels (rows, s, s, 3), actions (rows, a) and first (episodes + 1,)"
            )
        found = {}
        for name in [name for name in _ARRAYS if name in file.files]:
            try:
                found[name] = file[name]
            except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise InputError(f"{source}: {name} cannot be read ({error}); save plain arrays of numbers") from None
        return found, [name for name in file.files if name not in _ARRAYS]


def _folders(source: Path, size: int, limit: int | None, note: Callable[[str], None]) -> Frames:
    folders = sorted(
        (path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")), key=_in_order
    )[:limit]
    if not folders:
        raise InputError(f"{source} holds no sub-folders, one per episode; {FORMS}")
    images = [_images(folder) for folder in folders]
    actions = _together(
        [_table(folder / ACTIONS, len(paths), 1) for folder, paths in zip(folders, images, strict=True)]
    )
    told = [folder / POSITIONS for folder in folders if (folder / POSITIONS).exists()]
    if told and len(told) < len(folders):
        lacking = next(folder for folder in folders if not (folder / POSITIONS).exists())
        raise InputError(
            f"{lacking} has no {POSITIONS}, and {told[0].parent} has one; give it for all episodes or none"
        )
    positions = (
        _together([_table(path, len(paths), 0) for path, paths in zip(told, images, strict=True)]) if told else None
    )
    first = np.cumsum([0, *(len(paths) for paths in images)])
    return Frames(_pixels([path for paths in images for path in paths], size, note), actions, first, positions)


def _images(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGES and not path.name.startswith(".")]
    if len(found) < 2:
        raise InputError(
            f"{folder} holds {'one image' if found else 'no images'} ({', '.join(IMAGES)}); an episode has 2 or more"
        )
    return sorted(found, key=_in_order)


def _pixels(paths: list[Path], size: int, note: Callable[[str], None]) -> np.ndarray:
    """Return the images (rows, size, size, 3); InputError where they are not of one size, or not square."""
    pixels, side = np.empty((len(paths), size, size, 3), np.uint8), 0
    for row, path in enumerate(paths):
        frame = read_image(path)
        _check_square(frame, path)
        side = side or len(frame)
        if len(frame) != side:
            raise InputError(
                f"{path}: {len(frame)} × {len(frame)} pixels, and {paths[0]} has {side} × {side}; "
                "the frames of a recording have one size"
            )
        pixels[row] = resized(frame, size)
    if side != size:
        note(_resizing(paths[0].parent.parent, side, size))
    return pixels


def _table(path: Path, frames: int, fewer: int) -> tuple[Path, list[str], np.ndarray]:
    """Return the names and numbers (frames, k) of a CSV file, which may have so many rows `fewer` than frames.

    Numbers that are missing are NaN, as is a row that is.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; it holds a row of names, then the {path.stem} at each of {frames} frames"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: no readable CSV file ({error})") from None
    if not names or all(_number(cell) is not None for cell in names):
        raise InputError(f"{path}: the first row holds the names of the columns, such as x,y; the numbers follow")
    if not frames - fewer <= len(rows) <= frames:
        allowed = f"{frames}, one per frame" + (f", or {frames - fewer}" if fewer else "")
        raise InputError(f"{path}: {len(rows)} rows of numbers beside {frames} images; there must be {allowed}")
    found = np.full((frames, len(names)), np.nan)
    for at, row in enumerate(rows):
        numbers = [_number(cell) for cell in row]
        wrong = next((cell for cell, number in zip(row, numbers, strict=True) if number is None), None)
        if wrong is not None or len(row) != len(names):
            what = f"{shortened(repr(wrong))} is no number" if wrong is not None else f"it has {len(row)} numbers"
            raise InputError(f"{path}: row {at + 1}: {what}; the columns are {shortened(', '.join(names))}")
        found[at] = numbers
    with np.errstate(over="ignore"):
        wrong = ~np.isfinite(found[: frames - fewer].astype(np.float32)).all(1)
    if wrong.any():
        raise InputError(
            f"{path}: row {int(np.flatnonzero(wrong)[0]) + 1} holds no finite number; repair or drop it first"
        )
    return path, [name.strip() for name in names], found


def _together(tables: list[tuple[Path, list[str], np.ndarray]]) -> np.ndarray:
    """Return the numbers of all episodes (rows, k); InputError where the columns differ."""
    path, names, _ = tables[0]
    for other, found, _ in tables:
        if found != names:
            raise InputError(
                f"{other} has the columns {shortened(', '.join(found))}, and {path} has {shortened(', '.join(names))}; "
                "all episodes have the same, in one order"
            )
    return np.concatenate([numbers for _, _, numbers in tables])


def _number(cell: str) -> float | None:
    """Return the number in a cell, NaN for an empty one, None for anything else."""
    try:
        return float(cell) if cell.strip() else np.nan
    except ValueError:
        return None


def _in_order(path: Path) -> tuple[list[str | int], str]:
    """Return what sorts names with their numbers by value: frame-2 before frame-10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)], path.name


def _check_square(frame: np.ndarray, path: Path) -> None:
    if frame.shape[0] != frame.shape[1]:
        raise InputError(
            f"{path}: {frame.shape[1]} × {frame.shape[0]} pixels, not square; crop or pad all frames alike first"
        )


def _resizing(source: Path, side: int, size: int) -> str:
    return f"{source}: frames of {side} × {side} pixels are resized to {size} × {size}"
