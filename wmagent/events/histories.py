"""Event logs as what a network reads: codes and numbers per event, known at that event. Knows columns; no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from wmagent.domain.event_log import HOUR, Categories, Column, EventLog, cases_of

RESOURCES = 60  # the most frequent are told apart
MOST_VALUES = 40  # of a text attribute; the most frequent are told apart
DAY = 24 * HOUR
_MONDAY = 3  # 1970-01-01 was a Thursday


class Number(BaseModel):
    """How a numeric attribute is scaled: z = (value - mean) / std, after log1p where it is skewed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    mean: float
    std: float
    log: bool


class Vocabulary(BaseModel):
    """What was known of a process when it was learned: activities, resources, and scales of attributes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    activities: tuple[str, ...]
    resources: tuple[str, ...]
    numbers: dict[str, Number]
    texts: dict[str, tuple[str, ...]]
    case_numbers: dict[str, Number]
    case_texts: dict[str, tuple[str, ...]]

    @property
    def width(self) -> int:
        """Return the number of numeric inputs per event."""
        wide = sum(map(len, self.texts.values())) + sum(map(len, self.case_texts.values()))
        return len(_CLOCK) + 2 * len(self.numbers) + 2 * len(self.case_numbers) + wide

    @property
    def end(self) -> int:
        """Return the code of the end of a case among next events."""
        return len(self.activities)

    @staticmethod
    def of(log: EventLog, unknown_at_start: Sequence[str] = ()) -> Vocabulary:
        """Return the vocabulary of the cases that are learned from; case attributes in `unknown_at_start` are not
        used."""
        case = {name: column for name, column in log.case_attributes.items() if name not in unknown_at_start}
        return Vocabulary(
            activities=_frequent(log.activity, len(log.activity.values)),
            resources=_frequent(log.resource, RESOURCES) if log.resource is not None else (),
            numbers=_numbers(log.event_attributes),
            texts=_texts(log.event_attributes),
            case_numbers=_numbers(case),
            case_texts=_texts(case),
        )


_CLOCK = ("gap", "minutes", "elapsed", "length", "sin", "cos", "hour", *"mtwtfss", "at once", "busy")
BUSY = _CLOCK.index("busy")  # the one number that depends on other cases


@dataclass(frozen=True)
class Histories:
    """Cases as a network reads them; `starts` as in EventLog.

    `activity` are codes (`Vocabulary.end` + 1 for unknown ones, because no event is the end), `resource` too (unknown
    ones come last), `numbers` is (events, width), `hours` (events,) since the epoch, `gap` (events,) hours since the
    event before.
    """

    starts: NDArray[np.int64]
    activity: NDArray[np.int64]
    resource: NDArray[np.int64]
    numbers: NDArray[np.float32] = field(repr=False)
    hours: NDArray[np.float64]
    gap: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.starts) - 1

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Return for each row (events,) the first row of its case."""
        return np.repeat(self.starts[:-1], np.diff(self.starts))


def histories(log: EventLog, vocabulary: Vocabulary) -> Histories:
    """Return a log as the vocabulary tells it. Attributes of events are carried on until they are said anew."""
    starts, first = log.starts, np.repeat(log.starts[:-1], np.diff(log.starts))
    position = np.arange(len(log)) - first
    gap = np.where(position > 0, np.diff(log.time, prepend=log.time[:1]), 0) / HOUR
    gap = np.maximum(gap, 0.0)
    hours = log.time / HOUR
    case_of = cases_of(starts)
    columns = _clock(log.time, gap, hours - hours[first], position)
    for name, scale in vocabulary.numbers.items():
        columns += _scaled(_carried(_number(log.event_attributes.get(name), len(log)), first, position), scale)
    for name, values in vocabulary.texts.items():
        codes = _codes(log.event_attributes.get(name), values, len(log)).astype(np.float64)
        carried = _carried(np.where(codes < 0, np.nan, codes), first, position)
        columns += [(carried == place).astype(np.float32) for place in range(len(values))]
    for name, scale in vocabulary.case_numbers.items():
        columns += [part[case_of] for part in _scaled(_number(log.case_attributes.get(name), len(log.cases)), scale)]
    for name, values in vocabulary.case_texts.items():
        codes = _codes(log.case_attributes.get(name), values, len(log.cases))[case_of]
        columns += [(codes == place).astype(np.float32) for place in range(len(values))]
    activity = _codes(log.activity, vocabulary.activities, len(log))
    resource = _codes(log.resource, vocabulary.resources, len(log))
    return Histories(
        starts,
        np.where(activity < 0, vocabulary.end + 1, activity),
        np.where(resource < 0, len(vocabulary.resources), resource),
        np.stack(columns, 1).astype(np.float32) if len(log) else np.zeros((0, vocabulary.width), np.float32),
        hours,
        gap,
    )


