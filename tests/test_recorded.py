"""Recorded transitions: every form reads back what was written, and foreign shapes of rows are understood."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wmagent import worlds
from wmagent.domain.types import Action, Observation, Transition
from wmagent.errors import InputError
from wmagent.worlds.rows import row_of, transition_from

ROW = {"state": {"a": 1, "b": "x"}, "action": {"name": "go", "arguments": {"to": 2}}, "next_state": {"a": 2, "b": "x"}}
GO = Transition(Observation({"a": 1, "b": "x"}), Action("go", {"to": 2}), Observation({"a": 2, "b": "x"}))

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
value = st.one_of(
    text, st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False, width=32)
)
facts = st.dictionaries(text.filter(bool), value, max_size=5)
transitions = st.builds(
    Transition,
    before=st.builds(Observation, facts),
    action=st.builds(Action, text.filter(str.strip), facts, text),
    after=st.builds(Observation, facts),
    duration=st.floats(0, 1e6),
    cost=st.floats(-1e6, 1e6),
    events=st.lists(text, max_size=2).map(tuple),
    done=st.booleans(),
    error=st.none() | text.filter(bool),
    case=text,
)


@pytest.fixture(scope="module")
def recorded() -> list[Transition]:
    return worlds.experience(worlds.load("contract-approval"), transitions=300, seed=3)


@pytest.mark.parametrize("form", [".jsonl", ".jsonl.gz", ".parquet"])
@settings(max_examples=25, deadline=None)
@given(rows=st.lists(transitions, min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, form: str, rows: list[Transition]) -> None:
    path = tmp_path_factory.mktemp("rows") / f"log{form}"
    worlds.write_transitions(path, rows)
    assert worlds.read_transitions(path) == rows


def test_frames_iterables_and_limits(recorded: list[Transition], tmp_path: Path) -> None:
    frame = pl.DataFrame([row_of(t) | {"action": json.dumps(row_of(t)["action"])} for t in recorded])
    assert worlds.read_transitions(frame) == recorded  # states as structs, actions as JSON text
    assert worlds.read_transitions(frame.lazy(), limit=7) == recorded[:7]
    assert worlds.read_transitions(iter(recorded), limit=7) == recorded[:7]
    assert worlds.read_transitions([row_of(t) for t in recorded]) == recorded
    worlds.write_transitions(tmp_path / "log.jsonl.gz", recorded)
    assert worlds.read_transitions(str(tmp_path / "log.jsonl.gz"), limit=5) == recorded[:5]


def test_pandas_frames(recorded: list[Transition]) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([row_of(t) for t in recorded])
    assert worlds.read_transitions(frame) == recorded
    flat = pd.DataFrame(
        {
            "state.a": [1, 1],
            "state.b": ["x", None],
            "action.name": ["go", "go"],
            "action.arguments.to": [2, 2],
            "next_state.a": [2, 2],
            "next_state.b": ["x", None],
            "duration": [1.5, float("nan")],
        }
    )
    first, second = worlds.read_transitions(flat)
    assert (first.before, first.action, first.after, first.duration) == (GO.before, GO.action, GO.after, 1.5)
    assert (second.before.facts, second.duration) == ({"a": 1}, 0.0)


def test_parquet_of_structs_and_maps(tmp_path: Path) -> None:
    state = pa.map_(pa.string(), pa.string())
    table = pa.table(
        {
            "state": pa.array([[("a", "1")]], type=state),
            "action": ["go"],
            "next_state": pa.array([{"a": "2", "b": None}]),
            "extra": [1],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    (row,) = worlds.read_transitions(tmp_path / "log.parquet")
    assert (row.before.facts, row.action, row.after.facts) == ({"a": "1"}, Action("go"), {"a": "2"})


def test_rows_of_other_makers() -> None:
    assert transition_from(ROW, "here") == GO
    nested = ROW | {"state": {"a": 1, "line": {"status": "active", "gone": None}}, "action": "go", "done": True}
    read = transition_from(nested | {"case": 17, "error": ""}, "here")
    assert read.before.facts == {"a": 1, "line.status": "active"}
    assert (read.case, read.error, read.done, read.action) == ("17", None, True, Action("go"))
    dotted = {"state.a": 1, "state.b": "x", "action": ROW["action"], "next_state.a": 2, "next_state.b": "x"}
    assert transition_from(dotted, "here") == GO


def test_windows_files_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n\r\n" + json.dumps(ROW).encode())
    assert worlds.read_transitions(path) == [GO, GO]
    path.write_bytes(gzip.compress(json.dumps(ROW).encode()))
    assert worlds.read_transitions(path) == [GO]  # gzip is recognised whatever the name


def test_writing_is_atomic_and_repeatable(recorded: list[Transition], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    worlds.write_transitions(path, recorded)
    first = path.read_bytes()

    def broken() -> Iterator[Transition]:
        yield from recorded
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        worlds.write_transitions(path, broken())
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl.gz"]
    worlds.write_transitions(path, recorded)
    assert path.read_bytes() == first
    for bad in (float("nan"), "\ud800", {1}):
        odd = Transition(Observation({"a": bad}), Action("go"), Observation({}))  # type: ignore[dict-item]
        for form in ("jsonl", "parquet"):
            with pytest.raises(InputError, match=r"transition 2.*cannot be written"):
                worlds.write_transitions(tmp_path / f"odd.{form}", [recorded[0], odd])
    with pytest.raises(InputError, match="does not exist"):
        worlds.write_transitions(tmp_path / "no" / "log.jsonl", recorded)
    with pytest.raises(InputError, match="must end so"):
        worlds.write_transitions(tmp_path / "log.csv", recorded)


def test_public_tool_calls(telecom: Path) -> None:
    rows = worlds.read_transitions(telecom, limit=2_000)
    assert len(rows) == 2_000
    assert {len(row.before.facts) for row in rows} == {59, 61}
    assert rows[0].action.label() == "set_network_mode_preference(mode=3g_only)"
    assert rows[0].after.facts["network_mode_preference"] == "3g_only"
