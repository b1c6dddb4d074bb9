"""Checkpoints that were forged: every kind of object, of data and of state is refused, and no code runs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, review_model
from wmagent.errors import CheckpointError, InputError

WANTED = "approved without a hold"
KEYS = ormsgpack.OPT_NON_STR_KEYS


def waiting_run(path: Path) -> None:
    with Agent(review_model(), checkpoint=path) as agent:
        agent.act(WANTED, REVIEW_START, ScriptedEnvironment(review_model()), approve="ask", thread="t")


def forge(path: Path, kind: str, change: Callable[[Any], bytes], table: str = "checkpoints") -> None:
    """Replace the newest checkpoint, or what was written beside it."""
    column = "checkpoint" if table == "checkpoints" else "value"
    with sqlite3.connect(path) as connection:
        row = connection.execute(f"SELECT rowid, {column} FROM {table} ORDER BY checkpoint_id DESC").fetchone()
        connection.execute(f"UPDATE {table} SET type = ?, {column} = ? WHERE rowid = ?", (kind, change(row[1]), row[0]))
    connection.close()


def with_state(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """Return what changes the state in a checkpoint's bytes."""

    def changed(blob: bytes) -> bytes:
        data = ormsgpack.unpackb(blob, option=KEYS)
        change(data["channel_values"])
        return ormsgpack.packb(data, option=KEYS)

    return changed


def refused(path: Path, message: str) -> None:
    """Look and resume: both are refused, and nothing is done."""
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=path) as agent:
        for go_on in (lambda: agent.look("t"), lambda: agent.resume("t", environment, answer=True)):
            with pytest.raises(CheckpointError, match=message):
                go_on()
    assert environment.executed == []


def objects(mark: Path) -> dict[int, Any]:
    """Return a forged object of every kind that LangGraph's serializer knows."""
    call = f"touch {mark}"
    return {
        0: ("os", "system", call),
        1: ("os", "system", (call,)),
        2: ("os", "system", {"command": call}),
        3: ("os", "system", call, "__call__"),
        4: ("wmagent.agent.episode", "Run", {}),
        5: ("wmagent.agent.episode", "Run", {}, "model_validate_json"),
        6: ("<f8", [1], "C", b"12345678"),
        7: "a snapshot",
    }


@pytest.mark.parametrize("kind", range(8))
@pytest.mark.parametrize("table", ["checkpoints", "writes"])
def test_objects_of_every_kind_are_refused(tmp_path: Path, kind: int, table: str) -> None:
    path, mark = tmp_path / "runs.db", tmp_path / "owned"
    waiting_run(path)
    found = objects(mark)[kind]
    evil = ormsgpack.Ext(kind, ormsgpack.packb(found) if kind != 7 else ormsgpack.packb("x"))
    forged: list[bytes] = []

    def in_state(blob: bytes) -> bytes:
        data = ormsgpack.unpackb(blob, option=KEYS) if table == "checkpoints" else {}
        data.get("channel_values", data)["note"] = evil
        forged.append(ormsgpack.packb(data, option=KEYS))
        return forged[0]

    forge(path, "msgpack", in_state, table)
    refused(path, rf"an object \(kind {kind}\), which is never read")
    assert not mark.exists()
    if kind <= 2:
        JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(("msgpack", forged[0]))
        assert mark.exists()  # the same bytes do run code where foreign types are allowed


def test_an_object_inside_an_interrupt_is_refused_too(tmp_path: Path) -> None:
    path, mark = tmp_path / "runs.db", tmp_path / "owned"
    waiting_run(path)
    evil = ormsgpack.Ext(0, ormsgpack.packb(objects(mark)[0]))
    question = ("langgraph.types", "Interrupt", {"value": {"plan": evil}, "id": "1"})
    forge(path, "msgpack", lambda blob: ormsgpack.packb([ormsgpack.Ext(2, ormsgpack.packb(question))]), "writes")
    refused(path, "never read")
    assert not mark.exists()


@pytest.mark.parametrize("table", ["checkpoints", "writes"])
@pytest.mark.parametrize("kind", ["pickle", "json", "yaml"])
def test_forms_that_name_code_are_not_read(tmp_path: Path, kind: str, table: str) -> None:
    path = tmp_path / "runs.db"
    waiting_run(path)
    evil = b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["true"]}'
    forge(path, kind, lambda blob: evil, table)
    refused(path, "never read")


def _set(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda state: state.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("facts", ["draft"]), "strange facts"),
        (_set("facts", {"status": ["draft"]}), "facts are none"),
        (_set("goal", {"must": []}), "Goal"),
        (_set("max_steps", "many"), "strange max_steps"),
        (_set("journal", [{"action": "submit"}]), "Deed"),
        (_set("plan", {"steps": 1}), "Plan"),
        (_set("elapsed", None), "strange elapsed"),
        (lambda state: state.pop("facts"), "lacks facts"),
    ],
)
def test_a_state_of_another_shape_is_refused(tmp_path: Path, change: Callable[[dict], Any], message: str) -> None:
    path = tmp_path / "runs.db"
    waiting_run(path)
    forge(path, "msgpack", with_state(change))
    refused(path, message)


@pytest.mark.parametrize("blob", [b"", b"\xc1", ormsgpack.packb([1]), ormsgpack.packb({"v": 4})])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, blob: bytes) -> None:
    path = tmp_path / "runs.db"
    waiting_run(path)
    forge(path, "msgpack", lambda _: blob)
    refused(path, r"damaged|not written by this agent")


@pytest.mark.parametrize("result", ["no JSON", "[]", json.dumps({"action": {"name": "submit"}})])
def test_a_forged_deed_in_the_ledger_is_refused(tmp_path: Path, result: str) -> None:
    path = tmp_path / "runs.db"
    waiting_run(path)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO wmagent_deeds VALUES ('t/0/submit', 'finished', ?)", (result,))
    connection.close()
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=path) as agent, pytest.raises(CheckpointError, match=r"ledger|Deed"):
        agent.resume("t", environment, answer=True)
    assert environment.executed == []


def test_a_forged_plan_with_a_foreign_action_is_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    waiting_run(path)
    swap = with_state(lambda state: state["plan"]["steps"][0]["action"].update(name="delete everything"))
    forge(path, "msgpack", swap)
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=path) as agent, pytest.raises(InputError, match="unknown action 'delete"):
        agent.resume("t", environment, answer=True)
    assert environment.executed == []


@pytest.mark.parametrize(("given", "strict"), [(None, "True"), ("false", "False")])
def test_langgraphs_own_serializers_are_strict_where_checkpoints_are_opened(
    tmp_path: Path, given: str | None, strict: str
) -> None:
    code = """
import sys
from wmagent.agent.checkpoint import open_checkpoint
saver, ledger = open_checkpoint(sys.argv[1])
from langgraph.checkpoint.serde import _msgpack
print(_msgpack.STRICT_MSGPACK_ENABLED)
"""
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": root} | ({"LANGGRAPH_STRICT_MSGPACK": given} if given else {})
    if given is None:
        environment.pop("LANGGRAPH_STRICT_MSGPACK", None)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "r.db"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == strict
