"""CSV, Parquet and frames to one table of texts. Knows tables; must not know what columns mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from wmagent.errors import InputError
from wmagent.worlds.logs.opening import chunks, whole

MARKS = (",", ";", "\t", "|")
UTF8 = ("utf8", "utf-8", "utf-8-sig")
PEEK = 1 << 16


def read_csv(
    path: Path, delimiter: str | None, encoding: str | None, progress: Callable[[float], None] | None
) -> pl.DataFrame:
    """Return a CSV file with all values as texts; InputError names the delimiter or encoding to give instead."""
    raw = whole(path, progress)
    used = checked_delimiter(path, raw[:PEEK], delimiter, encoding)
    if (encoding or "utf8").lower() not in UTF8:
        try:
            raw = raw.decode(encoding or "utf8").encode()
        except (UnicodeDecodeError, LookupError) as error:
            raise wrong_encoding(path, encoding, error) from error
    try:
        return pl.read_csv(raw, separator=used, infer_schema=False, quote_char='"')
    except pl.exceptions.PolarsError as error:
        if "utf-8" in str(error):
            raise wrong_encoding(path, encoding, error) from error
        raise InputError(f"{path}: no CSV file that can be read ({error}); is the delimiter {used!r} right?") from error


def peek(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked."""
    return next(chunks(path), b"")[:PEEK]


def checked_delimiter(path: Path, start: bytes, delimiter: str | None, encoding: str | None) -> str:
    """Return the delimiter to use (, unless given); InputError where the first line shows another."""
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii()):
        raise InputError(f"a delimiter is one ASCII character such as ; or a tab, not {delimiter!r}")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and not (encoding or "").lower().startswith("utf-16"):
        raise InputError(f'{path}: this is UTF-16; give encoding="utf-16" (--column encoding=utf-16)')
    try:
        first = start.decode(encoding or "utf8", errors="replace").split("\n", 1)[0]
    except LookupError as error:
        raise wrong_encoding(path, encoding, error) from error
    used = delimiter or ","
    most = max(MARKS, key=first.count)
    fewer = first.count(used) == 0 if delimiter else first.count(used) < first.count(most)
    if most in first and fewer:
        raise InputError(
            f"{path}: the first line has {first.count(used) or 'no'} {used!r} but {first.count(most)} {most!r}; give "
            f"delimiter={most!r} (--column delimiter={most!r}). The line: {first[:200]!r}"
        )
    return used


def wrong_encoding(path: Path, encoding: str | None, error: Exception) -> InputError:
    """Return the error for a file that is not in the encoding in which it was read."""
    return InputError(
        f'{path}: not in the encoding {encoding or "utf8"} ({error}); give another, such as encoding="cp1252" '
        "(--column encoding=cp1252)"
    )


def read_parquet(path: Path) -> pl.DataFrame:
    """Return a Parquet file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: no Parquet file ({error}; {path.stat().st_size:,} bytes)") from error


def from_frame(frame: Any) -> pl.DataFrame:
    """Return a polars or pandas frame as a polars frame."""
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if not (hasattr(frame, "columns") and hasattr(frame, "to_dict")):
        raise InputError(f"an event log is a file or a frame, not {type(frame).__name__}")
    import pyarrow as pa

    if len(set(frame.columns)) < len(frame.columns) or not all(isinstance(name, str) for name in frame.columns):
        raise InputError(f"columns need names that are texts and differ; columns: {list(frame.columns)!r}"[:600])
    try:
        return pl.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(
            f"a column of the frame mixes kinds of values ({error}); make it one kind first, such as "
            'frame["…"].astype(str)'
        ) from error
