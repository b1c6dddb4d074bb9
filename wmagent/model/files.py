"""Safe files: safetensors and JSON, written atomically, read with checks. Knows no model; nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from wmagent.errors import CheckpointError


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it into place; a failure leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder beside `path`, then move it into place; an older model there is replaced as a whole.

    CheckpointError where something else than a model is at `path`; a failure leaves what was there.
    """
    if path.exists() and not (path / "config.json").exists():
        raise CheckpointError(f"{path} exists and is not a world model; choose another place or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    folder.chmod(0o755)
    try:
        write(folder)
        old = path.with_name(f".{path.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        folder.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; NaN is refused."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file atomically."""
    from safetensors.torch import save_file

    write_atomic(path, lambda temporary: save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary))


def read_json(path: Path) -> Any:
    """Read a JSON file of a checkpoint."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a readable JSON file ({error}); it is damaged") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {
            k: v.clone() for k, v in load_file(path).items()
        }  # clones are aligned: results stay the same bit for bit
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a readable safetensors file ({error}); the checkpoint is damaged"
        ) from error


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} is missing or unreadable; the checkpoint is incomplete") from error
