"""A log watched while it grows: every event judged before it is learned, then what comes next in its case.
Knows a process model and single events; must not know files."""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wmagent.domain.event_log import HOUR, Categories, Column, EventLog
from wmagent.domain.happening import Happening
from wmagent.events.anomalies import Anomaly, anomaly_of, iso, overdue
from wmagent.events.detecting import TOP, Detector, Expectation, Judgement, gap_tails
from wmagent.events.forecasts import END
from wmagent.events.histories import BUSY, DAY, Histories, busyness
from wmagent.events.process_model import ProcessModel

CASE_PREFIX = "case:"
REMEMBERED = 20_000  # cases that are over and may go on after all


@dataclass
class _Case:
    """One case so far. `version` tells what is planned for it now from what was planned before its last event."""

    events: list[Happening] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    expected: Expectation | None = None
    version: int = 0
    overdue: bool = False


@dataclass(frozen=True)
class Watched:
    """What is said of one event when it comes: its p-value among the events before, what is odd about it if anything;
    then the likeliest next ones, the set that should hold the next, and quantiles of the hours that remain."""

    case: str
    event: int
    activity: str
    time: str
    p_value: float
    anomaly: Anomaly | None
    next: tuple[tuple[str, float], ...]
    likely: tuple[str, ...]
    remaining_hours: tuple[float, ...]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data; what was odd is told by `kind` and `expected`."""
        found = {name: value for name, value in vars(self).items() if name != "anomaly"}
        odd = self.anomaly
        return found | ({"kind": odd.kind, "expected": odd.expected} if odd else {"kind": None})


class Watcher:
    """Watches a log event by event, in bounded time for each: only the event's own case is read anew."""

    def __init__(self, model: ProcessModel, alpha: float = 0.05) -> None:
        self.model, self.detector = model, Detector(model, alpha)
        self.overdue = 0
        self._names = (*model.vocabulary.activities, END)
        self._codes = {name: code for code, name in enumerate(model.vocabulary.activities)}
        self._cases: dict[str, _Case] = {}
        self._over: OrderedDict[str, None] = OrderedDict()  # the oldest first
        self._planned: list[tuple[float, int, str, str, int]] = []  # hours, order, what, case, version
        self._last_day: deque[int] = deque()
        self._now, self._plans = -math.inf, 0

    def see(self, event: Happening) -> Iterator[Watched | Anomaly]:
        """Yield what the time that has passed says of silent cases (Anomaly), then what is said of the event."""
        case = self._cases.setdefault(event.case, _Case())
        case.version += 1
        self._over.pop(event.case, None)
        self._now = max(self._now, event.time / HOUR)
        yield from self._passed()
        while self._last_day and self._last_day[0] < event.time - DAY:
            self._last_day.popleft()
        case.events.append(event)
        case.busy.append(len(self._last_day))
        self._last_day.append(event.time)
        history = self._read(case)
        judgement = self._judged(case, history)
        last = np.array([len(case.events) - 1])
        latents = self.model.latents(history, last)
        past = history.activity.tolist()
        case.expected = self.detector.expect(past, latents[0], self.model.experts(history, last)[:, 0])
        self._plan(event.case, case)
        told = case.expected.events
        remaining = self.model.remaining_interval(history, last, latents)[0]
        yield Watched(
            event.case,
            len(case.events),
            event.activity,
            iso(event.time),
            round(judgement.p_value, 5),
            self._anomaly(event.case, case, judgement) if judgement.alarm else None,
            tuple((self._names[code], round(float(told[code]), 4)) for code in np.argsort(-told, kind="stable")[:TOP]),
            tuple(self._names[code] for code in self.detector.follower.sets.set_of(told).tolist()),
            tuple(round(float(hours), 2) for hours in remaining),
        )

    def _judged(self, case: _Case, history: Histories) -> Judgement:
        code, expected = int(history.activity[-1]), case.expected
        if expected is None:
            return self.detector.begin(code)
        gap = gap_tails(self.model, expected.latent[None], history.activity[-1:], history.gap[-1:])
        return self.detector.judge(expected, code, gap[0])

    def _plan(self, name: str, case: _Case) -> None:
        """Plan when the case is over if nothing comes, and when it is overdue."""
        assert case.expected is not None
        last = case.events[-1].time / HOUR
        late = math.inf if case.overdue else self.detector.overdue_after(case.expected)
        for what, hours in (("over", self.model.patience_hours), ("overdue", late)):
            if math.isfinite(hours):
                heapq.heappush(self._planned, (last + hours, self._plans, what, name, case.version))
                self._plans += 1

    def _passed(self) -> Iterator[Anomaly]:
        """Yield what was planned up to now and has become true."""
        while self._planned and self._planned[0][0] <= self._now:
            _, _, what, name, version = heapq.heappop(self._planned)
            case = self._cases.get(name)
            if case is None or case.version != version or case.expected is None or name in self._over:
                continue
            if what == "overdue":
                case.overdue = True
                self.overdue += 1
                event = case.events[-1]
                chance = self.detector.outlasting(case.expected, self._now - event.time / HOUR)
                yield overdue(self._names, name, len(case.events), event.activity, event.time, chance, case.expected)
                continue
            judgement = self.detector.close(case.expected)
            self._over[name] = None
            if len(self._over) > REMEMBERED:
                del self._cases[self._over.popitem(last=False)[0]]
            if judgement.alarm:
                yield self._anomaly(name, case, judgement)

    def _anomaly(self, name: str, case: _Case, judgement: Judgement) -> Anomaly:
        event = case.events[-1]
        return anomaly_of(self._names, name, len(case.events), event.activity, event.time, judgement)

    def _read(self, case: _Case) -> Histories:
        """Return a case as the model reads it, with what other cases did meanwhile."""
        words, events = self.model.vocabulary, case.events
        every = {name: [event.attributes.get(name) for event in events] for name in (*words.numbers, *words.texts)}
        first = events[0].attributes
        whole = {
            name: [first.get(CASE_PREFIX + name, first.get(name))] for name in (*words.case_numbers, *words.case_texts)
        }
        log = EventLog(
            ("",),
            np.array([0, len(events)]),
            _texts([event.activity for event in events], words.activities),
            np.array([event.time for event in events]),
            _texts([event.resource for event in events], words.resources),
            event_attributes={name: _column(values, words.texts.get(name)) for name, values in every.items()},
            case_attributes={name: _column(values, words.case_texts.get(name)) for name, values in whole.items()},
        )
        history = self.model.read(log)
        history.numbers[:, BUSY] = busyness(np.array(case.busy))
        return history


def _column(values: Sequence[str | float | None], texts: Sequence[str] | None) -> Column:
    return np.array([_number(value) for value in values]) if texts is None else _texts(values, texts)


def _texts(values: Sequence[str | float | None], known: Sequence[str]) -> Categories:
    places = {value: place for place, value in enumerate(known)}
    return Categories(np.array([places.get(str(value), -1) for value in values], np.int32), tuple(known))


def _number(value: str | float | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except ValueError:
        return math.nan
