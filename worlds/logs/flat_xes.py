"""XES whose traces and events hold nothing but plain attributes, read by whole arrays instead of element by element.
Knows XML well enough to give up at anything else; must not know what columns mean.

Quotes cut a file into texts. The texts outside of quotes are few different ones, such as `/>␤<string key=`; each is
understood once, and then all its occurrences are. What is not understood is left to a real parser.
"""

from __future__ import annotations

import pyexpat
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from wmagent.errors import InputError
from wmagent.worlds.logs.opening import chunks

BLOCK = 1 << 22  # bytes that are read at once
LONGEST = 1 << 26  # bytes before the first trace, or of one trace, at most
BEGIN, END = b"<trace", b"</trace>"
OUTSIDE, TRACE, EVENT = 0, 1, 2  # where an attribute, or a tag, stands
_TEXT = re.compile(
    r"(?P<close>[ \t\r\n]*/>)?(?P<tags>(?:[ \t\r\n]*</?(?:trace|event)>)*)[ \t\r\n]*"
    r"(?P<open><(?!(?:trace|event)[ \t\r\n])[A-Za-z_][A-Za-z0-9_.-]*[ \t\r\n]+key=)?"
)
_STEPS = {
    "<trace>": (OUTSIDE, TRACE),
    "<event>": (TRACE, EVENT),
    "</event>": (EVENT, TRACE),
    "</trace>": (TRACE, OUTSIDE),
}
_VALUE = int.from_bytes(b'" value=', "little")
_NAMED = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
_NO_XML = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # the characters that UTF-8 has and XML has not


class Unusual(Exception):
    """A file is not as flat as it has to be."""


@dataclass
class Flat:
    """Traces and events by attribute: `case_of` (events,) is the number of each event's trace, `events` and `traces`
    hold a row per event and per trace."""

    cases: int = 0
    case_of: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    events: dict[str, pl.Series] = field(default_factory=dict)
    traces: dict[str, pl.Series] = field(default_factory=dict)


def read_flat(path: Path, progress: Callable[[float], None] | None = None) -> Flat | None:
    """Return a file's traces and events, or None where anything in it is unusual, wrong included."""
    blocks: list[Flat] = []
    header: bytes | None = None
    left = b""
    try:
        for part in chunks(path, progress):
            left += part
            if header is None and (at := left.find(BEGIN)) >= 0:
                header, left = left[:at], left[at:]
            if header is not None and len(left) >= BLOCK and (at := left.rfind(END)) >= 0:
                blocks.append(_block(left[: at + len(END)]))
                left = left[at + len(END) :]
            if len(left) > LONGEST:
                return None
        if header is None:
            return None
        at = left.rfind(END)
        if at >= 0:
            blocks.append(_block(left[: at + len(END)]))
            left = left[at + len(END) :]
    except (Unusual, InputError):  # what is wrong is said by the parser that reads everything
        return None
    return _together(blocks) if blocks and _surrounds(header, left) else None


def _surrounds(header: bytes, tail: bytes) -> bool:
    """Return whether a trace between the two would be the only one, inside of <log>, in well-formed UTF-8 without
    document type and entities."""
    parser = pyexpat.ParserCreate()
    found: list[tuple[int, str, int]] = []
    usual, depth = True, 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal depth
        if depth == 0 or (depth == 1 and name in ("trace", "event")):
            found.append((depth, name, parser.CurrentByteIndex))
        depth += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(version: str, encoding: str | None, _: int) -> None:
        nonlocal usual
        usual = usual and version == "1.0" and (encoding or "utf-8").lower() == "utf-8"

    def refuse(*_: object) -> None:
        nonlocal usual
        usual = False

    parser.StartElementHandler, parser.EndElementHandler, parser.XmlDeclHandler = start, end, declared
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(header + b"<trace/>" + tail, True)
    except pyexpat.ExpatError:
        return False
    return usual and [one[:2] for one in found] == [(0, "log"), (1, "trace")] and found[1][2] == len(header)


@dataclass(frozen=True)
class _Outside:
    """What a text outside of quotes does: does it close an attribute and open another, where it must stand and where
    the next attribute does (-1: anywhere, there), how many traces and events begin in it."""

    closes: bool
    opens: bool
    needs: int
    leaves: int
    traces: int
    events: int

    @staticmethod
    def of(text: str) -> _Outside:
        matched = _TEXT.fullmatch(text)
        if matched is None:
            raise Unusual
        tags = re.findall(r"</?\w+>", matched["tags"])
        for before, after in pairwise(tags):
            if _STEPS[before][1] != _STEPS[after][0]:
                raise Unusual
        events = tags.count("<event>")
        if events > 1 or (events and "<trace>" in tags[tags.index("<event>") :]):
            raise Unusual
        needs, leaves = (_STEPS[tags[0]][0], _STEPS[tags[-1]][1]) if tags else (-1, -1)
        return _Outside(bool(matched["close"]), bool(matched["open"]), needs, leaves, tags.count("<trace>"), events)


