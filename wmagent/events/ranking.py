"""How odd whole cases are, so that the oddest can be looked at first. Knows judgements of events; no files."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, cases_of
from wmagent.events.anomalies import judgements
from wmagent.events.detecting import FLOOR, Detector
from wmagent.events.process_model import ORDERS, ProcessModel

CALM = 3.0  # -log p of a time up to which it says little alone
USUAL = 5.0  # … and of an activity
WEIGHT = 0.5  # of times beside activities
ALONE = 0.25  # of the oddest activity beside the mean


def score_cases(
    model: ProcessModel, log: EventLog, cases: NDArray[np.int64] | None = None, detector: Detector | None = None
) -> NDArray[np.float64]:
    """Return how odd each of the cases (all by default) is (cases,): higher is odder.

    The mean over its events, and its end if it is over, of the surprise of the activity: the larger of what the model
    that follows the log says and what its memory as it was learned says, because what goes on to learn gets used to
    anomalies. To it come, half as heavy, the mean surprise of the times and the largest one beyond CALM, and a quarter
    of what the oddest activity surprises the model that follows the log beyond USUAL. This was a good compromise on
    anomalies injected into validation cases of three public logs; it was not fitted to the log at hand.
    """
    cases = np.arange(len(log.cases)) if cases is None else cases
    history, memory = model.read(log), model.memories()[0]
    case_of, end = cases_of(log.starts), model.vocabulary.end
    total, events = np.zeros(len(log.cases)), np.zeros(len(log.cases))
    times, largest, oddest = (np.zeros(len(log.cases)) for _ in range(3))
    lengths = np.diff(log.starts)
    for row, judgement in judgements(model, history, cases, detector or Detector(model), {}):
        place = row if row >= 0 else -1 - row
        case = int(case_of[place])
        start = int(log.starts[case])
        until, code = (place, int(history.activity[place])) if row >= 0 else (place + 1, end)
        surprise = judgement.activity
        if until > start:
            past = history.activity[max(start, until - ORDERS[0]) : until].tolist()
            remembered = memory.probabilities(past)[code] if code <= end else 0.0
            surprise = max(surprise, -math.log(max(remembered, FLOOR)))
        total[case] += surprise
        oddest[case] = max(oddest[case], judgement.activity - USUAL)
        events[case] += 1
        times[case] += judgement.time
        largest[case] = max(largest[case], judgement.time - CALM)
    in_time = WEIGHT * (times / np.maximum(lengths, 1) + largest)
    return (total / np.maximum(events, 1) + in_time + ALONE * oddest)[cases]
