"""Floors of next events: majority, Markov, n-grams frozen, online and sampled, boosted trees.
Knows columns and splits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog, cases_of, rows_of
from wmagent.evals.event_courses import sampled
from wmagent.evals.event_split import Split, following, remaining_days
from wmagent.events.counts import Counts

LAST, FLOOR = 4, 1e-5
ORDERS = {"Markov": 1, "n-gram": 3, "n-gram, 5": 5}


def majority(log: EventLog, split: Split) -> NDArray[np.float64]:
    """Return (n, activities + 1): how often what follows in training."""
    wanted = following(log)[rows_of(log.starts, split.pool)]
    share = np.bincount(wanted, minlength=len(log.activity.values) + 1) / len(wanted)
    return np.tile(share, (len(split.asked), 1))


def counted(log: EventLog, split: Split, order: int, online: bool) -> NDArray[np.float64]:
    """Return what an interpolated Witten-Bell n-gram says; `online` counts go on growing with every event that is
    revealed before a prediction is made, an end when the case has been silent for the log's usual silence."""
    counts = Counts(order, len(log.activity.values) + 1)
    wanted, codes = following(log), log.activity.codes.tolist()
    first = np.repeat(log.starts[:-1], np.diff(log.starts))

    def past(row: int) -> list[int]:
        return codes[max(first[row], row + 1 - order) : row + 1]

    for row in rows_of(log.starts, split.pool).tolist():
        counts.add(past(row), int(wanted[row]))
    found = np.empty((len(split.asked), len(log.activity.values) + 1))
    if not online:
        for place, row in enumerate(split.asked.rows.tolist()):
            found[place] = counts.probabilities(past(row))
        return found
    rows = rows_of(log.starts, split.others)
    ends = wanted[rows] == len(log.activity.values)
    known_at = np.where(ends, log.time[rows] + log.silence(), np.append(log.time[1:], 0)[rows])
    moments = np.concatenate([log.time[split.asked.rows], known_at])
    kinds = np.repeat([0, 1], [len(split.asked), len(rows)])
    for moment in np.lexsort((kinds, moments)).tolist():
        if moment < len(split.asked):
            found[moment] = counts.probabilities(past(int(split.asked.rows[moment])))
        else:
            row = int(rows[moment - len(split.asked)])
            counts.add(past(row), int(wanted[row]))
    return found


