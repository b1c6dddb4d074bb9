"""Transitions in tables: Parquet through pyarrow, polars and pandas frames. Knows columns, not what they mean.

In Parquet, `state`, `action` and `next_state` are JSON text when written here; objects and dotted columns are read too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from wmagent.errors import InputError
from wmagent.worlds.rows import json_text
from wmagent.worlds.strict_json import parse_json

_JSON_COLUMNS = ("state", "action", "next_state")
_BATCH = 10_000  # rows


def is_frame(source: object) -> bool:
    """Return whether this is a polars or pandas data frame; imports neither."""
    kind = type(source)
    return kind.__module__.split(".")[0] in ("polars", "pandas") and kind.__name__ in ("DataFrame", "LazyFrame")


def frame_rows(frame: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a polars or pandas frame with their places, counted from 1."""
    if type(frame).__name__ == "LazyFrame":
        frame = frame.collect()
    if hasattr(frame, "iter_rows"):
        rows: Iterable[dict[str, Any]] = frame.iter_rows(named=True)
    else:
        rows = [
            {key: None if _is_nan(value) else value for key, value in row.items()} for row in frame.to_dict("records")
        ]
    for number, row in enumerate(rows, 1):
        place = f"the data frame, row {number}"
        yield place, {key: _cell(key, value, place) for key, value in row.items()}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)  # what pandas makes of a missing cell


def parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a Parquet file with their places, counted from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    place = f"{path}, row {number}"
                    yield place, {key: _cell(key, value, place) for key, value in row.items()}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not readable as Parquet after row {number}: {reason}") from None


def write_parquet(file: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as Parquet in batches; facts and actions as JSON text, so that any mix of values fits."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    schema = pa.schema(
        {
            "case": text,
            "state": text,
            "action": text,
            "next_state": text,
            "error": text,
            "duration": number,
            "cost": number,
            "events": pa.list_(text),
            "done": pa.bool_(),
        }
    )
    with pq.ParquetWriter(file, schema) as writer:
        batch: list[dict[str, Any]] = []
        for number, row in enumerate(rows, 1):
            texts = {key: json_text(row[key], f"transition {number}: {key}") for key in _JSON_COLUMNS}
            batch.append(row | texts)
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))


def _cell(key: object, value: Any, place: str) -> Any:
    """Return a cell as the row format has it: JSON text read, maps as objects."""
    if isinstance(value, str) and key in _JSON_COLUMNS and value.lstrip()[:1] == "{":
        return parse_json(value, f"{place}: {key}")
    if isinstance(value, list) and value and key in _JSON_COLUMNS and all(isinstance(v, tuple) for v in value):
        return dict(value)
    return value
