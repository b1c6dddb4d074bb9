"""Opens the SQLite file, or the Postgres database, that keeps runs across processes. Knows savers; must not know plans.

Only plain data is read from either: see `strict`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmagent.agent.ledger import Ledger, SqliteLedger
from wmagent.agent.strict import set_strict, strict_serializer
from wmagent.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

POSTGRES = ("postgresql://", "postgres://")


def open_checkpoint(place: str | Path) -> tuple[BaseCheckpointSaver[Any], Ledger]:
    """Return the saver and the ledger of deeds in one SQLite file (created where it is missing), or in the Postgres
    database of an address `postgresql://…`.

    Needs the extra `sqlite` or `postgres`. CheckpointError for what is no such file or database.
    """
    set_strict()
    if isinstance(place, str) and place.startswith(POSTGRES):
        from wmagent.agent.postgres import open_postgres

        return open_postgres(place)
    try:
        from langgraph.checkpoint.sqlite import SqliteSaver
    except ImportError:
        raise InputError("keeping runs in a file needs the extra: pip install 'wmagent[sqlite]'") from None
    path = Path(place)
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
    """Close what lies behind a saver of `open_checkpoint`."""
    with closing(saver.conn):  # type: ignore[attr-defined]
        pass
