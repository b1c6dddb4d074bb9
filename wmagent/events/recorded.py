"""A process model with the log it is asked about: cases by name, what became of them, critics of outcomes.
Knows a model and columns; must not know files or what is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, cases_of
from wmagent.errors import InputError, unknown
from wmagent.events.evidence import Evidence
from wmagent.events.forecasts import END
from wmagent.events.heads import matching, until_end
from wmagent.events.histories import Histories
from wmagent.events.outlooks import Aim, chances
from wmagent.events.process_model import ProcessModel
from wmagent.events.rollouts import Imagination
from wmagent.events.values import Value

LONGEST = 0.95  # quantile of the recorded lengths: how far futures are imagined


class RecordedProcess:
    """What questions about cases are asked of. `decisions` are the codes that the organisation chooses."""

    def __init__(self, model: ProcessModel, log: EventLog) -> None:
        self.model, self.log = model, log
        self.history: Histories = model.read(log)
        self.cases = cases_of(log.starts)
        last = self.history.hours[log.starts[1:] - 1]
        self.over = last < self.history.hours.max() - model.patience_hours
        if not self.over.any():
            raise InputError("no case of the log is over; give a log with finished cases as the record to compare with")
        self.evidence = Evidence(model, log, self.history, self.over)
        self.horizon = int(max(12, np.quantile(np.diff(log.starts), LONGEST)))
        chosen = model.ownership.decisions
        codes = [code for code, name in enumerate(model.vocabulary.activities) if name in chosen]
        self.decisions = np.array(codes, dtype=np.int64)
        self._values: dict[tuple[int, ...], Value] = {}

    def row(self, case: str, events: int | None = None) -> int:
        """Return the row of a case's last event, or of its `events`-th; InputError where there is none."""
        if case not in self.log.cases:
            raise unknown("case", case, self.log.cases)
        start, stop = self.log.starts[self.log.cases.index(case) :][:2].tolist()
        if events is not None and not 1 <= events <= stop - start:
            raise InputError(f"case {case!r} has {stop - start} events; ask after 1 to {stop - start}, not {events}")
        return start + (events or stop - start) - 1

    def codes(self, name: str | None) -> tuple[int, ...]:
        """Return the codes of an activity, of all that a name with * or ? matches, or of the end (None or its own
        name); InputError where there is none."""
        if name is None or name == END:
            return (self.model.vocabulary.end,)
        return matching(self.model.vocabulary.activities, name)

    def code(self, activity: str) -> int:
        """Return an activity's code; InputError for an unknown one."""
        if activity not in self.model.vocabulary.activities:
            raise unknown("activity", activity, self.model.vocabulary.activities)
        return self.model.vocabulary.activities.index(activity)

    def name(self, code: int) -> str:
        """Return the name of an activity or of the end."""
        names = (*self.model.vocabulary.activities, END, "(unknown)")
        return names[code]

    def decides(self, code: int) -> bool:
        """Return whether the organisation chooses this."""
        return code in self.decisions

    def latents(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the latents (n, d) of the prefixes that end with `rows`."""
        return self.model.latents(self.history, rows)

    def hours_until(self, codes: Sequence[int]) -> NDArray[np.float64]:
        """Return per event the hours until one of some activities first happens in its case (infinite: never; NaN: not
        known, or it has happened already)."""
        if self.model.vocabulary.end in codes:
            every = until_end(self.history, np.arange(len(self.cases)))
            return np.where(self.over[self.cases], every, np.nan)
        found = np.full(len(self.cases), np.nan)
        for number, (start, stop) in enumerate(zip(self.log.starts[:-1], self.log.starts[1:], strict=True)):
            here = np.flatnonzero(np.isin(self.history.activity[start:stop], codes))
            if len(here):
                first = start + here[0]
                found[start:first] = self.history.hours[first] - self.history.hours[start:first]
            elif self.over[number]:
                found[start:stop] = np.inf
        return found

    def value(self, codes: tuple[int, ...]) -> Value:
        """Return the critic of some activities, learned once from the cases that are over."""
        if codes not in self._values:
            hours = self.hours_until(codes)
            rows = np.flatnonzero(~np.isnan(hours))
            if not len(rows):
                raise InputError(f"no finished case says what becomes of {self.name(codes[0])!r}")
            self._values[codes] = Value.fit(self.model, self.history, rows, np.isfinite(hours[rows]), self.model.seed)
        return self._values[codes]

    def chances(self, imagined: Imagination, aim: Aim) -> NDArray[np.float64]:
        """Return P(aim) (n, draws): to the end of the case where there is a deadline, with the critic's help else."""
        if np.isfinite(aim.within) or self.model.vocabulary.end in aim.codes:
            return chances(imagined, aim, None, self.horizon)
        return chances(imagined, aim, self.value(aim.codes))

    def wait(self, imagined: Imagination, hours: float) -> None:
        """Let the environment go on for some hours in which nothing is decided: what the organisation would decide
        comes later, what it does not decide may come before."""
        until, waiting = imagined.hours + hours, ~imagined.over
        for _ in range(self.horizon):
            codes = imagined.drawn(imagined.next_events())
            gap = imagined.gaps(codes)
            late = np.isin(codes, self.decisions) | (imagined.hours + gap >= until)
            imagined.go_on(codes, np.where(late, np.maximum(gap, until - imagined.hours), gap), waiting)
            waiting &= ~late & ~imagined.over
            if not waiting.any():
                break
