"""What comes next in open cases: the next event, a set that should hold it, and the time that remains.
Knows a process model that follows a log; must not know files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wmagent.domain.event_log import EventLog
from wmagent.errors import unknown
from wmagent.events.following import follow
from wmagent.events.process_model import ProcessModel

END = "(end)"
MOST = 5


@dataclass(frozen=True)
class CaseForecast:
    """Of one open case: its last activity, the likeliest next ones (END among them) with their probabilities, a set
    that holds the next one in 90 % of cases, and the .1, .5 and .9 quantiles of the hours that remain."""

    case: str
    events: int
    last: str
    next: tuple[tuple[str, float], ...]
    likely: tuple[str, ...]
    remaining_hours: tuple[float, float, float]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def forecasts(model: ProcessModel, log: EventLog, cases: Sequence[str] | None = None) -> list[CaseForecast]:
    """Return forecasts of the open cases of a log (or of the cases named), latest last event first.

    A case is open until it has been silent for the model's patience. InputError for a case that is not in the log.
    """
    history = model.read(log)
    last = history.starts[1:] - 1
    places = {name: place for place, name in enumerate(log.cases)}
    for case in cases or ():
        if case not in places:
            raise unknown("case", case, log.cases)
    still = history.hours[last] >= history.hours.max() - model.patience_hours
    asked = np.array([places[case] for case in cases]) if cases else np.flatnonzero(still)
    if not len(asked):
        return []
    rows = last[asked]
    followed = follow(model, history, rows, np.arange(len(history)))
    remaining = model.remaining_interval(history, rows, model.latents(history, rows))
    names = (*model.vocabulary.activities, END)
    found = []
    for place in np.argsort(-history.hours[rows], kind="stable").tolist():
        case, told = int(asked[place]), followed.events[place]
        best = np.argsort(-told, kind="stable")
        found.append(
            CaseForecast(
                log.cases[case],
                int(log.starts[case + 1] - log.starts[case]),
                log.activity.values[log.activity.codes[rows[place]]],
                tuple((names[code], round(float(told[code]), 4)) for code in best[:MOST].tolist()),
                tuple(names[code] for code in best.tolist() if followed.sets[place, code]),
                tuple(round(float(hours), 2) for hours in remaining[place]),  # type: ignore[arg-type]
            )
        )
    return found
