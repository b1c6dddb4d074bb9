"""Logs that grow: a CSV or JSON-lines file, or standard input, whose lines become events as they are written.
Knows bytes and lines; must not know models."""

from __future__ import annotations

import csv
import json
import os
import time as clock
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from wmagent.domain.happening import Happening
from wmagent.errors import InputError
from wmagent.worlds.logs.columns import mapping
from wmagent.worlds.logs.moments import Moments

PAUSE = 0.2  # seconds between two looks at a file that has not grown
CHUNK = 1 << 16
LONGEST = 1 << 20  # bytes of a line
GZIP = b"\x1f\x8b"
PACKED = "a packed file does not grow line by line; unpack it: gunzip -c FILE.gz | wmagent watch MODEL -"
MARKS = ",;\t|"
START_AGAIN = None  # stands between lines: what follows belongs to a new file


def lines_of(path: Path, follow: bool = False) -> Iterator[bytes | None]:
    """Yield the lines of a file, and with `follow` those that are still to be written, without end. A line that is only
    partly written waits for its rest. START_AGAIN comes where the file was cut off or replaced by another."""
    while True:
        with path.open("rb") as file:
            yield from split(_parts(path, file, follow))
        if not follow:
            return
        yield START_AGAIN
        while not path.is_file():
            clock.sleep(PAUSE)


def _parts(path: Path, file: BinaryIO, follow: bool) -> Iterator[bytes]:
    """Yield what is in an open file and what is added, until it is no longer the file of that name."""
    mine, read = os.fstat(file.fileno()).st_ino, 0
    while True:
        while part := file.read(CHUNK):
            read += len(part)
            yield part
        if not follow:
            return
        try:
            now = path.stat()
        except FileNotFoundError:
            return
        if now.st_ino != mine or now.st_size < read:
            return
        clock.sleep(PAUSE)


def split(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield whole lines of bytes that come in parts, without their ends; the last needs none. Of a line that is longer
    than LONGEST only the beginning is kept, so that it is no line that can be read."""
    held = b""
    for part in parts:
        *whole, held = (held + part).split(b"\n")
        yield from (line.removesuffix(b"\r") for line in whole)
        held = held[: LONGEST + 1]
    if held:
        yield held.removesuffix(b"\r")


@dataclass
class Growing:
    """Reads lines as events: CSV with a header, or JSON objects. `columns` are roles and their names where they are not
    the usual ones (also delimiter, encoding). `lifecycle` as elsewhere: complete or all.

    Lines that cannot be used are counted in `bad` and told to `complain`, with their number; events that are not
    completed ones are counted in `left_out`. InputError where a header does not say which columns are case, activity
    and time.
    """

    columns: Mapping[str, str]
    complain: Callable[[str], None]
    lifecycle: str = "complete"
    bad: int = 0
    left_out: int = 0
    _header: list[str] | None = None
    _json: bool | None = None
    _mark: str = ","
    _roles: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    _moments: Moments = field(init=False)

    def __post_init__(self) -> None:
        """Begin with times of which nothing is known."""
        self._moments = Moments(self.complain)

    def events(self, lines: Iterator[bytes | None]) -> Iterator[Happening]:
        """Yield the events of lines, each as soon as its line is there."""
        number = 0
        for line in lines:
            if line is None:
                self.complain(f"the file was cut off or replaced after line {number}; it is read from its start again")
                number, self._header, self._json = 0, None, None
                continue
            number += 1
            try:
                event = self._event(line)
            except InputError:
                raise
            except (ValueError, csv.Error) as error:
                self.bad += 1
                self.complain(f"line {number} was left out: {error}")
                continue
            if event is not None:
                yield event

    def _event(self, line: bytes) -> Happening | None:
        if len(line) > LONGEST:
            raise ValueError(f"it is longer than {LONGEST:,} bytes")
        if self._json is None and line.startswith(GZIP):
            raise InputError(PACKED)
        text = line.decode(self.columns.get("encoding", "utf-8-sig"))
        if not text.strip():
            return None
        if self._json is None:
            self._json = text.lstrip().startswith("{")
        row = self._object(text) if self._json else self._row(text)
        return None if row is None else self._read(row)

    def _object(self, text: str) -> dict[str, Any]:
        try:
            row = json.loads(text)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(row, dict):
            raise ValueError(f"a JSON {type(row).__name__} is no event; write an object such as "
                             '{"case": "4711", "activity": "check", "time": "2026-03-01T09:30:00Z"}')  # fmt: skip
        return row

    def _row(self, text: str) -> dict[str, Any] | None:
        if self._header is None:
            given = self.columns.get("delimiter")
            self._mark = given or max(MARKS, key=text.count)
            self._header = next(csv.reader([text], delimiter=self._mark))
            self._named(tuple(self._header))
            return None
        if text.count('"') % 2:
            raise ValueError("a quotation mark is left open; values must not hold line breaks here")
        values = next(csv.reader([text], delimiter=self._mark))
        if len(values) != len(self._header):
            raise ValueError(f"it has {len(values)} values, the header has {len(self._header)} columns")
        return dict(zip(self._header, values, strict=True))

    def _named(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return role -> column, for the columns or keys at hand."""
        if names not in self._roles:
            given = {role: name for role, name in self.columns.items() if role not in ("delimiter", "encoding")}
            self._roles[names] = mapping(names, **given)
        return self._roles[names]

    def _read(self, row: dict[str, Any]) -> Happening | None:
        try:
            roles = self._named(tuple(row))
        except InputError as error:
            raise ValueError(str(error)) from error
        case, activity = (_text(row[roles[role]], role) for role in ("case", "activity"))
        moment = self._moments.read(row[roles["time"]])
        if (transition := row.get(roles.get("lifecycle", ""))) and self.lifecycle == "all":
            activity = f"{activity}+{str(transition).lower()}"
        elif transition and str(transition).lower() != "complete":
            self.left_out += 1
            return None
        who = row.get(roles.get("resource", ""))
        rest = {name: value for name, value in row.items() if name not in roles.values() and value not in (None, "")}
        said = {name: value for name, value in rest.items() if isinstance(value, str | int | float)}
        return Happening(case, activity, moment, None if who in (None, "") else str(who), said)


def _text(value: object, role: str) -> str:
    if value is None or value == "" or isinstance(value, dict | list | bool):
        raise ValueError(f"it has no {role}")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
