"""What a log looks like before anything is learned from it. Knows columns; must not know files or models."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from wmagent.domain.event_log import HOUR, Categories, EventLog
from wmagent.worlds.logs.columns import Counted

CHANGED = 0.2  # change of the events per case that is told


@dataclass(frozen=True)
class Quality:
    """Counts and shares; `written_back` are case attributes whose values look known only after the case began,
    `lengths` the mean events of the cases that began in the first and in the last fifth of the period (of cases that
    are not still open; None where a fifth has fewer than ten)."""

    cases: int
    events: int
    activities: int
    resources: int
    first: str
    last: str
    still_open: int
    one_event: int
    empty_cases: int
    at_once: float
    disordered: int
    negative: int
    skipped: dict[str, int]
    lengths: tuple[float, float] | None
    lifecycle: dict[str, int]
    written_back: tuple[str, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return what somebody should know before using the log, in plain words."""
        found = [
            f"{self.cases:,} cases, {self.events:,} events, {self.activities} activities, {self.resources} resources",
            f"from {self.first} to {self.last}",
        ]
        early, late = self.lengths or (0.0, 0.0)
        said = [
            (self.still_open, f"{self.still_open:,} cases may still be open; they are not taken as finished"),
            (self.one_event, f"{self.one_event:,} cases have one event"),
            (self.empty_cases, f"{self.empty_cases:,} cases without any event were left out"),
            (self.at_once > 0.01, f"{self.at_once:.0%} of events have the time of the event before"),
            (self.disordered, f"{self.disordered:,} events were before the one above them; cases were sorted by time"),
            (self.negative, f"{self.negative:,} events end before they begin; they count as instants"),
            (self.written_back, f"known only later, so not used: {', '.join(self.written_back)}"),
            (self.appeared, f"only in the last fifth of the period: {', '.join(self.appeared)}"),
            (self.vanished, f"only in the first fifth of the period: {', '.join(self.vanished)}"),
            (self._longer(), f"events per case: {early:.1f} in the first fifth of the period, {late:.1f} in the last"),
            (len(self.lifecycle) > 1, f"lifecycle: {', '.join(f'{k} {n:,}' for k, n in self.lifecycle.items())}"),
        ]
        found += [text for is_so, text in said if is_so]
        found += [f"{n:,} rows skipped: {reason}" for reason, n in self.skipped.items()]
        return found + list(self.notes)

    def _longer(self) -> bool:
        return self.lengths is not None and abs(self.lengths[1] / self.lengths[0] - 1) > CHANGED


def quality_of(log: EventLog, counted: Counted) -> Quality:
    """Return the quality report of a log."""
    lengths = np.diff(log.starts)
    gaps = log.gaps()
    last = log.time[log.starts[1:] - 1]
    begin, end = int(log.time.min()), int(log.time.max())
    still_open = last >= end - log.silence()
    fifth = (end - begin) / 5
    early, late = log.time < begin + fifth, log.time > end - fifth
    names = log.activity.values

    def only(part: np.ndarray) -> tuple[str, ...]:
        here = np.bincount(log.activity.codes[part], minlength=len(names))
        rest = np.bincount(log.activity.codes[~part], minlength=len(names))
        return tuple(names[i] for i in np.flatnonzero((here > 0) & (rest == 0)).tolist())

    lifecycle = {}
    if log.lifecycle is not None:
        counts = np.bincount(log.lifecycle.codes[log.lifecycle.codes >= 0], minlength=len(log.lifecycle.values))
        lifecycle = dict(zip(log.lifecycle.values, counts.tolist(), strict=True))
    return Quality(
        cases=len(log.cases),
        events=len(log),
        activities=len(names),
        resources=0 if log.resource is None else len(log.resource.values),
        first=_day(begin),
        last=_day(end),
        still_open=int(still_open.sum()),
        one_event=int((lengths == 1).sum()),
        empty_cases=counted.empty_cases,
        at_once=float((gaps == 0).mean()) if len(gaps) else 0.0,
        disordered=counted.disordered,
        negative=counted.negative,
        skipped=dict(counted.skipped),
        lengths=_lengths(lengths, log.time[log.starts[:-1]], still_open, begin, fifth),
        lifecycle=lifecycle,
        written_back=_written_back(log),
        appeared=only(late),
        vanished=only(early),
        notes=tuple(dict.fromkeys(counted.notes)),
    )


def _lengths(
    lengths: np.ndarray, began: np.ndarray, still_open: np.ndarray, begin: int, fifth: float
) -> tuple[float, float] | None:
    """Return the mean events of finished cases that began in the first and in the last fifth."""
    early, late = ~still_open & (began < begin + fifth), ~still_open & (began > begin + 4 * fifth)
    if early.sum() < 10 or late.sum() < 10:
        return None
    return float(lengths[early].mean()), float(lengths[late].mean())


def _written_back(log: EventLog) -> tuple[str, ...]:
    """Return case attributes that look known only after the case began, and numbers that go with one of them."""
    found = [name for name in log.case_attributes if _later(log, name)]
    numbers = {n: np.log1p(np.abs(c)) for n, c in log.case_attributes.items() if isinstance(c, np.ndarray)}
    for name, values in numbers.items():
        others = [numbers[other] for other in found if other in numbers]
        if name not in found and any(_together(values, other) > 0.9 for other in others):
            found.append(name)
    return tuple(found)


def _together(a: np.ndarray, b: np.ndarray) -> float:
    known = ~np.isnan(a) & ~np.isnan(b)
    if known.sum() < 10 or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return 0.0
    return abs(float(np.corrcoef(a[known], b[known])[0, 1]))


def _later(log: EventLog, name: str) -> bool:
    """Return whether a case attribute is a date after the first event, an end or total by its name, or the value of an
    event attribute that is first said after the first event."""
    column = log.case_attributes[name]
    words = set(re.split(r"[\s_:.-]+", name.lower()))
    if words & {"end", "enddate", "closed", "closedate", "final", "total", "adjusted", "adjustedamount", "variant",
                "outcome", "result", "overspent", "overspentamount", "duration", "resolution"}:  # fmt: skip
        return True
    if isinstance(column, Categories):
        return _later_date(log, column) or _said_later(log, column)
    return False


def _later_date(log: EventLog, column: Categories) -> bool:
    first = log.time[log.starts[:-1]]
    later = n = 0
    for case, code in enumerate(column.codes[:2_000].tolist()):
        if code >= 0 and (moment := _moment(column.values[code])) is not None:
            n, later = n + 1, later + (moment > first[case] + 24 * HOUR)
    return n > 10 and later > 0.1 * n


def _moment(text: str) -> int | None:
    if len(text) < 10 or not text[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)


def _said_later(log: EventLog, column: Categories) -> bool:
    """Return whether most values of a case attribute are those of an event attribute that the first event lacks."""
    for other in log.event_attributes.values():
        if not isinstance(other, Categories) or not set(other.values) & set(column.values):
            continue
        hits = n = 0
        for case, (start, end) in enumerate(zip(log.starts[:-1].tolist(), log.starts[1:].tolist(), strict=True)):
            if n >= 1_000:
                break
            if column.codes[case] < 0:
                continue
            n += 1
            value = column.values[column.codes[case]]
            said = [other.values[c] for c in other.codes[start:end].tolist() if c >= 0]
            hits += other.codes[start] < 0 and value in said
        if n and hits > 0.5 * n:
            return True
    return False


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%d")
