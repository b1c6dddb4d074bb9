"""A model that follows a log as it grows: says what comes next, then learns from what came, in the order of time.
Knows a process model and its online parts; must not know files or evaluations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import rows_of
from wmagent.events.counts import Counts
from wmagent.events.histories import Histories
from wmagent.events.online import AdaptiveSets, LocalMixture, TopCalibration
from wmagent.events.process_model import ORDERS, ProcessModel
from wmagent.events.targets import targets


@dataclass(frozen=True)
class Followed:
    """What was said before each asked event was known. `events` and who is in the prediction `sets`, both
    (n, activities + 1); `weights` of the experts at the end."""

    events: NDArray[np.float64]
    sets: NDArray[np.bool_]
    weights: NDArray[np.float64]


class Follower:
    """The part of a model that goes on learning: n-gram memories, weights of experts, calibration, prediction sets."""

    def __init__(self, model: ProcessModel, coverage: float = 0.9) -> None:
        self.model, self.outcomes = model, model.vocabulary.end + 1
        self.counts = [Counts(order, self.outcomes) for order in ORDERS]
        for course, ended, times in model.courses:
            known = (*course, model.vocabulary.end) if ended else course
            for place in range(1, len(known)):
                for counts in self.counts:
                    counts.add(known[max(0, place - max(ORDERS)) : place], known[place], times)
        few = 0.05
        weights = np.concatenate([model.weights * (1 - few * len(ORDERS)), np.full(len(ORDERS), few)])
        self.mixture = LocalMixture(weights, self.outcomes + 1)
        self.calibration = TopCalibration()
        self.sets = AdaptiveSets(coverage)

    def predict(self, past: list[int], experts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (every expert's probabilities, n-grams included; the calibrated mixture) after a past of codes."""
        told = np.concatenate([experts, [counts.probabilities(past) for counts in self.counts]])
        return told, self.calibration.apply(self.mixture.mix(told, past[-1]))

    def reveal(self, past: list[int], told: NDArray[np.float64], code: int) -> None:
        """Learn from the code that came after a past, of which the experts had told (experts, c)."""
        if code < self.outcomes:
            mixed = self.mixture.mix(told, past[-1])
            self.sets.reveal(self.calibration.apply(mixed), code)
            self.calibration.reveal(mixed, code)
            self.mixture.reveal(told[:, code], past[-1])
            for counts in self.counts:
                counts.add(past, code)


def follow(
    model: ProcessModel, history: Histories, asked: NDArray[np.int64], cases: NDArray[np.int64], coverage: float = 0.9
) -> Followed:
    """Follow some cases through time, and return what was said at the rows `asked` of them.

    What is said at a moment is said before anything of that moment is revealed. That a case is over is revealed when
    it has been silent for the model's patience.
    """
    rows = rows_of(history.starts, cases)
    experts = model.experts(history, rows)
    wanted = targets(history, np.ones(len(history), bool), model.vocabulary.end)
    known_at = history.hours[rows] + np.where(np.isnan(wanted.gap[rows]), model.patience_hours, wanted.gap[rows])
    follower, first = Follower(model, coverage), np.repeat(history.starts[:-1], np.diff(history.starts))
    begins = np.maximum(first[rows], rows + 1 - max(ORDERS))  # no memory looks further back
    pasts = [history.activity[begin : row + 1].tolist() for begin, row in zip(begins, rows, strict=True)]
    told: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
    place_of = {row: place for place, row in enumerate(asked.tolist())}
    said = np.zeros((len(asked), model.vocabulary.end + 1))
    sets = np.zeros(said.shape, bool)
    moments = np.concatenate([history.hours[rows], known_at])
    kinds = np.repeat([0, 1], len(rows))  # at one moment all is said before anything is revealed
    for moment in np.lexsort((kinds, moments)).tolist():
        place = moment % len(rows)
        if moment < len(rows):
            told[place], found = follower.predict(pasts[place], experts[:, place])
            if (at := place_of.get(int(rows[place]))) is not None:
                said[at] = found
                sets[at, follower.sets.set_of(found)] = True
        else:
            follower.reveal(pasts[place], told[place], int(wanted.next[rows[place]]))
            told[place] = np.empty(0)
    return Followed(said, sets, follower.mixture.everywhere.weights)
