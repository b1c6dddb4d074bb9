"""Cases at their first event: what a model reads there, with an attribute set to a value, and what happened later.
Knows a process model and columns; must not know what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.logistic import Logistic
from wmagent.domain.event_log import Categories, Column, EventLog, cases_of, taken
from wmagent.errors import InputError, checked_seed, unknown
from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel

Value = str | float
Floats = NDArray[np.float64]
DIRECTIONS = 8  # principal ones of the latents that a head reads; more only add noise
FOLDS = 2
STEADY = 0.9  # of cases in which an attribute of events stays the same, to be one of the case
MOSTLY = 0.95  # of cases take less time than this


class Starts:
    """The cases of a log that had time to end, as they were known at their first event.

    These began so long before the log's end as 95 % of cases take: to keep those that did end would keep the short
    ones. `log` holds them alone, `left_out` is how many began later, `happened` (n, activities of the log) says what
    happened after the first event, `fold` (n,) 0 or 1: heads learned on the one are asked about the other.
    """

    def __init__(self, model: ProcessModel, log: EventLog, seed: int = 0) -> None:
        checked_seed(seed)
        first, last = log.time[log.starts[:-1]], log.time[log.starts[1:] - 1]
        early = np.flatnonzero(first <= log.time.max() - np.quantile(last - first, MOSTLY))
        if len(early) < FOLDS * 2:
            raise InputError(
                f"{len(early)} cases began early enough to have ended before the log does; give a log that covers more "
                "time than its cases take"
            )
        self.model, self.log, self.left_out = model, log.take(early), len(log.cases) - len(early)
        n, codes = len(early), len(self.log.activity.values)
        later = np.ones(len(self.log), bool)
        later[self.log.starts[:-1]] = False
        place = (cases_of(self.log.starts) * codes + self.log.activity.codes)[later]
        self.happened = np.bincount(place, minlength=n * codes).reshape(n, codes) > 0
        self.fold = np.random.default_rng(seed).permutation(n) % FOLDS
        self._columns = self._raw(self.log)
        numbers, latents = self._columns
        self._spread = _spread(numbers)
        self._centre, self._directions = principal(latents)
        self._heads: dict[int, tuple[Logistic, ...]] = {}

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.log.cases)

    def attributes(self) -> tuple[str, ...]:
        """Return the case attributes that the model uses: those of the case, and those of events that stay the same
        in STEADY of cases, as said at the first event."""
        known = self.model.vocabulary
        of_events = [name for name in (*known.texts, *known.numbers) if self.changes(name) <= (1 - STEADY) * len(self)]
        of_cases = [name for name in (*known.case_texts, *known.case_numbers) if name in self.log.case_attributes]
        return tuple(dict.fromkeys([*of_cases, *of_events]))

    def column(self, attribute: str) -> Column:
        """Return an attribute's values, one per case; InputError where the model does not use it."""
        if attribute not in self.attributes():
            why = "others are the same in all cases, change within them, or are known only later"
            raise unknown("attribute", attribute, self.attributes(), why)
        if attribute in self.log.case_attributes:
            return self.log.case_attributes[attribute]
        return taken(self.log.event_attributes[attribute], self.log.starts[:-1])

    def changes(self, attribute: str) -> int:
        """Return the number of cases in which an attribute of events is later said to be another."""
        column = self.log.event_attributes.get(attribute)
        if column is None:
            return 0 if attribute in self.log.case_attributes else len(self)
        told = column.codes if isinstance(column, Categories) else column
        first = np.repeat(told[self.log.starts[:-1]], np.diff(self.log.starts))
        return len(np.unique(cases_of(self.log.starts)[told != first]))

    def read(self) -> Floats:
        """Return what heads read of the cases (n, features), each feature with about unit variance."""
        return self._scaled(*self._columns)

    def read_with(self, attribute: str, value: Value | None) -> Floats:
        """Return what heads would read (n, features), had every case this value; None: had nothing been said of it."""
        return self._scaled(*self._raw(_with(self.log, attribute, value)))

    def heads(self, code: int) -> tuple[Logistic, ...]:
        """Return P(the activity happens later), as learned from the other fold than the one it is asked about."""
        if code not in self._heads:
            self._heads[code] = fitted(self.read(), self.happened[:, code], self.fold)
        return self._heads[code]

    def _raw(self, log: EventLog) -> tuple[Floats, Floats]:
        history, rows = self.model.read(log), log.starts[:-1]
        first = Histories(
            np.arange(len(rows) + 1),
            history.activity[rows],
            history.resource[rows],
            history.numbers[rows],
            history.hours[rows],
            np.zeros(len(rows)),
        )
        begun = np.eye(self.model.vocabulary.end + 2)[first.activity]
        latents = self.model.latents(first, np.arange(len(rows))).astype(np.float64)
        return np.concatenate([first.numbers.astype(np.float64), begun], 1), latents

    def _scaled(self, numbers: Floats, latents: Floats) -> Floats:
        mean, std = self._spread
        varies = std > 0
        told = (numbers[:, varies] - mean[varies]) / std[varies]
        return np.concatenate([told, (latents - self._centre) @ self._directions], 1)


def principal(latents: Floats, most: int = DIRECTIONS) -> tuple[Floats, Floats]:
    """Return the mean (d,) of latents (n, d), and their principal directions (d, at most `most`), scaled so that the
    latents have unit variance along them."""
    centre = latents.mean(0)
    _, sizes, directions = np.linalg.svd(latents - centre, full_matrices=False)
    kept = min(most, int((sizes > 1e-3 * sizes[0]).sum()))
    return centre, directions[:kept].T / (sizes[:kept] / np.sqrt(len(latents)))


def fitted(read: Floats, hit: NDArray[np.bool_], fold: NDArray[np.int64]) -> tuple[Logistic, ...]:
    """Return a logistic regression for every fold, learned from the other cases."""
    return tuple(Logistic.fit(read[fold != mine], hit[fold != mine]) for mine in range(int(fold.max()) + 1))


def asked(heads: Sequence[Logistic], read: Floats, fold: NDArray[np.int64]) -> Floats:
    """Return P (n,) of every case, from the head that did not learn from it."""
    found = np.empty(len(read))
    for mine, head in enumerate(heads):
        found[fold == mine] = head.predict(read[fold == mine])
    return found


def _spread(numbers: Floats) -> tuple[Floats, Floats]:
    return numbers.mean(0), np.where(np.ptp(numbers, 0) > 1e-9, numbers.std(0), 0.0)


def _with(log: EventLog, attribute: str, value: Value | None) -> EventLog:
    if attribute in log.case_attributes:
        column = _filled(log.case_attributes[attribute], value)
        return replace(log, case_attributes={**log.case_attributes, attribute: column})
    column = _filled(log.event_attributes[attribute], value)
    return replace(log, event_attributes={**log.event_attributes, attribute: column})


def _filled(column: Column, value: Value | None) -> Column:
    if isinstance(column, Categories):
        code = -1 if value is None else column.values.index(str(value))
        return Categories(np.full_like(column.codes, code), column.values)
    return np.full_like(column, np.nan if value is None else float(value))
