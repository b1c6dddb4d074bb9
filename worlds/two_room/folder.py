"""Episodes on disk: Parquet columns, frames in safetensors, an index with hashes. Knows files, not how one walks.

The index is written after each shard, so a folder always says truly how far it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from wmagent.errors import InputError
from wmagent.worlds.two_room.world import TwoRoom

INDEX = "episodes.json"
_NUMBERS = ("x", "y", "action_x", "action_y", "goal_x", "goal_y")
_AGAIN = "collect again with the same arguments to repair it"


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(_Kept):
    """What a collection is made from; the same settings make the same bytes."""

    world: TwoRoom
    policy: dict[str, str | float]
    seed: int
    episodes: int
    most: int
    size: int
    frames: bool


class Shard(_Kept):
    """What the index says of one shard: how much is in it, and the SHA-256 of its files."""

    episodes: int
    rows: int
    columns: str
    frames: str | None


class Index(_Kept):
    """The file `episodes.json`."""

    kind: Literal["two-room episodes"] = "two-room episodes"
    format: Literal[1] = 1
    settings: Settings
    shards: tuple[Shard, ...] = ()


class Walks(NamedTuple):
    """Episodes one after another: positions and actions (rows, 2), rows of each episode (k,), goals (k, 2)."""

    positions: np.ndarray
    actions: np.ndarray
    lengths: np.ndarray
    goals: np.ndarray


class Folder:
    """A folder of shards, begun, gone on with or opened; rows are numbered through all shards."""

    def __init__(self, path: Path, index: Index) -> None:
        self.path, self.index = path, index
        self._frames: dict[int, Any] = {}  # of each shard whose file was found sound

    @classmethod
    def begin(cls, path: Path, settings: Settings) -> Folder:
        """Return the folder to write to: a new one, or one begun with the same settings; else InputError."""
        if (path / INDEX).exists():
            index = _read(path / INDEX)
            if index.settings != settings:
                raise InputError(
                    f"{path} holds episodes of other settings ({_difference(index.settings, settings)}); "
                    "give another folder, or the same settings to go on"
                )
            return cls(path, index)
        try:
            path.mkdir(parents=True, exist_ok=True)
            foreign = [name for name in sorted(os.listdir(path)) if not name.endswith(".part")]
        except OSError as error:
            raise InputError(f"{path}: cannot be made a folder: {error.strerror or error}") from None
        if foreign:
            raise InputError(f"{path} holds other files, such as {foreign[0]!r}; give a new or an empty folder")
        folder = cls(path, Index(settings=settings))
        folder._put(INDEX, folder._write_index)
        return folder

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Return a finished folder; InputError for any other."""
        index = _read(path / INDEX)
        done, wanted = sum(shard.episodes for shard in index.shards), index.settings.episodes
        if done != wanted:
            raise InputError(
                f"{path} is not finished: {done} of {wanted} episodes; collect again with the same arguments to go on"
            )
        return cls(path, index)

    def has(self, number: int) -> bool:
        """Return whether this shard is written and its files are as they were."""
        if number >= len(self.index.shards):
            return False
        files = {_columns_name(number): self.index.shards[number].columns}
        if self.index.settings.frames:
            files[_frames_name(number)] = self.index.shards[number].frames or ""
        return all(_hash(self.path / name) == known for name, known in files.items())

    def write(self, number: int, start: int, walks: Walks) -> None:
        """Write a shard of episodes numbered from `start`, then the index."""
        from safetensors.numpy import save_file

        settings = self.index.settings
        episode = np.repeat(np.arange(len(walks.lengths)), walks.lengths)
        numbers = np.concatenate([walks.positions, walks.actions, walks.goals[episode]], axis=1)
        self._put(_columns_name(number), lambda path: _write_columns(path, start + episode, numbers))
        if settings.frames:
            frames = settings.world.render(walks.positions, settings.size)
            self._put(_frames_name(number), lambda path: save_file({"frames": frames}, path))
        shard = Shard(
            episodes=len(walks.lengths),
            rows=len(walks.positions),
            columns=_hash(self.path / _columns_name(number)),
            frames=_hash(self.path / _frames_name(number)) if settings.frames else None,
        )
        known = self.index.shards
        self.index = self.index.model_copy(update={"shards": (*known[:number], shard, *known[number + 1 :])})
        self._frames.pop(number, None)
        self._put(INDEX, self._write_index)

    def walks(self) -> Walks:
        """Return all episodes; InputError where files are missing, damaged or foreign."""
        parts = [self._columns(number) for number in range(len(self.index.shards))]
        episode, numbers = (np.concatenate(part) for part in zip(*parts, strict=True))
        first = np.flatnonzero(np.diff(episode, prepend=-1, append=len(episode)))
        if len(first) != self.index.settings.episodes + 1 or (episode[first[:-1]] != np.arange(len(first) - 1)).any():
            raise InputError(f"{self.path}: the episodes are not those the index tells of; {_AGAIN}")
        return Walks(numbers[:, :2], numbers[:, 2:4], np.diff(first), numbers[first[:-1], 4:])

    def frames(self, rows: np.ndarray) -> np.ndarray:
        """Return the stored frames (k, size, size, 3), uint8, of rows (k,)."""
        size = self.index.settings.size
        found = np.empty((len(rows), size, size, 3), np.uint8)
        ends = np.cumsum([shard.rows for shard in self.index.shards])
        numbers = np.searchsorted(ends, rows, side="right")
        for number in np.unique(numbers).tolist():
            stored = self._stored(number)
            begin = int(ends[number]) - self.index.shards[number].rows
            for place in np.flatnonzero(numbers == number):
                at = int(rows[place]) - begin
                found[place] = stored[at : at + 1][0]
        return found

    def _columns(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path / _columns_name(number)
        self._check(path, self.index.shards[number].columns)
        try:
            table = pq.read_table(path, columns=["episode", *_NUMBERS])
            episode = table["episode"].to_numpy()
            numbers = np.stack([table[name].to_numpy().astype(np.float32) for name in _NUMBERS], axis=1)
        except (pa.ArrowException, KeyError, ValueError, OSError) as error:
            raise InputError(f"{path}: not the columns of Two-Room episodes ({error}); {_AGAIN}") from None
        return episode, numbers

    def _stored(self, number: int) -> Any:
        """Return what slices a shard's frames, once its file was found sound."""
        from safetensors import SafetensorError, safe_open

        if number not in self._frames:
            path, shard, size = self.path / _frames_name(number), self.index.shards[number], self.index.settings.size
            self._check(path, shard.frames or "")
            try:
                stored = safe_open(path, framework="numpy").get_slice("frames")
            except (SafetensorError, OSError) as error:
                raise InputError(f"{path}: not readable as safetensors ({error}); {_AGAIN}") from None
            if stored.get_dtype() != "U8" or stored.get_shape() != [shard.rows, size, size, 3]:
                raise InputError(
                    f"{path}: holds {stored.get_dtype()} {stored.get_shape()}, not uint8 of "
                    f"{[shard.rows, size, size, 3]}; {_AGAIN}"
                )
            self._frames[number] = stored
        return self._frames[number]

    def _check(self, path: Path, known: str) -> None:
        found = _hash(path)
        if not found:
            raise InputError(f"{path}: no such file; {_AGAIN}")
        if found != known:
            raise InputError(f"{path}: damaged, or not the file that was written here (its SHA-256 differs); {_AGAIN}")

    def _write_index(self, path: Path) -> None:
        path.write_text(self.index.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def _put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` fill a file that then appears whole; what a killed run left of it is overwritten by the next."""
        part = self.path / f".{name}.part"
        try:
            write(part)
            os.replace(part, self.path / name)
        except OSError as error:
            raise InputError(f"{self.path / name}: cannot be written: {error.strerror or error}") from None


def _columns_name(number: int) -> str:
    return f"shard-{number:05d}.parquet"


def _frames_name(number: int) -> str:
    return f"shard-{number:05d}.safetensors"


def _write_columns(path: Path, episode: np.ndarray, numbers: np.ndarray) -> None:
    """Write one row per position; the actions of an episode's last row are null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.array(numbers[:, at], from_pandas=True) for at, name in enumerate(_NUMBERS)}
    pq.write_table(pa.table({"episode": episode.astype(np.int32), **columns}), path)


def _read(path: Path) -> Index:
    try:
        return Index.model_validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a folder that `collect` wrote") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path}: not an index of Two-Room episodes: {place}: {first['msg']}") from None


def _difference(old: Settings, new: Settings) -> str:
    name = next(name for name in Settings.model_fields if getattr(old, name) != getattr(new, name))
    return f"{name}: {getattr(old, name)!r} there, {getattr(new, name)!r} given"


def _hash(path: Path) -> str:
    """Return the hex SHA-256 of a file, "" where there is none to read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
