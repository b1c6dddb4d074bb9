"""What cases and weeks of a log can be compared by: one value per case, from equally long observation. Knows columns;
must not know periods, tests or models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, Categories, EventLog, cases_of

Kind = Literal["activity", "transition", "gap", "duration", "variant", "number", "text", "arrivals", "resources"]
WEEK = 7 * 24 * HOUR
FEW = 20  # cases in which something is seen at least for it to be compared
MOST = 20  # variants, and values of a text attribute, that are compared: the most frequent
_PERSONS = {"resource", "user", "username", "agent", "worker", "actor", "responsible", "owner", "handler", "assignee",
            "employee", "staff", "person", "operator", "clerk", "creator", "manager", "assigned", "monitoringresource",
            "email", "mail", "phone"}  # fmt: skip


@dataclass(frozen=True)
class Measures:
    """Measures of one kind. `values` is (cases, measures), in which `cases` are numbers of cases that have them, and
    `names` says of each what it is of: an activity, two that follow one another (None for the end), an attribute and
    its value …"""

    kind: Kind
    cases: NDArray[np.int64]
    names: tuple[tuple[str | None, ...], ...]
    values: NDArray[np.float64]


def observed(log: EventLog, window: int) -> EventLog:
    """Return every case as it was `window` microseconds after its first event."""
    return log.where(log.time - np.repeat(log.time[log.starts[:-1]], np.diff(log.starts)) <= window)


def measures(log: EventLog, unknown_at_start: Sequence[str] = ()) -> Iterator[Measures]:
    """Yield what the cases of a log are compared by: how often activities happen, what follows them and how soon, how
    long it all takes, the courses, and attributes that are known at the start.

    What one case says often counts once. Attributes that tell persons apart are left out.
    """
    every, case_of = np.arange(len(log.cases)), cases_of(log.starts)
    n, a = len(log.cases), len(log.activity.values)
    counts = np.bincount(case_of * a + log.activity.codes, minlength=n * a).reshape(n, a)
    yield _enough("activity", every, [(name,) for name in log.activity.values], counts.astype(np.float64))
    yield from _transitions(log, case_of)
    hours = (log.time[log.starts[1:] - 1] - log.time[log.starts[:-1]]) / HOUR
    yield Measures("duration", every, (("cases",),), hours[:, None])
    yield _variants(log)
    for name, column in log.case_attributes.items():
        if name in unknown_at_start or _tells_persons(name, column, log):
            continue
        if isinstance(column, Categories):
            known = np.flatnonzero(column.codes >= 0)
            often = np.argsort(-np.bincount(column.codes[known], minlength=len(column.values)), kind="stable")[:MOST]
            values = [(name, column.values[code]) for code in often.tolist()]
            yield _enough("text", known, values, (column.codes[known][:, None] == often).astype(np.float64))
        else:
            known = np.flatnonzero(~np.isnan(column))
            yield Measures("number", known, ((name,),), column[known][:, None])


def weekly(log: EventLog, since: int, begin: int, end: int) -> Iterator[Measures]:
    """Yield cases that begin and resources that work per whole week, between `begin` and `end`; weeks are counted from
    `since`, so that none has a part of both periods. The `cases` of these measures are weeks, negative before."""
    first, last = -((since - begin) // WEEK), (end - since) // WEEK
    weeks = np.arange(first, last)
    began = (log.time[log.starts[:-1]] - since) // WEEK
    arrivals = np.array([(began == week).sum() for week in weeks.tolist()], float)
    yield Measures("arrivals", weeks, (("cases",),), arrivals[:, None])
    if log.resource is not None:
        told = log.resource.codes >= 0
        pairs = np.unique(np.stack([((log.time - since) // WEEK)[told], log.resource.codes[told]]), axis=1)
        active = np.array([(pairs[0] == week).sum() for week in weeks.tolist()], float)
        yield Measures("resources", weeks, (("resources",),), active[:, None])


def _enough(
    kind: Kind, cases: NDArray[np.int64], names: Sequence[tuple[str | None, ...]], values: NDArray[np.float64]
) -> Measures:
    """Return the measures that are above zero in FEW cases at least, and not the same in all."""
    kept = np.flatnonzero(((values > 0).sum(0) >= FEW) & (np.ptp(values, 0) > 0)) if len(cases) else np.array([], int)
    return Measures(kind, cases, tuple(names[place] for place in kept.tolist()), values[:, kept])


def _transitions(log: EventLog, case_of: NDArray[np.int64]) -> Iterator[Measures]:
    """Yield, per activity, how often nothing more was seen after it in a case, the share of each activity among those
    that were, and the hours until it first was."""
    a, codes = len(log.activity.values), log.activity.codes
    following = np.append(codes[1:], a)
    following[log.starts[1:] - 1] = a
    gap = np.append(np.diff(log.time), 0) / HOUR
    for code, name in enumerate(log.activity.values):
        rows = np.flatnonzero(codes == code)
        cases, place = np.unique(case_of[rows], return_inverse=True)
        if len(cases) < 2 * FEW:
            continue
        counts = np.bincount(place * (a + 1) + following[rows], minlength=len(cases) * (a + 1)).reshape(-1, a + 1)
        nothing = counts[:, a:] / counts.sum(1, keepdims=True)
        yield _enough("transition", cases, [(name, None)], nothing)
        seen = counts[:, :a].sum(1) > 0
        shares = counts[seen, :a] / counts[seen, :a].sum(1, keepdims=True)
        yield _enough("transition", cases[seen], [(name, other) for other in log.activity.values], shares)
        for other in np.flatnonzero((counts[:, :a] > 0).sum(0) >= 2 * FEW).tolist():
            pairs = rows[following[rows] == other]
            having, first = np.unique(case_of[pairs], return_index=True)
            yield Measures("gap", having, ((name, log.activity.values[other]),), gap[pairs[first]][:, None])


def _variants(log: EventLog) -> Measures:
    ends = zip(log.starts[:-1].tolist(), log.starts[1:].tolist(), strict=True)
    courses = [tuple(log.activity.codes[start:end].tolist()) for start, end in ends]
    often = {course: place for place, (course, _) in enumerate(Counter(courses).most_common(MOST))}
    values = np.zeros((len(courses), len(often)))
    for case, course in enumerate(courses):
        if (place := often.get(course)) is not None:
            values[case, place] = 1
    names = [tuple(log.activity.values[code] for code in course) for course in often]
    return _enough("variant", np.arange(len(courses)), names, values)


def telling_persons(log: EventLog) -> tuple[str, ...]:
    """Return the attributes of cases and events that name who works."""
    every = {**log.event_attributes, **log.case_attributes}
    return tuple(name for name, column in every.items() if _tells_persons(name, column, log))


def _tells_persons(name: str, column: Categories | NDArray[np.float64], log: EventLog) -> bool:
    """Return whether an attribute names who works: by its name, or because resources have the same values."""
    if set(re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())) & _PERSONS:
        return True
    if log.resource is None:
        return False
    if isinstance(column, Categories):
        values = set(column.values)
    else:
        values = {f"{value:g}" for value in np.unique(column[~np.isnan(column)]).tolist()}
    return 2 * len(values & set(log.resource.values)) > len(values)
