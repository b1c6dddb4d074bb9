"""XES read by whole arrays: what the parser reads is read alike, and what is unusual or wrong is left to the parser."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from tests.event_logs import loans, xes
from wmagent.errors import InputError
from wmagent.worlds.logs import flat_xes, opening
from wmagent.worlds.logs.flat_xes import read_flat
from wmagent.worlds.logs.xes import read_xes

HEAD = b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<!-- of ours -->\n<log><global scope="event"/>'
EVENT = (
    b'<event>\n<string key="concept:name" value="pr\xc3\xbcfen &amp; \'mehr\'"/>\r\n<int key="n" value="1" /></event>'
)
LOG = (
    HEAD + b'\n<trace>\n\t<string key="concept:name" value="a"/>' + EVENT + EVENT + b'<float key="amount" value="1.5"/>'
    b'</trace><trace></trace><trace><event><string key="late" value=""/></event>'
    b'<string key="concept:name" value="b"/></trace>\n</log>\n<!-- end -->'
)
ODD = (b"<", b">", b'"', b"'", b"&", b"&#65;", b"\n", b"\x01", b"\xff", b"\xef\xbf\xbf", b"text", b"<event>",
       b"</event>", b"<trace>", b"</trace>", b"<event/>", b"<!-- -->", b"<![CDATA[x]]>", b'<string key="n" value="2"/>',
       b'<string key="n" value="2"></string>', b'<list key="l" value=""><int key="n" value="3"/></list>',
       b'<int value="1" key="n"/>', b'<int key="n"/>', b'<event key="n" value="3"/>', b"<!DOCTYPE log>",
       b'<int key="@trace" value="7"/>', b'<int key="" value="7"/>')  # fmt: skip


def parsed(path: Path) -> tuple[pl.DataFrame, int] | None:
    """Read a file element by element; None where it is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wmagent.worlds.logs.xes.read_flat", lambda *_: None)
        try:
            return read_xes(path)
        except InputError:
            return None


def alike(path: Path) -> bool:
    """Return whether a file was read by arrays; fails where that differs from what the parser reads."""
    expected = parsed(path)
    if read_flat(path) is None:
        return False
    assert expected is not None, path.read_bytes()
    table, empty = read_xes(path)
    assert (table.columns, empty) == (expected[0].columns, expected[1])
    assert table.equals(expected[0], null_equal=True), path.read_bytes()
    return True


@pytest.mark.parametrize("block", [1, 1 << 23])
def test_flat_files_are_read_alike(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_xes, "BLOCK", block)
    monkeypatch.setattr(opening, "CHUNK", 200)
    assert alike(xes(loans(30), tmp_path / "loans.xes"))
    (tmp_path / "log.xes").write_bytes(LOG)
    assert alike(tmp_path / "log.xes")
    table, empty = read_xes(tmp_path / "log.xes")
    assert empty == 1
    assert table["concept:name"].to_list() == ["prüfen & 'mehr'"] * 2 + [None]
    assert table["case:concept:name"].to_list() == ["a", "a", "b"]


def test_whatever_is_put_anywhere_is_read_alike_or_left_to_the_parser(tmp_path: Path) -> None:
    rng, path, flat = random.Random(0), tmp_path / "log.xes", 0
    for turn in range(1_500):
        at = rng.randrange(len(LOG))
        if turn % 3:
            at = LOG.index(b">", at) + 1
        gone = rng.choice((0, 0, 0, 1, 9))
        path.write_bytes(LOG[:at] + rng.choice(ODD) + LOG[at + gone :])
        flat += alike(path)
    assert flat > 100


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"UTF-8", b"latin-1"),
        (b"of ours", b"<trace>"),
        (b"<log>", b"<notlog>"),
        (b"<log>", b"<log><log>"),
        (b"</log>", b"</log><log>"),
        (b"<global", b"<!-- <global"),
        (b'value="a"', b'value="a<b"'),
        (b'value="a"', b'value="a\tb"'),
        (b"&amp;", b"&amp;&nbsp;"),
    ],
)
def test_what_is_not_flat_is_left_to_the_parser(was: bytes, becomes: bytes, tmp_path: Path) -> None:
    assert was in LOG
    (tmp_path / "log.xes").write_bytes(LOG.replace(was, becomes, 1))
    assert not alike(tmp_path / "log.xes")