def _block(block: bytes) -> Flat:
    """Return the traces of a part of a file that ends with one; Unusual for what is no flat XES or no XML."""
    data = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(data == ord('"'))
    if len(quotes) % 4:
        raise Unusual
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError as error:
            raise Unusual from error
        if any(one in block for one in _NO_XML):
            raise Unusual
    eight = np.ndarray((max(0, len(block) - 7),), "<u8", block, strides=(1,))
    if not (eight[quotes[1::4]] == _VALUE).all() or (quotes[2::4] - quotes[1::4] != 8).any():
        raise Unusual
    texts = _texts(block, quotes)
    outside = texts.take(pa.array(np.arange(0, len(quotes) + 1, 4) * 2)).dictionary_encode()
    found, code = outside.dictionary.to_pylist(), outside.indices.to_numpy()
    _only_outside(data, found, code)
    known = [_Outside.of(text) for text in found]
    steps = np.array([[one.closes, one.opens, one.needs, one.leaves, one.traces, one.events] for one in known])[code]
    closes, opens, needs, leaves, traces, events = steps.T
    tagged = np.maximum.accumulate(np.where(leaves >= 0, np.arange(len(code)), -1))
    where = np.where(tagged >= 0, leaves[tagged], OUTSIDE)  # after each text
    before = np.append(OUTSIDE, where[:-1])
    right = closes[1:].all() and opens[:-1].all() and not closes[0] and not opens[-1]
    if not right or ((needs >= 0) & (needs != before)).any() or (where[:-1] == OUTSIDE).any() or where[-1] != OUTSIDE:
        raise Unusual
    case, event = np.cumsum(traces) - 1, np.cumsum(events) - 1
    flat = Flat(int(case[-1]) + 1, case[events > 0])
    keys = texts.take(pa.array(np.arange(1, len(quotes) + 1, 4) * 2)).dictionary_encode()
    names, key = keys.dictionary.to_pylist(), keys.indices.to_numpy()
    for place, columns, row, n in (
        (EVENT, flat.events, event, len(flat.case_of)),
        (TRACE, flat.traces, case, flat.cases),
    ):
        here = np.flatnonzero(where[:-1] == place)
        having = [here[key[here] == number] for number in range(len(names))]
        for number in sorted((n for n in range(len(names)) if len(having[n])), key=lambda n: having[n][0]):
            columns[names[number]] = _column(names[number], texts, row[having[number]], having[number], n)
    return flat


def _texts(block: bytes, quotes: NDArray[np.int64]) -> pa.LargeStringArray:
    """Return a block as texts without a copy: 0, 4, 8 … are those between quotes, from outside to inside in turn, and
    1, 3, 5 … the quotes."""
    cuts = np.empty(2 * len(quotes) + 2, np.int64)
    cuts[0], cuts[1:-1:2], cuts[2:-1:2], cuts[-1] = 0, quotes, quotes + 1, len(block)
    return pa.LargeStringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), pa.py_buffer(block))


def _only_outside(data: NDArray[np.uint8], found: list[str], code: NDArray[np.int32]) -> None:
    """Raise Unusual where a tag begins, a line ends or a control character stands inside of quotes."""
    times = np.bincount(code, minlength=len(found))
    for here, pattern in ((data < 32, r"[\t\r\n]"), (data == ord("<"), "<")):
        if np.count_nonzero(here) != sum(
            n * len(re.findall(pattern, text)) for n, text in zip(times, found, strict=True)
        ):
            raise Unusual


def _column(
    name: str, texts: pa.LargeStringArray, rows: NDArray[np.int64], attributes: NDArray[np.int64], n: int
) -> pl.Series:
    """Return the values of some attributes, each at its row; where a row has several the last counts."""
    if name in ("", "@trace") or "&" in name:
        raise Unusual
    at = np.full(n, -1)
    at[rows] = (4 * attributes + 3) * 2
    values = pl.from_arrow(texts.take(pa.array(at, mask=at < 0)))
    assert isinstance(values, pl.Series)
    values = values.alias(name)
    odd = values.str.contains("&", literal=True).fill_null(False)
    if odd.any():
        named = {said: _unescaped(said) for said in values.filter(odd).unique().to_list()}
        values = values.replace(list(named), list(named.values()))
    return values


def _unescaped(said: str) -> str:
    if re.sub("|".join(_NAMED), "", said).count("&"):
        raise Unusual
    return re.sub("|".join(_NAMED), lambda found: _NAMED[found[0]], said)


def _together(blocks: list[Flat]) -> Flat:
    """Return blocks as one; columns are in the order in which they first appear."""
    before = np.cumsum([0, *(one.cases for one in blocks)])
    whole = Flat(int(before[-1]), np.concatenate([one.case_of + n for one, n in zip(blocks, before, strict=False)]))
    for columns, parts, sizes in (
        (whole.events, [one.events for one in blocks], [len(one.case_of) for one in blocks]),
        (whole.traces, [one.traces for one in blocks], [one.cases for one in blocks]),
    ):
        for name in dict.fromkeys(name for part in parts for name in part):
            columns[name] = pl.concat(
                [
                    part[name] if name in part else pl.Series(name, [None], pl.String).new_from_index(0, n)
                    for part, n in zip(parts, sizes, strict=True)
                ]
            )
    return whole
