"""Odd events of a whole log, as they would have been judged when they came.
Knows a process model that follows a log; must not know files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, cases_of, rows_of
from wmagent.errors import InputError
from wmagent.events.detecting import Detector, Expectation, Judgement, Kind, gap_tails
from wmagent.events.forecasts import END
from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Anomaly:
    """An odd event: its case, its number there (from 1), its activity and time, its p-value among the events before,
    what is odd, and the likeliest events instead with their probabilities.

    end: the case was over after this event. overdue: it goes on to be silent; the p-value is the chance of that.
    """

    case: str
    event: int
    activity: str
    time: str
    p_value: float
    kind: Kind | Literal["overdue"]
    expected: tuple[tuple[str, float], ...]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class Checked:
    """The anomalies of a log, the rarest first, cases that are overdue apart; how many events and ends were judged, and
    which share of them were alarms."""

    anomalies: tuple[Anomaly, ...]
    overdue: tuple[Anomaly, ...]
    judged: int
    alarm_rate: float

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def anomalies(model: ProcessModel, log: EventLog, alpha: float = 0.05) -> Checked:
    """Return the odd events of a log, each judged before the model had learned from it; a share `alpha` of all is
    flagged in the long run, whatever drifts. InputError for an alpha outside 0 to 1."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha is a share between 0 and 1, not {alpha}")
    detector, history = Detector(model, alpha), model.read(log)
    names, case_of, waiting = (*model.vocabulary.activities, END), cases_of(log.starts), dict[int, Expectation]()
    found = []
    for row, judgement in judgements(model, history, np.arange(len(history)), detector, waiting):
        if judgement.alarm:
            place = row if row >= 0 else -1 - row
            found.append(anomaly_of(names, *_where(log, int(case_of[place]), place), judgement))
    silent = []
    for row, expected in waiting.items():
        hours = float(history.hours.max() - history.hours[row])
        if (chance := detector.outlasting(expected, hours)) <= alpha:
            silent.append(overdue(names, *_where(log, int(case_of[row]), row), chance, expected))
    found.sort(key=lambda one: one.p_value)
    silent.sort(key=lambda one: one.p_value)
    return Checked(tuple(found), tuple(silent), detector.alarms.events, detector.alarms.realised)


def anomaly_of(names: Sequence[str], case: str, event: int, activity: str, time: int, judgement: Judgement) -> Anomaly:
    """Return an event that was judged as an anomaly; `names` of the codes, the end last."""
    expected = tuple((names[code], round(chance, 4)) for code, chance in judgement.expected)
    return Anomaly(case, event, activity, iso(time), round(judgement.p_value, 5), judgement.kind, expected)


def overdue(
    names: Sequence[str], case: str, event: int, activity: str, time: int, chance: float, expected: Expectation
) -> Anomaly:
    """Return a case after whose last event something should have come by now."""
    likely = tuple((names[code], round(float(expected.events[code]), 4)) for code in expected.likeliest)
    return Anomaly(case, event, activity, iso(time), round(chance, 5), "overdue", likely)


def iso(time: int) -> str:
    """Return microseconds since 1970 as ISO 8601, UTC."""
    return (_EPOCH + timedelta(microseconds=time)).isoformat()


def _where(log: EventLog, case: int, row: int) -> tuple[str, int, str, int]:
    activity = log.activity.values[log.activity.codes[row]]
    return log.cases[case], row - int(log.starts[case]) + 1, activity, int(log.time[row])


def judgements(
    model: ProcessModel,
    history: Histories,
    cases: NDArray[np.int64],
    detector: Detector,
    waiting: dict[int, Expectation],
) -> Iterator[tuple[int, Judgement]]:
    """Yield (row, judgement) of the events of some cases in the order of time, and of their ends as (-1 - the last row,
    judgement): a case is over when it has been silent for the model's patience before the log's end. What is expected
    after the last rows of cases that are still open is left in `waiting`."""
    rows = rows_of(history.starts, cases)
    experts, latents = model.experts(history, rows), model.latents(history, rows)
    chances = np.ones((len(rows), 2))
    begins = np.isin(rows, history.starts[:-1])
    later = np.flatnonzero(~begins)
    chances[later] = gap_tails(model, latents[later - 1], history.activity[rows[later]], history.gap[rows[later]])
    lasts = np.isin(rows, history.starts[1:] - 1)
    closed = history.hours[rows] + model.patience_hours
    over = np.flatnonzero(lasts & (closed <= history.hours.max(initial=0)))
    moments = np.concatenate([history.hours[rows], closed[over]])
    kinds = np.repeat([1, 0], [len(rows), len(over)])  # cases are over before what comes at that moment
    for moment in np.lexsort((kinds, moments)).tolist():
        if moment >= len(rows):
            place = int(over[moment - len(rows)])
            yield -1 - int(rows[place]), detector.close(waiting.pop(int(rows[place])))
            continue
        row = int(rows[moment])
        code = int(history.activity[row])
        if begins[moment]:
            yield row, detector.begin(code)
        else:
            yield row, detector.judge(waiting.pop(row - 1), code, chances[moment])
        past = history.activity[history.first[row] : row + 1].tolist()
        waiting[row] = detector.expect(past, latents[moment], experts[:, moment])
