"""Which sessions there are, and which answers they were given, in a SQLite file. Knows tables; must not know agents."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from wmagent.errors import CheckpointError, InputError
from wmagent.service.session_questions import BeginQuestion

_TABLES = """
CREATE TABLE IF NOT EXISTS wmagent_sessions
    (id TEXT PRIMARY KEY, begun REAL NOT NULL, model TEXT NOT NULL, asked TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS wmagent_answers
    (session TEXT NOT NULL, key TEXT NOT NULL, question TEXT NOT NULL, said TEXT NOT NULL, PRIMARY KEY (session, key));
"""


class NoSession(InputError):
    """There is no session of this id."""


@dataclass(frozen=True)
class Begun:
    """A session as it was begun: `asked` holds the facts in the model's words, `model` is the model's version."""

    id: str
    begun: float
    model: str
    asked: BeginQuestion


class SessionFile:
    """The sessions of a file, created where it is missing; beside the runs that `Agent(checkpoint=…)` keeps in it.
    InputError where another server has it open: turns are taken within one."""

    def __init__(self, path: Path) -> None:
        self._hold = _held(path)
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
        self._lock = threading.Lock()
        self._connection.executescript(_TABLES)

    def add(self, session: str, model: str, asked: BeginQuestion) -> Begun:
        """Write down that a session begins."""
        row = (session, time.time(), model, asked.model_dump_json())
        with self._lock, self._connection:
            self._connection.execute("INSERT INTO wmagent_sessions VALUES (?, ?, ?, ?)", row)
        return Begun(*row[:3], asked)

    def find(self, session: str) -> Begun:
        """Return a session; NoSession where there is none."""
        rows = self._read("SELECT * FROM wmagent_sessions WHERE id = ?", session)
        if not rows:
            raise NoSession(f"there is no session {session!r}; GET /v1/sessions lists them")
        return _begun(rows[0])

    def newest(self, most: int) -> list[Begun]:
        """Return the sessions that were begun last."""
        return [_begun(row) for row in self._read("SELECT * FROM wmagent_sessions ORDER BY begun DESC LIMIT ?", most)]

    def __len__(self) -> int:
        return self._read("SELECT count(*) FROM wmagent_sessions")[0][0]

    def remove(self, session: str) -> None:
        """Take out a session that could not begin."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM wmagent_sessions WHERE id = ?", (session,))

    def answer(self, session: str, key: str) -> tuple[str, str] | None:
        """Return which question was answered with a key, and what was said; None where it is a new key."""
        rows = self._read("SELECT question, said FROM wmagent_answers WHERE session = ? AND key = ?", session, key)
        return rows[0] if rows else None

    def note(self, session: str, key: str, question: str, said: str) -> None:
        """Write down an answer before it is followed, so that it is known if it comes again."""
        with self._lock, self._connection:
            row = (session, key, question, said)
            self._connection.execute("INSERT OR REPLACE INTO wmagent_answers VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._hold.close()

    def _read(self, query: str, *values: str | int) -> list[tuple]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _held(path: Path) -> sqlite3.Connection:
    """Return what holds a file until it is closed or its process ends, however it does: an exclusive transaction in an
    empty database beside it, for in the file itself it would keep out this server's own connections."""
    hold = sqlite3.connect(f"{path}.lock", check_same_thread=False, timeout=0, isolation_level=None)
    try:
        hold.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        hold.close()
        raise InputError(f"another server keeps its sessions in {path}; stop it, or give another file") from None
    return hold


def _begun(row: tuple) -> Begun:
    try:
        return Begun(row[0], row[1], row[2], BeginQuestion.model_validate_json(row[3]))
    except ValidationError as error:
        raise CheckpointError(
            f"session {row[0]!r} was not written by this program: {error.errors()[0]['msg']}"
        ) from None
