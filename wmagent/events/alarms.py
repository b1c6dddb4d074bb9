"""Alarms at a rate that is kept whatever drifts: conformal p-values of surprises, and a threshold that follows them.
Knows numbers and kinds of surprise; must not know events or models."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Verdict(NamedTuple):
    """What is thought of one event: its p-value, the kind of surprise that is rarest, and whether it is an alarm."""

    p_value: float
    kind: str
    alarm: bool


@dataclass
class Ranks:
    """The last `most` values, sorted: how many of them are at least as large as another."""

    most: int
    _order: deque[float] = field(default_factory=deque)
    _sorted: list[float] = field(default_factory=list)

    def p_value(self, value: float) -> float:
        """Return (1 + how many are at least as large) / (1 + how many there are): conformal."""
        return (1 + len(self._sorted) - bisect_left(self._sorted, value)) / (1 + len(self._sorted))

    def add(self, value: float) -> None:
        """Remember a value, and forget the oldest where there are too many."""
        self._order.append(value)
        insort(self._sorted, value)
        if len(self._order) > self.most:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]


@dataclass
class Alarms:
    """Judges surprises by those before them. Each kind of surprise is ranked among the last `recent` of its kind, and
    the rarest kind of an event among the rarest of the events before, so that one p-value is left per event.

    An event is an alarm if its p-value is at most `level`, which moves after every event so that `alpha` of all events
    are alarms (adaptive conformal inference, Gibbs and Candès 2021; step `rate`). Past alarms stay in the ranks: among
    calm events alone a p-value would be too small. Before there are 1 / alpha events, nothing can be that rare.
    """

    alpha: float = 0.05
    rate: float = 0.005
    recent: int = 2_000
    level: float = field(init=False)
    events: int = 0
    raised: int = 0
    _kinds: dict[str, Ranks] = field(default_factory=dict)
    _rarest: Ranks = field(init=False)

    def __post_init__(self) -> None:
        self.level, self._rarest = self.alpha, Ranks(self.recent)

    @property
    def realised(self) -> float:
        """Return the share of events that were alarms."""
        return self.raised / self.events if self.events else 0.0

    def judge(self, surprises: Mapping[str, float]) -> Verdict:
        """Return what is thought of an event with these surprises, and learn from them."""
        rarity: dict[str, float] = {}
        for kind, surprise in surprises.items():
            ranks = self._kinds.setdefault(kind, Ranks(self.recent))
            rarity[kind] = ranks.p_value(surprise)
            ranks.add(surprise)
        kind = min(rarity, key=lambda one: rarity[one])
        p_value = self._rarest.p_value(-rarity[kind])
        self._rarest.add(-rarity[kind])
        alarm = p_value <= self.level
        self.events, self.raised = self.events + 1, self.raised + alarm
        self.level += self.rate * (self.alpha - alarm)
        return Verdict(p_value, kind, alarm)
