"""Frames from folders and archives: the same recording in every form; what cannot be read is named, never a trace."""

from __future__ import annotations

import csv
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.frame_files import SIZE, WORLD, archive, folders, recorded, refused
from wmagent import Frames
from wmagent.pixels.config import PRESETS
from wmagent.pixels.reading import read_frames, read_image, resized


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        PRESETS, "tiny", {"size": SIZE, "channels": (8, 16), "steps": 2, "reach_steps": 2, "decoder_steps": 1}
    )


def equal(one: Frames, other: Frames) -> bool:
    assert one.positions is not None
    assert other.positions is not None
    return (
        np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.actions, other.actions, equal_nan=True)
        and np.array_equal(one.first, other.first)
        and np.array_equal(one.positions, other.positions)
    )


@pytest.mark.parametrize("fewer", [0, 1])
def test_folders_and_archives_are_the_same_recording(fewer: int, tmp_path: Path) -> None:
    notes: list[str] = []
    packed = read_frames(archive(tmp_path / "a.npz"), SIZE, note=notes.append)
    loose = read_frames(folders(tmp_path / "f", fewer=fewer), SIZE, note=notes.append)
    assert equal(packed, loose)  # frame-2 comes before frame-10, episode 7 before episode 10
    assert np.isnan(loose.actions[loose.first[1:] - 1]).all()
    assert notes == []
    few = read_frames(tmp_path / "f", SIZE, 2)
    assert equal(few, read_frames(tmp_path / "a.npz", SIZE, 2))
    assert np.array_equal(few.first, packed.first[:3])


def test_frames_of_another_size_are_averaged_and_noted(tmp_path: Path) -> None:
    notes: list[str] = []
    small = read_frames(archive(tmp_path / "a.npz", 96, extra=np.zeros(3)), SIZE, note=notes.append)
    assert np.abs(small.pixels.astype(int) - recorded().frames(np.arange(len(small.pixels)), SIZE)).max() <= 2
    assert equal(small, read_frames(folders(tmp_path / "f", 96), SIZE, note=notes.append))
    assert [note.split(": ", 1)[1] for note in notes] == [
        "not used: extra", *2 * ["frames of 96 × 96 pixels are resized to 32 × 32"]
    ]  # fmt: skip
    square = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, 2)
    large = WORLD.render([(40, 180)], 224)[0]
    assert np.abs(resized(large, 64).astype(int) - WORLD.render([(40, 180)], 64)[0]).max() <= 1  # no whole ratio
    assert resized(large[:2, :2], 4)[..., 0].tolist() == large[:2, :2, 0].repeat(2, 0).repeat(2, 1).tolist()
    assert resized(square, 2)[..., 0].tolist() == [[3, 5], [11, 13]]  # rounded averages of 2 × 2


def test_other_kinds_of_images_are_read_as_they_look(tmp_path: Path) -> None:
    frame = WORLD.render([(40, 180)], SIZE)[0]
    Image.fromarray(frame).convert("RGBA").save(tmp_path / "a.png")
    Image.fromarray(frame).convert("P").save(tmp_path / "p.png")
    Image.fromarray(frame).save(tmp_path / "j.JPG", quality=95)
    assert np.array_equal(read_image(tmp_path / "a.png"), frame)
    assert read_image(tmp_path / "p.png").shape == read_image(tmp_path / "j.JPG").shape == (SIZE, SIZE, 3)


def rewritten(change: Callable[[list[list[str]]], Any]) -> Callable[[Path], object]:
    """Return what changes the actions of the second episode."""

    def broken(folder: Path) -> None:
        path = folder / "episode 8" / "actions.csv"
        rows = list(csv.reader(path.read_text().splitlines()))
        change(rows)
        path.write_text("\n".join(",".join(row) for row in rows))

    return broken


def image_of(width: int, height: int, mode: str = "RGB") -> Callable[[Path], object]:
    return lambda folder: Image.new(mode, (width, height)).save(folder / "episode 8" / "frame-3.png")


def damage(folder: Path) -> None:
    path = folder / "episode 8" / "frame-3.png"
    path.write_bytes(path.read_bytes()[:60])


def emptied(folder: Path) -> None:
    for path in (folder / "episode 8").glob("*.png"):
        path.unlink()


