"""Injected anomalies found again: ours beside floors, by the oddness of whole cases.
Knows splits, floors and scores, and the process model by its public names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog
from wmagent.evals.event_injecting import TIMED, inject
from wmagent.evals.event_metrics import average_precision
from wmagent.evals.event_split import Split
from wmagent.evals.metrics import auroc
from wmagent.events.counts import Counts

if TYPE_CHECKING:
    from wmagent.events.process_model import ProcessModel

OURS = "wmagent, online"
ORDERS = {"Markov": 1, "n-gram": 3}
DRAWS = 400


class Surprises(NamedTuple):
    """-log p of every event (events,), given those before it, and of every case's end (cases,)."""

    events: NDArray[np.float64]
    ends: NDArray[np.float64]


Floor = Callable[[EventLog], Surprises]


def counted(log: EventLog, split: Split, order: int) -> Floor:
    """Return what an interpolated Witten-Bell n-gram of the training cases, frozen, is surprised at."""
    end = len(log.activity.values)
    counts = Counts(order, end + 1)
    for case in split.pool.tolist():
        _tell(counts, log, case, lambda past, code: counts.add(past, code))

    def surprises(asked: EventLog) -> Surprises:
        found: list[float] = []
        for case in range(len(asked.cases)):
            _tell(counts, asked, case, lambda past, code: found.append(-np.log(counts.probabilities(past)[code])))
        ends = asked.starts[1:] + np.arange(len(asked.cases))
        told = np.array(found)
        return Surprises(np.delete(told, ends), told[ends])

    return surprises


def anomalies(
    model: ProcessModel,
    log: EventLog,
    split: Split,
    seed: int = 0,
    floors: Mapping[str, Floor] | None = None,
    kinds: tuple[str, ...] = TIMED,
    alpha: float = 0.05,
) -> dict[str, Any]:
    """Put one anomaly each into a tenth of the test cases and rank these cases by how odd they are.

    `model` was learned from the split's pool. Floors (Markov and n-gram, and those given) score a case by the mean and
    by the largest surprise, its end among them where the case is over. Returns JSON-ready AUROC and average precision,
    with 95 % intervals by bootstrap over cases and AUROC by kind, and which share of events ours flagged at `alpha`.
    """
    from wmagent.events.detecting import Detector
    from wmagent.events.ranking import score_cases

    injected = inject(log, split.others, seed, kinds)
    told = injected.kinds[split.others]
    detector = Detector(model, alpha)
    scored = {OURS: _scores(score_cases(model, injected.log, split.others, detector), told, seed)}
    last = injected.log.time[injected.log.starts[1:] - 1]
    over = last < log.time.max() - log.silence()
    own = {name: counted(log, split, order) for name, order in ORDERS.items()}
    for name, floor in (own | dict(floors or {})).items():
        events, ends = floor(injected.log)
        spans = [events[injected.log.starts[case] : injected.log.starts[case + 1]] for case in split.others]
        spans = [
            np.append(span, ends[case]) if over[case] else span for case, span in zip(split.others, spans, strict=True)
        ]
        scored[f"{name}, mean"] = _scores(np.array([span.mean() for span in spans]), told, seed)
        scored[f"{name}, max"] = _scores(np.array([span.max() for span in spans]), told, seed)
    return {
        "seed": seed,
        "cases": len(told),
        "injected": {kind: int((told == kind).sum()) for kind in kinds},
        "scores": scored,
        "alarms": {"alpha": alpha, "rate": detector.alarms.realised, "judged": detector.alarms.events},
    }


def _tell(counts: Counts, log: EventLog, case: int, to: Callable[[list[int], int], None]) -> None:
    """Tell each event of a case, and its end, with the events before."""
    codes = [*log.activity.codes[log.starts[case] : log.starts[case + 1]].tolist(), len(log.activity.values)]
    for place, code in enumerate(codes):
        to(codes[max(0, place - counts.order) : place], code)


def _scores(odd: NDArray[np.float64], told: NDArray[np.str_], seed: int) -> dict[str, Any]:
    hit, rng = told != "", np.random.default_rng(seed)
    drawn = [rng.integers(len(hit), size=len(hit)) for _ in range(DRAWS)]
    spread = np.array([_both(odd[some], hit[some]) for some in drawn if hit[some].any() and not hit[some].all()])
    area, precision = _both(odd, hit)
    low, high = np.quantile(spread, [0.025, 0.975], axis=0) if len(spread) else np.full((2, 2), np.nan)
    return {
        "auroc": area,
        "auroc_interval": (float(low[0]), float(high[0])),
        "ap": precision,
        "ap_interval": (float(low[1]), float(high[1])),
        "auroc_by_kind": {
            kind: auroc(odd[~hit].tolist(), odd[told == kind].tolist()) for kind in sorted(set(told[hit].tolist()))
        },
    }


def _both(odd: NDArray[np.float64], hit: NDArray[np.bool_]) -> tuple[float, float]:
    return auroc(odd[~hit].tolist(), odd[hit].tolist()), average_precision(odd, hit)
