"""Malformed input: whatever comes in, an InputError says where it is wrong, and nothing else comes out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wmagent import worlds
from wmagent.errors import InputError
from wmagent.worlds.conditions import parse
from wmagent.worlds.loading import load, world_from
from wmagent.worlds.rows import transition_from

GOOD = {"state": {"a": 1}, "action": {"name": "go"}, "next_state": {"a": 2}}
LINE = json.dumps(GOOD)


def bent(**changes: object) -> str:
    return json.dumps(GOOD | changes)


BAD_LINES = {
    '{"state": {"a": NaN}, "action": "go", "next_state": {}}': "line 2: NaN is no usable number",
    '{"state": {"a": -Infinity}, "action": "go", "next_state": {}}': "line 2: -Infinity",
    '{"state": {"a": 1e999}, "action": "go", "next_state": {}}': "line 2: state.'a' is inf",
    '{"state": {"a": 1, "a": 2}, "action": "go", "next_state": {}}': "line 2: the key 'a' is given twice",
    '{"state": {}, "action": "go"}': "line 2: missing next_state; found: 'state', 'action'",
    '{"sate": {}, "action": "go", "next_state": {}}': "missing state; found: 'sate'",
    '{"state": {}, "action": "go", "next_state": {}, "durations": 3}': "did you mean 'duration'",
    '{"state": {"a": 1}, "action": ': "line 2, column 30: not readable as JSON",
    "[1, 2]": "a row is an object with state, action and next_state, not a list",
    "null": "not null",
    bent(state=[]): "state must be an object of facts, not a list",
    bent(state={"a": [1]}): "state.'a' must be text, a number or true/false, not a list",
    bent(next_state={"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}): "nest at most 5 levels",
    bent(state={"a": {"b": 1}, "a.b": 2}): "'a.b' is given twice",
    bent(state={"": 1}): "'' is no usable key",
    bent(state={"a": "x" * 10_001}): "has 10,001 characters; at most 10,000",
    bent(state={"a": "\ud800"}): "half a character",
    bent(state={"a": 10**30}): "too large a number",
    '{"state": {"a": ' + "9" * 5_000 + '}, "action": "go", "next_state": {}}': "too many digits",
    '{"state": ' + '{"a":' * 100_000: "nested too deeply|not readable",
    bent(action=None): "action must be an object with a name",
    bent(action={"nme": "go"}): "action.name is missing or empty; found: 'nme'",
    bent(action={"name": 7}): "action.name must be text, not a number",
    bent(action={"name": "go", "arguments": [1]}): "action.arguments must be an object",
    bent(action={"name": "go", "actor": 1}): "action.actor must be text",
    bent(error=3): "error must be text",
    bent(duration="3h"): "duration must be a number, not text",
    bent(duration=-1): "duration is -1; it cannot be below 0",
    bent(duration=True): "duration must be a number, not true/false",
    bent(cost=10**400): "cost is int; give a finite number",
    bent(events="paid"): "events must be a list of texts",
    bent(events=[1]): "events.0. must be text",
    bent(done="yes"): "done must be true or false",
    bent(case=1.5): "case must be text",
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.items(), ids=range(len(BAD_LINES)))
def test_bad_lines(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{LINE}\n{line}\n{LINE}\n")
    with pytest.raises(InputError, match=message) as caught:
        worlds.read_transitions(path)
    assert str(caught.value).startswith(f"{path}, line 2")
    assert len(str(caught.value)) < 500


def test_bad_bytes(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for content, message in (
        (b"", "holds no transitions"),
        (b"\n \n", "holds no transitions"),
        (f"{LINE}\n".encode() + '{"state": {"a": "é"}}'.encode("latin-1"), "line 2: byte 18 is not UTF-8"),
        (f"{LINE}\n".encode("utf-16"), "UTF-16"),
        (b"\x00" * 100, "line 1, column 1: not readable as JSON"),
        (b'{"state": {"a": "' + b"x" * 10_000_001 + b'"}}', "line 1: longer than 10,000,000 bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            worlds.read_transitions(path)
    packed = gzip.compress((LINE + "\n").encode() * 3_000)
    for name, content, message in (
        ("cut.jsonl.gz", packed[:-20], "truncated or damaged gzip after line"),
        ("bent.jsonl.gz", packed[:60] + b"\xff\xff\xff" + packed[63:], "gzip|not readable|not UTF-8"),
        ("plain.jsonl.gz", LINE.encode(), "is not gzip"),
        ("empty.jsonl.gz", b"", "holds no transitions"),
        ("log.parquet", b"PAR1 not at all PAR1", "not readable as Parquet"),
        ("empty.parquet", b"", "not readable as Parquet"),
        ("log.csv", b"a,b", "must end so"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            worlds.read_transitions(tmp_path / name)
    for name in ("none.jsonl", "none.parquet"):
        with pytest.raises(InputError, match="no such file"):
            worlds.read_transitions(tmp_path / name)
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        worlds.read_transitions(tmp_path / "folder.jsonl")


def test_bad_sources_and_frames() -> None:
    for source in (7, None, b"log.jsonl", {"state": {}}):
        with pytest.raises(InputError, match="cannot read transitions from"):
            worlds.read_transitions(source)
    with pytest.raises(InputError, match="row 1: a row is an object"):
        worlds.read_transitions([3])
    with pytest.raises(InputError, match="holds no transitions"):
        worlds.read_transitions([])
    for limit in (0, -1, 2.5, True):
        with pytest.raises(InputError, match="limit must be a whole number"):
            worlds.read_transitions([GOOD], limit=limit)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="row 1: missing state, next_state; found: 'before', 'action'"):
        worlds.read_transitions(pl.DataFrame({"before": ["{}"], "action": ["go"]}))
    with pytest.raises(InputError, match="row 1: state, column 2: not readable as JSON"):
        worlds.read_transitions(pl.DataFrame({"state": ["{a}"], "action": ["go"], "next_state": ["{}"]}))
    frame = pl.DataFrame({"state": ["{}"], "action": ["go"], "next_state": ["{}"], "duration": [float("nan")]})
    with pytest.raises(InputError, match="row 1: duration is nan"):
        worlds.read_transitions(frame)


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)
fields = ("state", "action", "next_state", "duration", "cost", "events", "done", "error", "case", "state.a")
rows = st.dictionaries(st.sampled_from(fields), anything, max_size=8).map(lambda row: GOOD | row)


def outcome(make: Callable[[], Any]) -> tuple[Any, str]:
    """Return what was made, or None and the words of the refusal; any other error goes through."""
    try:
        return make(), ""
    except InputError as error:
        return None, str(error)


@settings(max_examples=300, deadline=None)
@given(row=rows | anything)
def test_any_row_is_read_or_refused(row: object) -> None:
    made, refusal = outcome(lambda: transition_from(row, "row 1"))
    assert refusal.startswith("row 1") if made is None else made.action.name and made.duration >= 0


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), packed=st.booleans(), cut=st.integers(0, 30), good=st.integers(0, 2))
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool, cut: int, good: int
) -> None:
    raw = (LINE + "\n").encode() * good + content
    data = gzip.compress(raw)[: None if cut == 0 else -cut] if packed else raw
    for name in ("log.jsonl", "log.jsonl.gz", "log.parquet"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(data)
        rows, refusal = outcome(lambda p=path: worlds.read_transitions(p))
        assert rows or refusal.startswith(str(path))


@settings(max_examples=200, deadline=None)
@given(data=st.text(max_size=60) | anything.map(lambda value: json.dumps(value, default=str)))
def test_any_world_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: str) -> None:
    for name in ("world.yaml", "world.json"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_text(data, encoding="utf-8", errors="surrogatepass")
        with pytest.raises(InputError) as caught:
            load(path)
        assert str(caught.value).startswith(str(path))


WORLD = {
    "format": 1,
    "name": "w",
    "facts": {"a": {"values": ["x", "y"], "start": "x"}},
    "actions": {"go": {"guard": "a == x", "effects": [{"outcomes": [{"set": {"a": "y"}}]}]}},
}
sections = ("format", "name", "facts", "actions", "rules", "events", "goals", "done", "about", "other")


@settings(max_examples=200, deadline=None)
@given(section=st.sampled_from(sections), part=anything, deep=st.booleans())
def test_any_definition_is_built_or_refused(section: str, part: object, deep: bool) -> None:
    data = WORLD | {section: {"a": part} if deep else part}
    world, refusal = outcome(lambda: world_from(data, "w.yaml"))
    assert refusal.startswith("w.yaml: ") if world is None else world.initial(0) == {"a": "x"}


pieces = st.sampled_from(
    ["a", "b c", "==", "!=", "<", "in", "not", "and", "or", "(", ")", ",", "'q r'", "=", "é", "\n", '"']
)


@settings(max_examples=300, deadline=None)
@given(words=st.lists(pieces, max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_condition_is_parsed_or_refused(words: str) -> None:
    tree, refusal = outcome(lambda: parse(words))
    assert "cannot read" in refusal if tree is None else tree == parse(f"  {words} ")
