"""Recordings of frames in files, and the command line that reads them. For tests only."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from wmagent.cli.app import app
from wmagent.worlds.two_room import Episodes, TwoRoom, collect

SIZE, WORLD = 32, TwoRoom()


def run(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


def said(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(*args: str, code: int = 2) -> str:
    """Run what must be refused in one line; return the line."""
    result = run(*args)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    lines = [line for line in result.stderr.splitlines() if line.startswith("wmagent: ")]
    assert len(lines) == 1
    return lines[0]


def recorded(episodes: int = 4) -> Episodes:
    return collect(WORLD, episodes, 2, size=SIZE)


def archive(path: Path, side: int = SIZE, **changed: Any) -> Path:
    """Write a sound .npz, some arrays exchanged, or left out where None."""
    found = recorded()
    frames = found.frames(np.arange(len(found.actions)), side)
    arrays = {"pixels": frames, "actions": found.actions, "first": found.first, "positions": found.positions} | changed
    kept: dict[str, Any] = {name: array for name, array in arrays.items() if array is not None}
    np.savez_compressed(path, **kept)
    return path


def folders(path: Path, side: int = SIZE, fewer: int = 1) -> Path:
    """Write four episodes as images and tables; names with numbers that are not padded."""
    found = recorded()
    for episode in range(len(found)):
        rows = np.arange(found.first[episode], found.first[episode + 1])
        place = path / f"episode {episode + 7}"
        place.mkdir(parents=True)
        for number, frame in enumerate(found.frames(rows, side)):
            Image.fromarray(frame).save(place / f"frame-{number}.png")
        table(place / "actions.csv", ("x", "y"), found.actions[rows[: len(rows) - fewer]])
        table(place / "positions.csv", ("at_x", "at_y"), found.positions[rows])
    return path


def table(path: Path, names: tuple[str, ...], rows: np.ndarray) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows.tolist()])
