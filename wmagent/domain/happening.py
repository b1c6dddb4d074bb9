"""One event as it comes, alone. Knows names and numbers; must not know logs, files or models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Happening:
    """An event of a growing log; `time` is in microseconds since 1970, UTC. `attributes` are what else was said of it,
    by the names of columns or keys; `resource` is who did it (personal data: a model reads it, nothing shows it)."""

    case: str
    activity: str
    time: int
    resource: str | None = None
    attributes: Mapping[str, str | float] = field(default_factory=dict)
