"""Keeps runs and their deeds in a Postgres database. Knows psycopg and LangGraph's saver; must not know plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wmagent.agent.ledger import TABLE, Ledger, Row
from wmagent.agent.strict import strict_serializer
from wmagent.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from psycopg import Connection

_PUT = (
    "INSERT INTO wmagent_deeds VALUES (%s, %s, %s) "
    "ON CONFLICT (key) DO UPDATE SET state = excluded.state, result = excluded.result"
)


class PostgresLedger(Ledger):
    """A journal of deeds in a Postgres database: it outlives process and machine."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__()
        self._connection = connection  # commits every statement; psycopg lets one thread at a time use it
        self._connection.execute(TABLE)

    def close(self) -> None:
        """Close the journal's connection."""
        self._connection.close()

    def _read(self, key: str) -> Row | None:
        return self._connection.execute("SELECT state, result FROM wmagent_deeds WHERE key = %s", (key,)).fetchone()

    def _write(self, key: str, row: Row) -> None:
        self._connection.execute(_PUT, (key, *row))


def open_postgres(address: str) -> tuple[BaseCheckpointSaver[Any], PostgresLedger]:
    """Return the saver and the ledger of deeds in the database at `postgresql://user@host/name`; tables are made where
    they are missing. CheckpointError where it cannot be reached; the address, which may hold a password, is not told.
    """
    try:
        import psycopg
        from langgraph.checkpoint.postgres import PostgresSaver
        from psycopg.rows import dict_row
    except ImportError:
        raise InputError("keeping runs in Postgres needs the extra: pip install 'wmagent[postgres]'") from None
    opened: list[Connection[Any]] = []
    try:
        journal = psycopg.connect(address, autocommit=True)
        opened.append(journal)
        rows: Any = dict_row  # what LangGraph reads
        connection: Any = psycopg.connect(address, autocommit=True, prepare_threshold=0, row_factory=rows)
        opened.append(connection)
        saver = PostgresSaver(connection, serde=strict_serializer())
        saver.setup()
        return saver, PostgresLedger(journal)
    except psycopg.Error as error:
        for one in opened:
            one.close()
        raise CheckpointError(f"the Postgres database cannot be used: {error}") from None
