"""A model that follows a log as it grows: says what comes next, then learns from what came, in the order of time.
Knows a process model and its online parts; must not know files or evaluations."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import rows_of
from wmagent.events.counts import Remembered
from wmagent.events.histories import Histories
from wmagent.events.intervals import UNKNOWN, AdaptiveWidth, Reach
from wmagent.events.online import AdaptiveSets, Correction, LeastError, LocalMixture, TopCalibration
from wmagent.events.process_model import ORDERS, ProcessModel
from wmagent.events.targets import targets

HALF_LIFE = 1_000  # events, of the memories that fade
_ASKED, _JUDGED, _OVER = 0, 1, 2  # what happens at a moment, in this order
FEW = 0.05  # weight at the beginning of an expert that learns from what is revealed


@dataclass(frozen=True)
class Followed:
    """What was said before each asked event was known. `events` and who is in the prediction `sets`, both
    (n, activities + 1); `weights` of the experts at the end."""

    events: NDArray[np.float64]
    sets: NDArray[np.bool_]
    weights: NDArray[np.float64]


class Follower:
    """The part of a model that goes on learning: a correction of the network, n-gram memories (lasting ones and fading
    ones), weights of experts, calibration, prediction sets."""

    def __init__(self, model: ProcessModel, coverage: float = 0.9) -> None:
        self.model, self.outcomes = model, model.vocabulary.end + 1
        self.memories = [*model.memories(), *model.memories(HALF_LIFE)]
        weights = np.concatenate([model.weights, np.zeros(1 + len(self.memories))])
        few = 1 - len(self.memories) * FEW - FEW
        weights = np.where(np.arange(len(weights)) < len(model.weights), few * weights, FEW)
        imagined = np.concatenate([(1 - 2 * FEW) * model.imagined_weights, [FEW, FEW]])
        self.imagined = LocalMixture(imagined, self.outcomes + 1)
        self.correction = Correction(self.outcomes, model.settings.width)
        self.mixture = LocalMixture(weights, self.outcomes + 1)
        self.calibration = TopCalibration()
        self.sets = AdaptiveSets(coverage)

    def predict(
        self, past: list[int], latent: NDArray[np.floating], experts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (what every expert says, (e, c); the calibrated mixture (c,)) after a past of codes and its latent
        (d,), of which the model's own experts, the network first, say (own, c)."""
        corrected = self.correction.apply(experts[0], latent)
        told = np.stack([*experts, corrected, *(memory.probabilities(past) for memory in self.memories)])
        return told, self.calibration.apply(self.mixture.mix(told, past[-1]))

    def remembered(self) -> Remembered:
        """Return the memories as they are now, and how they are weighed in imagined futures; they go on learning."""
        places = range(self.outcomes + 1)
        return Remembered(self.memories, np.stack([self.imagined.weights(place) for place in places]))

    def reveal(self, past: list[int], latent: NDArray[np.floating], told: NDArray[np.float64], code: int) -> None:
        """Learn from the code that came after a past, of which the experts had told (e, c)."""
        if code >= self.outcomes:
            return
        mixed = self.mixture.mix(told, past[-1])
        self.sets.reveal(self.calibration.apply(mixed), code)
        self.calibration.reveal(mixed, code)
        self.mixture.reveal(told[:, code], past[-1])
        self.imagined.reveal(told[[1, *range(-len(self.memories), 0)], code], past[-1])
        self.correction.reveal(told[len(self.model.weights)], latent, code)
        for memory in self.memories:
            memory.reveal(past, code)


def follow(
    model: ProcessModel,
    history: Histories,
    asked: NDArray[np.int64],
    cases: NDArray[np.int64],
    coverage: float = 0.9,
    at: Mapping[int, Callable[[Follower], None]] | None = None,
) -> Followed:
    """Follow some cases through time, and return what was said at the rows `asked` of them.

    What is said at a moment is said before anything of that moment is revealed. That a case is over is revealed when
    it has been silent for the model's patience. `at` some of the rows that are asked, others are told as well what the
    follower knows by then.
    """
    rows = rows_of(history.starts, cases)
    experts, latents = model.experts(history, rows), model.latents(history, rows)
    wanted = targets(history, np.ones(len(history), bool), model.vocabulary.end)
    known_at = history.hours[rows] + np.where(np.isnan(wanted.gap[rows]), model.patience_hours, wanted.gap[rows])
    follower = Follower(model, coverage)
    begins = np.maximum(history.first[rows], rows + 1 - max(ORDERS))  # no memory looks further back
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
            told[place], found = follower.predict(pasts[place], latents[place], experts[:, place])
            if (asked_at := place_of.get(int(rows[place]))) is not None:
                said[asked_at] = found
                sets[asked_at, follower.sets.set_of(found)] = True
                if (listener := (at or {}).get(int(rows[place]))) is not None:
                    listener(follower)
        else:
            follower.reveal(pasts[place], latents[place], told[place], int(wanted.next[rows[place]]))
            told[place] = np.empty(0)
    return Followed(said, sets, follower.mixture.everywhere.weights)


def follow_hours(
    experts: NDArray[np.float64],
    history: Histories,
    rows: NDArray[np.int64],
    patience: float,
    typical: float,
    reach: Reach = UNKNOWN,
) -> NDArray[np.float64]:
    """Return (n, 3) low, median and high hours until the end of the case, from what `experts` (e, n, 3) say after each
    row, weighted and stretched by what was known by then; at first stretched by what held-out cases had told (`reach`).

    Experts are weighed by the cases that are over, in units of `typical` hours. An interval is judged once its upper
    end and the `patience` of a model (hours) have passed, whatever came of the case: to judge what ended first would
    judge short cases.
    """
    asked_at = history.hours[rows]
    place_of = np.searchsorted(history.starts, rows, side="right") - 1
    cases = [history.hours[start:stop] for start, stop in pairwise(history.starts)]
    weighing, width = LeastError(len(experts), typical), AdaptiveWidth(reach)
    weighed, found = np.empty(experts.shape[1:]), np.empty(experts.shape[1:])
    queue = [(moment, _ASKED, place) for place, moment in enumerate(asked_at.tolist())]
    queue += [(float(cases[case][-1]) + patience, _OVER, place) for place, case in enumerate(place_of.tolist())]
    heapq.heapify(queue)
    while queue:
        moment, kind, place = heapq.heappop(queue)
        times = cases[place_of[place]]
        if kind == _ASKED:
            weighed[place] = np.tensordot(weighing.weights, experts[:, place], 1)
            found[place] = width.apply(weighed[place])
            heapq.heappush(queue, (moment + float(found[place, 2]) + patience, _JUDGED, place))
        elif kind == _JUDGED:
            width.reveal(weighed[place], found[place], float(times[times <= moment][-1] - asked_at[place]))
        else:
            weighing.reveal(experts[:, place, 1], float(times[-1] - asked_at[place]))
    return found
