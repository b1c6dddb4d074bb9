"""Recorded transitions in and out: JSONL, gzipped JSONL, Parquet, data frames, iterables.

Knows files and tables; what a row means is `rows`' business.
"""

from __future__ import annotations

import gzip
import itertools
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from wmagent.domain.types import Transition
from wmagent.errors import InputError
from wmagent.worlds.rows import checked, json_text, row_of, transition_from
from wmagent.worlds.strict_json import parse_json
from wmagent.worlds.tables import frame_rows, is_frame, parquet_rows, write_parquet

MAX_LINE = 10_000_000  # bytes of one line
_FORMS = ".jsonl, .jsonl.gz or .parquet"
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_transitions(source: object, limit: int | None = None) -> list[Transition]:
    """Return the transitions of a source, at most the first `limit`.

    `source` is a path (.jsonl, .jsonl.gz, .parquet), a polars or pandas frame, or an iterable of Transitions or row
    dicts. Raises InputError that names the file, the line or row, the key, and what to do.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InputError(f"limit must be a whole number of at least 1, not {limit!r}")
    name, rows = _open(source)
    found = [
        checked(row, place) if isinstance(row, Transition) else transition_from(row, place)
        for place, row in itertools.islice(rows, limit)
    ]
    if not found:
        raise InputError(f"{name}: holds no transitions")
    return found


def write_transitions(path: str | os.PathLike[str], transitions: Iterable[Transition]) -> None:
    """Write transitions to .jsonl, .jsonl.gz or .parquet; the file appears whole or not at all."""
    target = Path(path)
    form = _form(target)
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {str(target.parent)!r} does not exist; make it first")
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, form, transitions)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write(file: IO[bytes], form: str, transitions: Iterable[Transition]) -> None:
    rows = (row_of(transition) for transition in transitions)
    if form == ".parquet":
        write_parquet(file, rows)
        return
    lines = ((json_text(row, f"transition {number}") + "\n").encode() for number, row in enumerate(rows, 1))
    if form == ".jsonl":
        file.writelines(lines)
        return
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.writelines(lines)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _open(source: object) -> tuple[str, Iterator[tuple[str, Any]]]:
    """Return the source's name for errors, and its rows with the place of each."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if _form(path) == ".parquet":
            return str(path), parquet_rows(path)
        return str(path), _lines(path)
    if is_frame(source):
        return "the data frame", frame_rows(source)
    if isinstance(source, Iterable) and not isinstance(source, (bytes, bytearray, Mapping)):
        return "the transitions", ((f"row {number}", row) for number, row in enumerate(source, 1))
    raise InputError(
        f"cannot read transitions from {type(source).__name__}; give a path ({_FORMS}), a polars or pandas frame, "
        "or an iterable of transitions"
    )


def _form(path: Path) -> str:
    name = path.name.lower()
    for form in (".jsonl.gz", ".jsonl", ".parquet"):
        if name.endswith(form):
            return form
    raise InputError(f"{path}: transitions are kept in {_FORMS}; the name must end so")


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a JSONL file, gzipped or not."""
    number = 0
    try:
        with path.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            if start in _UTF16:
                raise InputError(f"{path}: looks like UTF-16; save the file as UTF-8")
            packed = start == _GZIP
            if path.name.lower().endswith(".gz") and start and not packed:
                raise InputError(f"{path}: is named .gz but is not gzip; rename or compress it")
            lines = gzip.GzipFile(fileobj=file) if packed else file
            for line in iter(lambda: lines.readline(MAX_LINE + 1), b""):
                number += 1
                place = f"{path}, line {number}"
                if len(line) > MAX_LINE:
                    raise InputError(f"{place}: longer than {MAX_LINE:,} bytes; one transition per line is expected")
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield place, parse_json(line.rstrip(), place)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: truncated or damaged gzip after line {number} ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