FOLDERS: list[tuple[Callable[[Path], object], str]] = [
    (emptied, "episode 8 holds no images (.png, .jpg, .jpeg)"),
    (lambda f: [p.unlink() for p in (f / "episode 8").glob("*.png") if p.name != "frame-0.png"], "holds one image"),
    (image_of(40, 40), "frame-3.png: 40 × 40 pixels, and"),
    (image_of(40, 30), "frame-3.png: 40 × 30 pixels, not square"),
    (image_of(SIZE, SIZE, mode="I;16"), "frame-3.png: its pixels are of kind 'I;16'; save it with 8 bits"),
    (damage, "frame-3.png: no readable image"),
    (lambda f: (f / "episode 8" / "frame-3.png").write_bytes(b""), "frame-3.png: no readable image"),
    (lambda f: (f / "episode 8" / "actions.csv").unlink(), "actions.csv: no such file"),
    (lambda f: (f / "episode 8" / "positions.csv").unlink(), "episode 8 has no positions.csv"),
    (lambda f: (f / "episode 8" / "actions.csv").write_bytes(b"\xff\xfe\x00"), "actions.csv: no readable CSV"),
    (lambda f: (f / "episode 8" / "actions.csv").write_text(""), "the first row holds the names"),
    (rewritten(lambda rows: rows.pop(0)), "the first row holds the names"),
    (rewritten(lambda rows: rows.pop()), "one per frame, or"),
    (rewritten(lambda rows: rows.__setitem__(2, ["nan", "0"])), "row 2 holds no finite number"),
    (rewritten(lambda rows: rows.__setitem__(2, ["", "0"])), "row 2 holds no finite number"),
    (rewritten(lambda rows: rows.__setitem__(2, ["1e300", "0"])), "row 2 holds no finite number"),
    (rewritten(lambda rows: rows.__setitem__(2, ["left", "0"])), "row 2: 'left' is no number; the columns are x, y"),
    (rewritten(lambda rows: rows.__setitem__(2, ["0"])), "row 2: it has 1 numbers"),
    (rewritten(lambda rows: rows[0].reverse()), "has the columns y, x, and"),
    (shutil.rmtree, "no such file"),
    (lambda f: [shutil.rmtree(p) for p in f.iterdir()], "holds no sub-folders, one per episode; give a .npz"),
]


@pytest.mark.parametrize(("change", "says"), FOLDERS, ids=[says for _, says in FOLDERS])
def test_folders_that_cannot_be_learned_from_are_named(
    change: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    change(folders(tmp_path / "f"))
    assert says in refused("learn", str(tmp_path / "f"), "-o", str(tmp_path / "m.wm"))
    assert not (tmp_path / "m.wm").exists()


ARCHIVES: list[tuple[dict[str, Any], str]] = [
    ({"actions": None}, "holds no actions, only pixels, first, positions"),
    ({"pixels": None, "first": None}, "holds no pixels and no first"),
    ({"actions": np.array([["x"]], dtype=object)}, "actions cannot be read (Object arrays"),
    ({"positions": np.array([None])}, "positions cannot be read (Object arrays"),
    ({"actions": np.array([["1", "2"]])}, "actions are numbers, one row for each of"),
    ({"actions": np.zeros((3, 2))}, "actions are numbers, one row for each of"),
    ({"positions": np.zeros((3, 2))}, "positions are numbers, one row for each of"),
    ({"positions": np.full((len(recorded().actions), 1), np.inf)}, "positions: row 0 holds no finite number"),
    ({"actions": np.full((len(recorded().actions), 2), np.nan)}, "actions: row 0 holds no finite number"),
    ({"pixels": np.zeros((len(recorded().actions), 8, 9, 3), np.uint8)}, "(n, side, side, 3)"),
    ({"pixels": np.zeros((len(recorded().actions), 8, 8, 3))}, "uint8"),
    ({"first": np.array([0, 5])}, "first are the rows that episodes start at"),
    ({"first": recorded().first.astype(float)}, "first are the rows that episodes start at"),
    ({"first": np.array(3)}, "first are the rows that episodes start at"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "says"), ARCHIVES, ids=[says for _, says in ARCHIVES])
def test_archives_that_cannot_be_learned_from_are_named(changed: dict[str, Any], says: str, tmp_path: Path) -> None:
    place = archive(tmp_path / "a.npz", **changed)
    error = refused("learn", str(place), "-o", str(tmp_path / "m.wm"))
    assert says in error
    assert str(place) in error


def test_files_that_are_no_archives_are_named(tmp_path: Path) -> None:
    class Spy:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "opened",))

    learn = lambda: refused("learn", str(tmp_path / "a.npz"), "-o", str(tmp_path / "m.wm"))  # noqa: E731
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Spy()))
    assert "no readable .npz archive" in learn()
    assert not (tmp_path / "opened").exists()
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    assert "no readable .npz archive" in learn()
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    assert "a single array" in learn()
    whole = archive(tmp_path / "b.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:800] + bytes(400) + whole[1200:])
    assert "pixels cannot be read" in learn()
