"""Rows to evaluate on: a file of transitions, rows at hand, or what a shipped world records. Knows worlds only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wmagent.domain.types import Transition

Source = str | Path | Sequence[Transition]


def recorded(source: Source, rows: int = 16_000) -> list[Transition]:
    """Return all transitions of a file or sequence, or `rows` recorded steps of a shipped world."""
    import wmagent.worlds as worlds
    from wmagent.worlds.recorded import read_transitions

    if isinstance(source, str) and source in worlds.names():
        return worlds.experience(worlds.load(source), transitions=rows, seed=0)
    return read_transitions(source)


def named(source: Source) -> str:
    """Return how a source is called in results."""
    return Path(source).name if isinstance(source, str | Path) else "rows"
