"""An environment whose deeds outlive every process: each is a row in a SQLite file. Knows a world; must not know who
acts in it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from wmagent.domain.types import Action, Facts
from wmagent.domain.world import Step
from wmagent.worlds import load

_TABLE = "CREATE TABLE IF NOT EXISTS deeds (n INTEGER PRIMARY KEY, key TEXT, action TEXT NOT NULL, after TEXT NOT NULL)"


class Deeds:
    """A world whose state is the last row of a file. Who does something twice finds two rows."""

    def __init__(self, file: Path, world: str, start: int, seed: int) -> None:
        self.world, self.seed = load(world), seed
        self.initial = dict(self.world.initial(start))
        self._file = sqlite3.connect(file, timeout=30)
        with self._file:
            self._file.execute(_TABLE)

    @property
    def facts(self) -> Facts:
        """The facts as the file has them."""
        rows = self.rows()
        return rows[-1]["facts"] if rows else self.initial

    def rows(self) -> list[dict[str, Any]]:
        """Return what was done: action, facts, duration, cost, error and done of every deed, in order."""
        found = self._file.execute("SELECT action, after FROM deeds ORDER BY n").fetchall()
        return [{"action": action, **json.loads(after)} for action, after in found]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def do(self, action: Action, key: str | None) -> Step[Facts]:
        """Do the action and write it down, in one transaction."""
        with self._file:
            self._file.execute("BEGIN IMMEDIATE")
            rows = self.rows()
            step = self.world.step(self.facts, action, self.seed * 1_000_003 + len(rows))
            after = {"facts": dict(self.world.observe(step.state).facts), "duration": step.duration}
            after |= {"cost": step.cost, "error": step.error, "done": step.done}
            row = (len(rows), key, action.label(), json.dumps(after))
            self._file.execute("INSERT INTO deeds VALUES (?, ?, ?, ?)", row)
        return _step(after)


class Plain(Deeds):
    """Acts whenever it is asked to."""

    def execute(self, action: Action, facts: Facts) -> Step[Facts]:
        """Do the action."""
        return self.do(action, None)


class Keyed(Deeds):
    """Acts once per key: an idempotent environment."""

    def execute_once(self, key: str, action: Action, facts: Facts) -> Step[Facts]:
        """Do the action, or return what it led to when it was done under this key."""
        found = self._file.execute("SELECT after FROM deeds WHERE key = ?", (key,)).fetchone()
        return _step(json.loads(found[0])) if found else self.do(action, key)


KINDS: dict[str, type[Plain] | type[Keyed]] = {"idempotent": Keyed, "not idempotent": Plain}


def _step(after: dict[str, Any]) -> Step[Facts]:
    return Step(after["facts"], after["duration"], after["cost"], done=after["done"], error=after["error"])
