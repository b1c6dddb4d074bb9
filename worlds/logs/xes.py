"""XES files to a table, event by event. Knows XML; must not know what columns mean."""

from __future__ import annotations

import pyexpat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from wmagent.errors import InputError
from wmagent.worlds.logs.columns import CASE_PREFIX, TRACE
from wmagent.worlds.logs.flat_xes import Flat, read_flat
from wmagent.worlds.logs.opening import chunks

LOG, PART, INSIDE, ATTRIBUTE = 1, 2, 3, 4  # how deep elements stand: <log>, <trace>, <event>, attributes of an event
Column = tuple[list[int], list[str | None]]  # rows, values


def read_xes(path: Path, progress: Callable[[float], None] | None = None) -> tuple[pl.DataFrame, int]:
    """Return a row per event and the number of traces without any. Attributes of traces are `case:…` columns, all
    values are text, and `@trace` numbers the traces.

    Attributes inside attributes are left out. InputError for what is no XES, for document types and entities (which no
    log needs, and which attacks are made of), and for files that end too early.
    """
    flat = read_flat(path, progress) or _parsed(path, progress)
    case_of = pl.Series(TRACE, flat.case_of, pl.Int64)
    columns = {key: column for key, column in flat.events.items() if key != TRACE}
    for key, column in flat.traces.items():
        name = CASE_PREFIX + key
        columns[name] = column.alias(name).gather(case_of)
    return pl.DataFrame([case_of, *columns.values()]), flat.cases - case_of.n_unique()


def _parsed(path: Path, progress: Callable[[float], None] | None) -> Flat:
    """Return a file's traces and events, element by element."""
    reader = _Reader(path)
    parser = reader.parser
    try:
        for part in chunks(path, progress):
            parser.Parse(part, False)
        parser.Parse(b"", True)
    except pyexpat.ExpatError as error:
        raise InputError(f"{path}: no well-formed XML ({error}); is the file whole, and is it XES?") from error
    if not reader.opened:
        raise InputError(f"{path}: no XES log: there is no <log> in it")
    n = len(reader.case_of)
    return Flat(
        reader.cases,
        np.array(reader.case_of, np.int64),
        {key: _series(key, column, n) for key, column in reader.events.items()},
        {key: _series(key, column, reader.cases) for key, column in reader.traces.items()},
    )


class _Reader:
    """What the parser has met so far.

    Ends of elements are only counted: `append` of a list as their handler costs no Python call, and the next start
    takes as many levels off. This halves the time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = False
        self.cases = 0
        self.case_of: list[int] = []
        self.events: dict[str, Column] = {}
        self.traces: dict[str, Column] = {}
        self.parser = parser = pyexpat.ParserCreate()
        parser.ordered_attributes = True
        ended: list[str] = []
        parser.EndElementHandler = ended.append
        parser.StartElementHandler = self._starts(ended)
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._refuse

    def _starts(self, ended: list[str]) -> Callable[[str, list[str]], None]:
        depth, event, in_event, in_trace = 0, -1, False, False
        events, traces, case_of, clear = self.events, self.traces, self.case_of, ended.clear

        def start(name: str, attributes: list[str]) -> None:
            nonlocal depth, event, in_event, in_trace
            depth += 1 - len(ended)
            clear()
            if depth == ATTRIBUTE and in_event:
                known = len(attributes) == 4 and attributes[0] == "key"
                key, value = (attributes[1], attributes[3]) if known else _key_and_value(attributes)
                if (column := events.get(key)) is None:
                    if not key:
                        return
                    column = events[key] = ([], [])
                column[0].append(event)
                column[1].append(value)
            elif depth == INSIDE:
                in_event = in_trace and name == "event"
                if in_event:
                    event += 1
                    case_of.append(self.cases - 1)
                elif in_trace:
                    key, value = _key_and_value(attributes)
                    if key:
                        rows, values = traces.setdefault(key, ([], []))
                        rows.append(self.cases - 1)
                        values.append(value)
            elif depth == PART:
                in_trace, in_event = name == "trace", False
                self.cases += in_trace
                if name == "event":
                    line = self.parser.CurrentLineNumber
                    raise InputError(f"{self.path}: line {line} has an event outside of a trace")
            elif depth == LOG:
                self.opened = name == "log"

        return start

    def _refuse(self, *_: object) -> None:
        raise InputError(
            f"{self.path}: line {self.parser.CurrentLineNumber} declares a document type or an entity; event logs need "
            "neither, and they can be used for attacks. Remove the declaration, or export the log anew"
        )


def _key_and_value(attributes: list[str]) -> tuple[str, str | None]:
    """Return the two ("" without a key) from names and values in turn, as parsers give them."""
    named = dict(zip(attributes[::2], attributes[1::2], strict=True))
    return named.get("key", ""), named.get("value")


def _series(name: str, column: Column, n: int) -> pl.Series:
    rows, values = column
    if len(rows) == n and np.array_equal(rows, np.arange(n)):
        return pl.Series(name, values, pl.String)
    full: list[str | None] = [None] * n
    for row, value in zip(rows, values, strict=True):
        full[row] = value
    return pl.Series(name, full, pl.String)
