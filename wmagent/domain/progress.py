"""What long work says of itself while it runs. Loads nothing, so that bars can be shown before torch is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """One report of long work: what is being done, how far it is, and what it measures."""

    stage: str
    done: int
    total: int
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


Report = Callable[[Progress], None]
