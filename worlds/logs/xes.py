"""XES files to a table, event by event. Knows XML; must not know what columns mean."""

from __future__ import annotations

import pyexpat
from collections.abc import Callable
from pathlib import Path

import polars as pl

from wmagent.errors import InputError
from wmagent.worlds.logs.opening import chunks

CASE_PREFIX = "case:"
Column = tuple[list[int], list[str | None]]  # rows, values


def read_xes(path: Path, progress: Callable[[float], None] | None = None) -> pl.DataFrame:
    """Return a row per event, attributes of traces as `case:…` columns, all values as text; `case` numbers the traces.

    Attributes inside attributes are left out. InputError for what is no XES, for document types and entities (which no
    log needs, and which attacks are made of), and for files that end too early.
    """
    parser = pyexpat.ParserCreate()
    parser.buffer_text = True
    events: dict[str, Column] = {}
    traces: dict[str, Column] = {}
    case_of: list[int] = []
    place = _Place()

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "event":
            place.inside, place.depth = 2, 0
            case_of.append(place.cases - 1)
        elif name == "trace":
            place.inside, place.depth = 1, 0
            place.cases += 1
        elif place.inside:
            if not place.depth and (key := attributes.get("key")) is not None:
                rows, values = (events if place.inside == 2 else traces).setdefault(key, ([], []))
                rows.append(len(case_of) - 1 if place.inside == 2 else place.cases - 1)
                values.append(attributes.get("value"))
            place.depth += 1
        elif name == "log":
            place.opened = True

    def end(name: str) -> None:
        if name == "event":
            place.inside = 1
        elif name == "trace":
            place.inside = 0
        elif place.inside:
            place.depth -= 1

    def refuse(*_: object) -> None:
        raise InputError(
            f"{path}: line {parser.CurrentLineNumber} declares a document type or an entity; event logs need neither, "
            "and they can be used for attacks. Remove the declaration, or export the log anew"
        )

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        for part in chunks(path, progress):
            parser.Parse(part, False)
        parser.Parse(b"", True)
    except pyexpat.ExpatError as error:
        raise InputError(f"{path}: no well-formed XML ({error}); is the file whole, and is it XES?") from error
    if not place.opened:
        raise InputError(f"{path}: no XES log: there is no <log> in it")
    columns = {name: _series(name, column, len(case_of)) for name, column in events.items()}
    numbers = pl.Series("case", case_of, pl.Int64)
    for name, column in traces.items():
        columns[CASE_PREFIX + name] = _series(CASE_PREFIX + name, column, place.cases).gather(numbers)
    return pl.DataFrame([numbers.alias("trace"), *columns.values()])


class _Place:
    """Where the parser is: outside, in a trace (1) or an event (2), and how deep in its attributes."""

    def __init__(self) -> None:
        self.inside = self.depth = self.cases = 0
        self.opened = False


def _series(name: str, column: Column, n: int) -> pl.Series:
    rows, values = column
    if len(rows) == n and rows[-1:] == [n - 1]:
        return pl.Series(name, values, pl.String)
    full: list[str | None] = [None] * n
    for row, value in zip(rows, values, strict=True):
        full[row] = value
    return pl.Series(name, full, pl.String)