def _clock(
    time: NDArray[np.int64], gap: NDArray[np.float64], elapsed: NDArray[np.float64], position: NDArray[np.int64]
) -> list[NDArray[np.floating]]:
    hour = (time % DAY) / HOUR
    weekday = (time // DAY + _MONDAY) % 7
    order = np.argsort(time, kind="stable")
    busy = np.empty(len(time))
    busy[order] = np.arange(len(time)) - np.searchsorted(time[order], time[order] - DAY)  # events of the last day
    return [
        np.log1p(gap),
        np.log1p(gap * 60) / 3,
        np.log1p(elapsed),
        np.log1p(position),
        np.sin(hour * np.pi / 12),
        np.cos(hour * np.pi / 12),
        hour / 24,
        *((weekday == day).astype(np.float32) for day in range(7)),
        ((gap == 0) & (position > 0)).astype(np.float32),
        busyness(busy),
    ]


def busyness(events: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, as a network reads them, numbers of events of all cases in the day before."""
    return np.log1p(events) / 3


def _carried(values: NDArray[np.float64], first: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fill what is not said at an event with what was said last in its case."""
    place = np.where(np.isnan(values), -1, np.arange(len(values)))
    place = np.maximum.accumulate(np.where(position == 0, np.maximum(place, first - 1), place))
    known = place >= first
    return np.where(known, values[np.maximum(place, 0)], np.nan)


def _scaled(values: NDArray[np.float64], scale: Number) -> list[NDArray[np.floating]]:
    """Return a number as (its scaled value, is it known)."""
    known = ~np.isnan(values)
    told = np.log1p(np.maximum(values, 0)) if scale.log else values
    return [np.where(known, np.clip((told - scale.mean) / scale.std, -4, 4), 0.0), known.astype(np.float32)]


def _number(column: Column | None, n: int) -> NDArray[np.float64]:
    return np.full(n, np.nan) if column is None or isinstance(column, Categories) else column


def _codes(column: Column | None, values: Sequence[str], n: int) -> NDArray[np.int64]:
    """Return a column's codes among `values`, -1 for others."""
    if not isinstance(column, Categories):
        return np.full(n, -1)
    places = {value: place for place, value in enumerate(values)}
    table = np.array([*(places.get(value, -1) for value in column.values), -1])
    return table[column.codes]


def _frequent(column: Categories, most: int) -> tuple[str, ...]:
    """Return the values that occur, most frequent first."""
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    return tuple(column.values[i] for i in np.argsort(-counts, kind="stable")[:most].tolist() if counts[i])


def _numbers(attributes: Mapping[str, Column]) -> dict[str, Number]:
    found = {}
    for name, column in attributes.items():
        if isinstance(column, Categories):
            continue
        known = column[~np.isnan(column)]
        if len(known) < 2 or known.min() == known.max():
            continue
        skewed = known.mean() > 3 * np.median(known) + 1e-9 or known.max() > 1000
        log = bool(known.min() >= 0 and skewed)
        told = np.log1p(known) if log else known
        found[name] = Number(mean=float(told.mean()), std=float(told.std()) or 1.0, log=log)
    return found


def _texts(attributes: Mapping[str, Column]) -> dict[str, tuple[str, ...]]:
    """Return the text attributes that can say something: neither constant nor nearly all different."""
    found = {}
    for name, column in attributes.items():
        if not isinstance(column, Categories):
            continue
        values = _frequent(column, MOST_VALUES)
        said = int((column.codes >= 0).sum())
        if 2 <= len(column.values) <= max(20, said // 20) and values:
            found[name] = values
    return found
