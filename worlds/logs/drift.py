"""What changed in a process from one day on: two periods of a log compared, the day given or searched for. Knows
columns; must not know files or models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog
from wmagent.errors import InputError, shortened
from wmagent.worlds.logs.comparing import compared, holm
from wmagent.worlds.logs.describing import described
from wmagent.worlds.logs.measures import FEW, Kind, Measures, measures, observed, weekly

ALPHA = 0.05  # chance of any false alarm in a whole report
WATCHED = 0.9  # quantile of the cases' durations: how long cases are observed, where the periods allow it
CUTS = 20  # days that are tried at most, where none is given
SHARE = 0.1  # of the cases that are in either period at least, where the day is searched for
MOST_CASES = 20_000  # drawn from larger logs, but for what is counted per week
FEW_WEEKS = 6  # in either period, for weeks to be compared


@dataclass(frozen=True)
class Change:
    """One change. `what` names it: an activity, two that follow one another (None for the end), an attribute and its
    value … `before` and `after` are in `unit`; `n_before` and `n_after` are cases (weeks, of what is counted per week);
    `p` is corrected for everything that was compared; `effect` is Cliff's delta, -1 to 1, above 0 where there is more.
    """

    kind: Kind
    what: tuple[str | None, ...]
    before: float
    after: float
    unit: str
    n_before: int
    n_after: int
    p: float
    effect: float
    sentence: str


@dataclass(frozen=True)
class Drift:
    """What changed, the largest effect first. `since` is None where no day was given and none was found; `tried` days
    were compared. Cases are compared as they were `window_hours` after their first event."""

    begin: str
    since: str | None
    until: str
    tried: int
    window_hours: float
    cases_before: int
    cases_after: int
    compared: int
    changes: tuple[Change, ...]

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {**asdict(self), "changes": [{**asdict(one), "what": list(one.what)} for one in self.changes]}

    def lines(self) -> list[str]:
        """Return what changed in plain words: what was compared, then the largest effect first."""
        return [self.headline(), *(one.sentence for one in self.changes)]

    def headline(self) -> str:
        """Return what was compared and whether anything changed, in one sentence."""
        tests = f"{self.compared:,} comparisons" + (f" on each of {self.tried} days" if self.tried > 1 else "")
        seen = f"{tests} of the first {self.window_hours / 24:.3g} days of cases"
        when = f"since {self.since}" if self.since else f"from {self.begin} to {self.until}"
        if not self.changes:
            return f"nothing changed {when} that could not be chance ({seen})"
        sides = f"{self.cases_before:,} cases before, {self.cases_after:,} after"
        found = ", the day with the largest difference," if self.tried > 1 else ""
        return f"{when}{found} {len(self.changes)} changes that are no chance ({sides}; {seen})"


def drift(
    log: EventLog,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    unknown_at_start: Sequence[str] = (),
) -> Drift:
    """Compare the cases of the period before `since` with those from then on (before `until`, by default to the end).

    Without `since` the day with the largest difference is searched for, and significance accounts for the search.
    Cases are the units of all tests, and all are observed equally long, so that those that began lately do not look
    short; cases that began too shortly before a period's end for that belong to neither. Case attributes in
    `unknown_at_start` are left out. InputError for days that are none or outside of the log, and for too few cases.

    Example: `drift(read_log("tickets.csv").log, since="2026-03-01").lines()`
    """
    begin, end = int(log.time.min()), int(log.time.max()) + 1
    if until is not None:
        end = _moment(until, "until", begin, end)
        log = log.where(log.time < end)
    began, ended = log.time[log.starts[:-1]], log.time[log.starts[1:] - 1]
    if since is not None:
        days = [_moment(since, "since", begin, end)]
        room = min(days[0] - begin, end - days[0]) // 2
    else:
        days, room = _days(began, begin, end), (end - begin) // 8
    window = min(int(np.quantile(ended - began, WATCHED)), room)
    log_drawn = _drawn(log)
    tried = [found for day in days if (found := _Periods.around(log_drawn, day, window, end, since is None))]
    if not tried:
        raise InputError(_too_few(began, days, window, begin, end, since is not None))
    of_cases = list(measures(observed(log_drawn, window), unknown_at_start))
    found = [_tests([*of_cases, *weekly(log, part.day, begin, end)], part, len(tried)) for part in tried]
    strengths = [-np.log10([max(one.p, 1e-300) for one in tests if one.p < ALPHA] or [1.0]).sum() for tests in found]
    best = int(np.argmax(strengths))
    part, tests = tried[best], found[best]
    changes = [_change(one) for one in tests if one.p < ALPHA]
    return Drift(
        begin=_day(begin),
        since=_day(part.day) if since is not None or changes else None,
        until=_day(end - 1),
        tried=len(tried),
        window_hours=window / HOUR,
        cases_before=int(part.before.sum()),
        cases_after=int(part.after.sum()),
        compared=len(tests),
        changes=tuple(sorted(changes, key=lambda one: (-abs(one.effect), one.p))),
    )


@dataclass(frozen=True)
class _Periods:
    """A day, and which cases (cases,) were observed long enough before it, and from then on."""

    day: int
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]

    @staticmethod
    def around(log: EventLog, day: int, window: int, end: int, balanced: bool) -> _Periods | None:
        """Return the periods, None where one has too few cases."""
        began = log.time[log.starts[:-1]]
        found = _Periods(day, began + window <= day, (began >= day) & (began + window <= end))
        least = max(FEW, SHARE * len(began)) if balanced else FEW
        return found if min(found.before.sum(), found.after.sum()) >= least else None


@dataclass(frozen=True)
class _Test:
    """One comparison: values of the cases before and after, p-value corrected, effect."""

    kind: Kind
    what: tuple[str | None, ...]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    p: float
    effect: float


def _tests(every: Iterable[Measures], part: _Periods, tried: int) -> list[_Test]:
    """Compare two periods by all measures; p-values account for all of them on all days that are tried."""
    found: list[_Test] = []
    for one in every:
        weeks = one.kind in ("arrivals", "resources")
        before = one.values[one.cases < 0 if weeks else part.before[one.cases]]
        after = one.values[one.cases >= 0 if weeks else part.after[one.cases]]
        if not one.names or min(len(before), len(after)) < (FEW_WEEKS if weeks else FEW):
            continue
        p, effect = compared(before, after)
        found += [
            _Test(one.kind, name, before[:, place], after[:, place], float(p[place]), float(effect[place]))
            for place, name in enumerate(one.names)
        ]
    corrected = np.minimum(1, tried * holm(np.array([one.p for one in found])))
    return [
        _Test(one.kind, one.what, one.before, one.after, p, one.effect)
        for one, p in zip(found, corrected.tolist(), strict=True)
    ]


def _change(test: _Test) -> Change:
    told = described(test.kind, test.what, test.before, test.after)
    n, m = len(test.before), len(test.after)
    figures = (told.before, told.after, told.unit, n, m, test.p, test.effect, told.sentence)
    return Change(test.kind, test.what, *figures)


def _drawn(log: EventLog) -> EventLog:
    if len(log.cases) <= MOST_CASES:
        return log
    return log.take(np.sort(np.random.default_rng(0).choice(len(log.cases), MOST_CASES, replace=False)))


def _days(began: NDArray[np.int64], begin: int, end: int) -> list[int]:
    """Return the days to try: the first of every month, or days with as many beginnings between them where these are
    too few or too many."""
    day, months = datetime.fromtimestamp(begin / 1e6, UTC), []
    while (moment := round(day.timestamp() * 1e6)) < end:
        months.append(moment)
        day = (day.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    if CUTS // 2 < len(months) <= CUTS:
        return months[1:]
    cuts = np.quantile(began, np.arange(1, CUTS + 1) / (CUTS + 1)).astype(np.int64)
    return np.unique(cuts // (24 * HOUR) * (24 * HOUR)).tolist()


def _moment(said: str | datetime, name: str, begin: int, end: int) -> int:
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else said
    except ValueError as error:
        raise InputError(f"{name} is a day such as 2026-03-01, not {shortened(repr(said))}") from error
    found = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)
    if not begin < found <= end:
        raise InputError(
            f"{name} {shortened(str(said))} is outside of the log; give a day after {_day(begin)}, up to {_day(end)}"
        )
    return found


def _too_few(began: NDArray[np.int64], days: list[int], window: int, begin: int, end: int, given: bool) -> str:
    if not given:
        return f"{len(began)} cases are too few to find a change; at least {FEW} on either side of a day are needed"
    before, after = (began + window <= days[0]).sum(), ((began >= days[0]) & (began + window <= end)).sum()
    return (
        f"{before} cases before and {after} from {_day(days[0])} on were observed for {window / HOUR / 24:.3g} days; "
        f"{FEW} each are needed. Give another day between {_day(begin)} and {_day(end)}"
    )


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%d")