def ngram_rollouts(
    log: EventLog, split: Split, rows: NDArray[np.int64], draws: int, horizon: int, seed: int, order: int = 4
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return courses sampled from an interpolated Witten-Bell n-gram of training cases after rows (n,) of the log:
    codes (n, draws, horizon) and told (n, horizon, activities + 1), as event_courses.sampled has them."""
    counts, wanted = Counts(order, len(log.activity.values) + 1), following(log)
    first = np.repeat(log.starts[:-1], np.diff(log.starts))

    def past(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        back = rows[:, None] - np.arange(order - 1, -1, -1)
        return np.where(back >= first[rows, None], log.activity.codes[back], -1).astype(np.int64)

    def told(contexts: NDArray[np.int64]) -> NDArray[np.float64]:
        kinds, place = np.unique(contexts, axis=0, return_inverse=True)
        found = [counts.probabilities([code for code in kind if code >= 0]) for kind in kinds.tolist()]
        return np.stack(found)[place.ravel()]

    train = rows_of(log.starts, split.pool)
    for context, code in zip(past(train).tolist(), wanted[train].tolist(), strict=True):
        counts.add([code for code in context if code >= 0], code)
    contexts = np.repeat(past(rows), draws, 0)

    def advance(some: NDArray[np.int64], events: NDArray[np.int64]) -> NDArray[np.float64]:
        contexts[some] = np.concatenate([contexts[some, 1:], events[:, None]], 1)
        return told(contexts[some])

    return sampled(told(past(rows)), advance, draws, horizon, seed)


class Boosted:
    """Boosted trees (scikit-learn's HistGradientBoosting) on the last four activities, counts, length, resource, gaps,
    hour, weekday and numeric case attributes: the strongest floor on most logs."""

    def __init__(self, log: EventLog, split: Split, seed: int, unknown_at_start: tuple[str, ...] = ()) -> None:
        self.log, self.split, self.seed = log, split, seed
        self.table = _table(log, unknown_at_start)
        self.rows = rows_of(log.starts, split.pool)

    def events(self) -> NDArray[np.float64]:
        """Return (n, activities + 1) probabilities of the next event."""
        wanted = following(self.log)[self.rows]
        known = wanted < len(self.log.activity.values)
        known |= self.split.over[cases_of(self.log.starts)[self.rows]]
        model = self._fitted(self.table[self.rows[known]], wanted[known])
        found = np.full((len(self.split.asked), len(self.log.activity.values) + 1), FLOOR)
        found[:, model.classes_] += model.predict_proba(self.table[self.split.asked.rows])
        return found / found.sum(1, keepdims=True)

    def outcome(self, rows: NDArray[np.int64], hit: NDArray[np.bool_], asked: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return P(outcome) at asked rows, learned from training rows with what became of them."""
        return self._fitted(self.table[rows], hit).predict_proba(self.table[asked])[:, 1]

    def remaining(self, asked: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the .1, .5 and .9 quantiles (n, 3) of the days that remain."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        rows = self.rows[self.split.over[cases_of(self.log.starts)[self.rows]]]
        days, said = remaining_days(self.log, rows), []
        for level in (0.1, 0.5, 0.9):
            model = HistGradientBoostingRegressor(loss="quantile", quantile=level, **self._settings(100))
            said.append(np.maximum(model.fit(self.table[rows], days).predict(self.table[asked]), 0))
        return np.stack(said, 1)

    def after(
        self,
        train: NDArray[np.int64],
        actions: NDArray[np.int64],
        wanted: NDArray[np.int64],
        asked: NDArray[np.int64],
        action: NDArray[np.int64],
        others: NDArray[np.int64],
    ) -> dict[str, NDArray[np.float64]]:
        """Return (n, activities + 1) of the event after an action: told the action, nothing of it, and another one;
        learned from training rows, their actions and what came after these."""
        found = {}
        blind = self._fitted(self.table[train], wanted)
        codes = [*_CODES, self.table.shape[1]]
        seeing = self._fitted(np.column_stack([self.table[train], actions]), wanted, codes)
        reads = {"correct": (seeing, action), "none": (blind, None), "shuffled": (seeing, others)}
        for kind, (model, given) in reads.items():
            read = self.table[asked] if given is None else np.column_stack([self.table[asked], given])
            told = np.full((len(asked), len(self.log.activity.values) + 1), FLOOR)
            told[:, model.classes_] += model.predict_proba(read)
            found[kind] = told / told.sum(1, keepdims=True)
        return found

    def _fitted(self, read: NDArray[Any], wanted: NDArray[Any], codes: list[int] | None = None) -> Any:
        """Return a classifier of what is read (n, f); classes that occur once cannot be learned."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        settings: dict[str, Any] = self._settings(200) | {"categorical_features": codes or _CODES}
        kinds, place, n = np.unique(wanted, return_inverse=True, return_counts=True)
        often = n[place] > 1 if len(kinds) > 2 else np.ones(len(wanted), bool)
        model = HistGradientBoostingClassifier(learning_rate=0.06, l2_regularization=1.0, **settings)
        return model.fit(read[often], wanted[often])

    def _settings(self, rounds: int) -> dict[str, Any]:
        return {"max_iter": rounds, "random_state": self.seed, "categorical_features": _CODES}


_CODES = list(range(LAST + 1))


def _table(log: EventLog, unknown_at_start: tuple[str, ...]) -> NDArray[np.float32]:
    case_of = cases_of(log.starts)
    first, rows = log.starts[:-1][case_of], np.arange(len(log))
    codes = log.activity.codes
    last = [np.where(rows - back >= first, codes[rows - back], -1) for back in range(LAST)]
    frequent = np.full(1, -1) if log.resource is None else _frequent_codes(log.resource.codes)
    one = np.zeros((len(log), len(log.activity.values)), np.float32)
    one[rows, codes] = 1
    total = np.cumsum(one, 0)
    before = np.vstack([np.zeros_like(total[:1]), total])[log.starts[:-1]]
    gap = np.where(rows > first, np.diff(log.time, prepend=log.time[:1]), 0) / HOUR
    numbers = [column for name, column in log.case_attributes.items() if name not in unknown_at_start]
    numeric = [column[case_of] for column in numbers if isinstance(column, np.ndarray)]
    clock = [rows - first, gap, np.where(rows > first, gap[rows - 1], 0), (log.time - log.time[first]) / HOUR]
    clock += [log.time / HOUR % 24, (log.time // (24 * HOUR) + 3) % 7]
    columns = [*last, frequent if len(frequent) == len(log) else np.full(len(log), -1), *clock, *numeric]
    return np.concatenate([np.stack(columns, 1).astype(np.float32), total - before[case_of]], 1)


def _frequent_codes(codes: NDArray[np.int32], most: int = 250) -> NDArray[np.int64]:
    """Return codes by frequency, rare ones as -1."""
    order = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")[:most]
    place = np.full(int(codes.max(initial=0)) + 2, -1)
    place[order] = np.arange(len(order))
    return place[codes]


NEXT_EVENT: dict[str, Callable[[EventLog, Split], NDArray[np.float64]]] = {
    "majority": majority,
    **{name: (lambda log, split, order=order: counted(log, split, order, False)) for name, order in ORDERS.items()},
    "n-gram, online": lambda log, split: counted(log, split, 3, True),
    "n-gram, 5, online": lambda log, split: counted(log, split, 5, True),
}
