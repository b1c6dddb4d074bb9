"""Opens the SQLite file that keeps runs across processes, reading only plain data from it. Knows no plans.

LangGraph's default serializer rebuilds any Python object a checkpoint names, so a forged file runs code; here only
plain msgpack and LangGraph's own control types are read, and everything else is refused.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmagent.agent.ledger import SqliteLedger
from wmagent.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


def open_checkpoint(path: str | Path) -> tuple[BaseCheckpointSaver[Any], SqliteLedger]:
    """Return the saver and the ledger of deeds in one SQLite file, created where it is missing.

    Needs the extra `sqlite`. A file that is no SQLite database raises CheckpointError.
    """
    try:
        from langgraph.checkpoint.sqlite import SqliteSaver
    except ImportError:
        raise InputError("keeping runs in a file needs the extra: pip install 'wmagent[sqlite]'") from None
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot keep runs in {path}: there is no folder {path.parent}")
    # one connection each: LangGraph's saver writes from its own thread, and a transaction belongs to a connection
    connection, journal = (sqlite3.connect(path, check_same_thread=False, timeout=30) for _ in range(2))
    try:
        ledger = SqliteLedger(journal)
        saver = SqliteSaver(connection, serde=strict_serializer())
        saver.setup()
    except sqlite3.DatabaseError as error:
        connection.close()
        journal.close()
        raise CheckpointError(f"{path} is no checkpoint file of this kind ({error}); give another path") from None
    return saver, ledger


def close_checkpoint(saver: BaseCheckpointSaver[Any]) -> None:
    """Close the file behind a saver of `open_checkpoint`."""
    with closing(saver.conn):  # type: ignore[attr-defined]
        pass


def strict_serializer() -> Any:
    """Return LangGraph's serializer restricted to plain data and its own control types."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    class StrictSerializer(JsonPlusSerializer):
        """Reads null, bytes and msgpack without foreign types; refuses what could name code."""

        def __init__(self) -> None:
            super().__init__(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            if data[0] not in ("null", "bytes", "bytearray", "msgpack"):
                raise CheckpointError(f"the checkpoint holds {data[0]!r} data, which is never read; it may be forged")
            return super().loads_typed(data)

    return StrictSerializer()
