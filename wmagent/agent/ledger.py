"""Remembers which actions were begun and finished, so that a resumed run never repeats one. Knows no agent.

Every deed is written down twice: before it is done and after. After a crash a deed that was begun but not
finished is in doubt, and only the environment or a person can say whether it happened.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import Any, Literal

from wmagent.errors import CheckpointError

TABLE = "CREATE TABLE IF NOT EXISTS wmagent_deeds (key TEXT PRIMARY KEY, state TEXT NOT NULL, result TEXT)"
Row = tuple[str, "str | None"]


class Ledger:
    """A journal of deeds by key, in memory: it protects within one process."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def look_up(self, key: str) -> tuple[Literal["new", "begun", "finished"], dict[str, Any] | None]:
        """Return how far the deed got, with its result when it is finished."""
        row = self._read(key)
        if row is None:
            return "new", None
        if row[0] != "finished":
            return "begun", None
        try:
            return "finished", json.loads(row[1] or "null")
        except ValueError as error:
            raise CheckpointError(f"the ledger's deed {key!r} cannot be read ({error}); it may be forged") from None

    def begin(self, key: str) -> None:
        """Write down that the deed is about to be done."""
        self._write(key, ("begun", None))

    def finish(self, key: str, result: dict[str, Any]) -> None:
        """Write down what the deed led to."""
        self._write(key, ("finished", json.dumps(result)))

    def close(self) -> None:
        """Let go of what the journal holds open."""

    def _read(self, key: str) -> Row | None:
        return self._rows.get(key)

    def _write(self, key: str, row: Row) -> None:
        self._rows[key] = row


class SqliteLedger(Ledger):
    """A journal of deeds in a SQLite file: it outlives the process."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._lock = threading.Lock()
        with self._lock, self._connection:
            self._connection.execute(TABLE)

    def close(self) -> None:
        """Close the journal's connection."""
        self._connection.close()

    def _read(self, key: str) -> Row | None:
        with self._lock:
            found = self._connection.execute("SELECT state, result FROM wmagent_deeds WHERE key = ?", (key,))
            return found.fetchone()

    def _write(self, key: str, row: Row) -> None:
        with self._lock, self._connection:
            self._connection.execute("INSERT OR REPLACE INTO wmagent_deeds VALUES (?, ?, ?)", (key, *row))
