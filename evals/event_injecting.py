"""Anomalies put into the cases of an event log, one each: so it is known where they are. Knows columns and chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, taken
from wmagent.errors import InputError

SHARE = 0.1  # of the cases
TIMED = ("skip", "insert", "rework", "early", "late", "swap")
ORDERED = ("skip", "insert", "rework", "moved earlier", "moved later", "swap")
_SHORTENED, _LENGTHENED = 0.01, 10.0


@dataclass(frozen=True)
class Injected:
    """A log with anomalies in it, and the kind of each case's anomaly ("" where there is none), by case."""

    log: EventLog
    kinds: NDArray[np.str_]


@dataclass
class _Course:
    """One case on the way to another: the rows its events come from, and their times."""

    rows: list[int]
    times: list[int]


def inject(
    log: EventLog, cases: NDArray[np.int64], seed: int = 0, kinds: tuple[str, ...] = TIMED, share: float = SHARE
) -> Injected:
    """Put one anomaly into a `share` of the given cases, drawn by `seed`; other cases stay as they are.

    skip: an event is missing. insert: an event of another case comes between two. rework: an event is done again later.
    swap: two neighbours change places. early, late: a gap shrinks to a hundredth, or grows tenfold and by twice the
    log's usual silence (not beyond the log's end); all that follows moves along. moved earlier, moved later: an event
    changes its place by two or more. Events that change places carry their attributes along and take the times of their
    new places. A case in which the drawn kind is not possible gets another. InputError for an unknown kind.
    """
    if unknown := set(kinds) - set(_MAKERS):
        raise InputError(f"no anomaly is called {', '.join(sorted(unknown))}; known: {', '.join(_MAKERS)}")
    rng = np.random.default_rng(seed)
    chosen = set(rng.permutation(cases)[: round(share * len(cases))].tolist())
    rows, times, told = [], [], np.full(len(log.cases), "", "<U16")
    counts = np.diff(log.starts)
    for case, (start, end) in enumerate(zip(log.starts[:-1].tolist(), log.starts[1:].tolist(), strict=True)):
        course = _Course(list(range(start, end)), log.time[start:end].tolist())
        if case in chosen:
            for kind in rng.permutation(kinds).tolist():
                if (other := _MAKERS[kind](log, course, rng)) is not None:
                    course, told[case], counts[case] = other, kind, len(other.rows)
                    break
        rows += course.rows
        times += course.times
    return Injected(_of(log, np.array(rows), np.array(times, np.int64), counts), told)


def _of(log: EventLog, rows: NDArray[np.int64], times: NDArray[np.int64], counts: NDArray[np.int64]) -> EventLog:
    """Return a log of other events, by the rows they come from; the codes of its columns stay."""
    return replace(
        log,
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        activity=taken(log.activity, rows),
        time=times,
        resource=None if log.resource is None else taken(log.resource, rows),
        lifecycle=None if log.lifecycle is None else taken(log.lifecycle, rows),
        begun=None,
        event_attributes={name: taken(column, rows) for name, column in log.event_attributes.items()},
    )


def _skip(log: EventLog, course: _Course, rng: np.random.Generator) -> _Course | None:
    if len(course.rows) < 2:
        return None
    at = int(rng.integers(len(course.rows)))
    return _Course(course.rows[:at] + course.rows[at + 1 :], course.times[:at] + course.times[at + 1 :])


def _insert(log: EventLog, course: _Course, rng: np.random.Generator) -> _Course | None:
    at = int(rng.integers(1, len(course.rows) + 1))
    near = {int(log.activity.codes[row]) for row in course.rows[max(0, at - 1) : at + 1]}
    others = [code for code in range(len(log.activity.values)) if code not in near]
    if not others:
        return None
    rows = np.flatnonzero(log.activity.codes == rng.choice(others))
    return _put(log, course, at, int(rng.choice(rows)), rng) if len(rows) else None


def _rework(log: EventLog, course: _Course, rng: np.random.Generator) -> _Course | None:
    done = int(rng.integers(len(course.rows)))
    return _put(log, course, int(rng.integers(done + 1, len(course.rows) + 1)), course.rows[done], rng)


def _put(log: EventLog, course: _Course, at: int, row: int, rng: np.random.Generator) -> _Course:
    """Return a course with one more event, between its neighbours, or after the last by one of the log's gaps."""
    if at < len(course.times):
        time = (course.times[at - 1] + course.times[at]) // 2
    else:
        gaps = log.gaps()
        time = course.times[-1] + (int(rng.choice(gaps)) if len(gaps) else 0)
    return _Course([*course.rows[:at], row, *course.rows[at:]], [*course.times[:at], time, *course.times[at:]])


def _swap(log: EventLog, course: _Course, rng: np.random.Generator) -> _Course | None:
    codes = log.activity.codes[course.rows]
    return _moved(course, np.flatnonzero(codes[1:] != codes[:-1]), 1, rng)


def _moved(course: _Course, places: NDArray[np.int64], by: int, rng: np.random.Generator) -> _Course | None:
    """Return a course in which the event at one of the places has moved."""
    if not len(places):
        return None
    at, rows = int(rng.choice(places)), list(course.rows)
    rows.insert(at + by, rows.pop(at))
    return _Course(rows, course.times)


def _move(log: EventLog, course: _Course, rng: np.random.Generator, way: int) -> _Course | None:
    codes, n = log.activity.codes[course.rows], len(course.rows)
    by = way * int(rng.integers(2, max(3, n)))
    places = [
        at for at in range(n) if 0 <= at + by < n and (codes[min(at, at + by) : max(at, at + by)] != codes[at]).any()
    ]
    return _moved(course, np.array(places, np.int64), by, rng)


def _early(log: EventLog, course: _Course, rng: np.random.Generator) -> _Course | None:
    gaps = np.diff(course.times)
    usual = np.median(gaps[gaps > 0]) if (gaps > 0).any() else np.inf
    return _stretched(course, np.flatnonzero(gaps >= usual), lambda gap: gap * _SHORTENED, rng)


def _late(log: EventLog, course: _Course, rng: np.random.Generator) -> _Course | None:
    silence, end = log.silence(), int(log.time.max())
    later = _stretched(course, np.arange(len(course.times) - 1), lambda gap: gap * _LENGTHENED + 2 * silence, rng)
    return later if later is not None and later.times[-1] <= end else None


def _stretched(
    course: _Course, places: NDArray[np.int64], to: Callable[[int], float], rng: np.random.Generator
) -> _Course | None:
    """Return a course in which one of the gaps has another length, and all that follows moves along."""
    if not len(places):
        return None
    at = int(rng.choice(places))
    gap = course.times[at + 1] - course.times[at]
    moved = int(to(gap)) - gap
    return _Course(course.rows, course.times[: at + 1] + [time + moved for time in course.times[at + 1 :]])


_MAKERS = {
    "skip": _skip,
    "insert": _insert,
    "rework": _rework,
    "swap": _swap,
    "early": _early,
    "late": _late,
    "moved earlier": lambda log, course, rng: _move(log, course, rng, -1),
    "moved later": lambda log, course, rng: _move(log, course, rng, 1),
}
