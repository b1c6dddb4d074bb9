"""Large CSV and Parquet logs in parts, in bounded memory. Knows both formats; must not know what is done with parts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.worlds.logs.columns import Counted, Layout, assemble, mapping
from wmagent.worlds.logs.opening import chunks
from wmagent.worlds.logs.tabular import checked_delimiter, peek, wrong_encoding

BLOCK = 1 << 23  # bytes of a CSV file that are read at once


def stream_log(
    path: str | Path,
    *,
    case: str | None = None,
    activity: str | None = None,
    time: str | None = None,
    resource: str | None = None,
    lifecycle: str | None = None,
    begun: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    skip_bad: bool = False,
    batch: int = 500_000,
    counted: Counted | None = None,
) -> Iterator[EventLog]:
    """Yield a .csv, .csv.gz or .parquet log as event logs of about `batch` events, in the order of the file.

    The case of a part's last row is held back for the next part, so logs that are grouped by case come in whole cases;
    where cases interleave, a case comes again in later parts under the same name. Case attributes are `case:…` columns
    only, and the first part decides which columns are numbers. `counted` takes what was skipped and met. Errors as
    `read_log`.
    """
    if batch < 1:
        raise InputError(f"a part has at least one event, not {batch}")
    path = Path(path)
    counted, layout = counted or Counted(), Layout(fixed=True)
    roles: dict[str, str] = {}
    held: list[pl.DataFrame] = []
    for table in _tables(path, delimiter, encoding, batch):
        roles = roles or mapping(
            table.columns,
            case=case,
            activity=activity,
            time=time,
            resource=resource,
            lifecycle=lifecycle,
            begun=begun,
        )
        held.append(table)
        if sum(map(len, held)) < batch:
            continue
        table = pl.concat(held)
        ids = table[roles["case"]]
        ready = ids.ne_missing(ids[-1])
        if not ready.any() or len(table) > 2 * batch:  # one case longer than a part, or many of them
            ready = pl.Series([True]).new_from_index(0, len(table))
        held = [table.filter(~ready)]
        yield from _part(table.filter(ready), roles, skip_bad, counted, layout)
    if held and len(rest := pl.concat(held)):
        yield from _part(rest, roles, skip_bad, counted, layout)
    elif not roles:
        raise InputError(f"{path}: there is no row in it")


def _part(
    table: pl.DataFrame, roles: dict[str, str], skip_bad: bool, counted: Counted, layout: Layout
) -> Iterator[EventLog]:
    log = assemble(table, roles, skip_bad, counted, layout)
    layout.rows += len(table)
    if len(log):
        yield log


def _tables(path: Path, delimiter: str | None, encoding: str | None, batch: int) -> Iterator[pl.DataFrame]:
    import pyarrow as pa

    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        raise InputError(f"{path}: only .csv, .csv.gz and .parquet are read in parts; read_log reads other kinds")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        for part in _parquet(path, batch) if name.endswith(".parquet") else _csv(path, delimiter, encoding):
            table = pl.from_arrow(part)
            assert isinstance(table, pl.DataFrame)
            yield table
    except (pa.ArrowException, UnicodeError) as error:
        if "UTF8" in str(error) or isinstance(error, UnicodeError):
            raise wrong_encoding(path, encoding, error) from error
        size = path.stat().st_size
        raise InputError(f"{path}: cannot be read as {name.rpartition('.')[2]} ({error}; {size:,} bytes)") from error


def _parquet(path: Path, batch: int) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:  # buffered, all of it would stay in memory
        yield from file.iter_batches(batch_size=min(batch, 1 << 17))


def _csv(path: Path, delimiter: str | None, encoding: str | None) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    start = peek(path)
    used = checked_delimiter(path, start, delimiter, encoding)
    reading = csv.ReadOptions(block_size=BLOCK, encoding=encoding or "utf8", use_threads=False)
    parsing = csv.ParseOptions(delimiter=used, newlines_in_values=True)
    names = csv.open_csv(
        io.BytesIO(start[: start.rfind(b"\n") + 1] or start), read_options=reading, parse_options=parsing
    ).schema.names
    texts = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    with csv.open_csv(_Stream(path), read_options=reading, parse_options=parsing, convert_options=texts) as file:
        yield from file


class _Stream(io.RawIOBase):
    """The unpacked bytes of a file, for readers that ask for some at a time."""

    def __init__(self, path: Path) -> None:
        self.parts, self.left = chunks(path), b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        while not self.left:
            if (part := next(self.parts, None)) is None:
                return b""
            self.left = part
        part, self.left = self.left[:size], self.left[size:]
        return part
