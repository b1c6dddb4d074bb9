"""Does a log alone tell what a routing change does? The answer beside logs simulated with everybody routed either way.
Knows the question by its public name, and simulated logs as the truth."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog, cases_of, with_transitions
from wmagent.errors import InputError, unknown
from wmagent.evals.measure import versions
from wmagent.events.heads import matching
from wmagent.worlds.logs import Quality, read_log
from wmagent.worlds.logs.columns import ROLES

log_ = logging.getLogger(__name__)

DRAWS = 2_000  # of the bootstrap over cases of the simulated logs
FOLLOWED = 0.95  # of decisions in a simulated log that go where everybody is said to be routed
ESTIMATORS = ("naive", "inverse_propensity", "doubly_robust")
NOTES = (
    "truth: means over every decision of the two logs simulated with everybody routed one way; its interval is a "
    "bootstrap over cases, of pairs of them where both logs hold the same cases.",
    "error: estimate less truth. within: the truth's value lies in the estimate's 95 % interval.",
    "seeds are those of the model and the folds; the log is the same, so that their errors go together.",
    "reached: share of decisions after which the outcome follows. hours: from the decision to the end of the case.",
)


@dataclass(frozen=True)
class Question:
    """After this activity: `do` instead of another; does `reach` follow? (None: only hours are asked for.)"""

    after: str
    do: str
    instead: str
    reach: str | None = None


def opened(path: Path, columns: Sequence[str] = ()) -> tuple[EventLog, Quality]:
    """Return the completed events of a file and their quality report; `columns` as `role=name`."""
    said = dict(column.split("=", 1) for column in columns if "=" in column)
    wrong = [column for column in columns if "=" not in column] + [role for role in said if role not in ROLES]
    if wrong:
        raise InputError(f"--column takes ROLE=NAME with one of {', '.join(ROLES)}, not {', '.join(wrong)}")
    reading = read_log(path, **said)  # type: ignore[arg-type]
    return with_transitions(reading.log), reading.quality


def run(
    log: EventLog,
    truths: tuple[EventLog, EventLog],
    question: Question,
    seeds: Sequence[int] = (0, 1, 2),
    preset: str = "small",
    without: Sequence[str] = (),
    unknown_at_start: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return, JSON-ready, the effect as it is told from a log beside the truth of two simulated ones: `truths` are the
    logs in which everybody did `do`, and did `instead`. Attributes in `without` are hidden from the model."""
    say, began = progress or log_.info, time.perf_counter()
    truth = _truth(truths, question)
    log, per_seed = _without(log, without), []
    for seed in seeds:
        per_seed.append(_judged(log, truth, question, seed, preset, unknown_at_start))
        say(f"seed {seed}: {per_seed[-1]['hours: difference']}")
    return {
        "eval": "event-routing",
        "after": question.after,
        "do": question.do,
        "instead": question.instead,
        "reach": question.reach or "",
        "hidden": ", ".join(without),
        "preset": preset,
        "cases": len(log.cases),
        "seeds": list(seeds),
        "truth": truth,
        "summary": _means(per_seed),
        "per_seed": per_seed,
        "seconds": round(time.perf_counter() - began, 1),
        "notes": list(NOTES),
        "versions": versions(),
    }


def _judged(
    log: EventLog,
    truth: dict[str, dict[str, Any]],
    question: Question,
    seed: int,
    preset: str,
    unknown_at_start: Sequence[str],
) -> dict[str, Any]:
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.recorded import RecordedProcess
    from wmagent.events.routing import routing

    process = RecordedProcess(ProcessModel.learn(log, seed, preset, unknown_at_start=unknown_at_start), log)
    found = routing(process, question.after, question.do, question.instead, question.reach, seed)
    told = found.to_dict()
    counted = ("decisions", "cases", "did", "did_instead", "others", "left_out", "overlap")
    result: dict[str, Any] = {"seed": seed, "asked": {name: told[name] for name in counted}}
    for measure in ("reached", "hours"):
        if (effect := told[measure]) is None:
            continue
        for part in ("do", "instead", "difference"):
            result[f"{measure}: {part}"] = _row(truth[measure][part], effect["estimates"], part)
        ends = {name: effect[name] for name in ("e_value", "e_value_limit")}
        result[f"{measure}: difference"] |= ends
    return result


def _row(truth: dict[str, Any], estimates: dict[str, Any], part: str) -> dict[str, Any]:
    row: dict[str, Any] = {"truth": truth["value"], "truth_interval": truth["interval"]}
    for name in ESTIMATORS:
        one = estimates[name][part]
        low, high = one["interval"]
        row |= {name: one["value"], f"{name}_interval": [low, high], f"{name}_error": one["value"] - truth["value"]}
        row[f"{name}_within"] = float(low <= truth["value"] <= high)
    return row


def _truth(truths: tuple[EventLog, EventLog], question: Question) -> dict[str, dict[str, Any]]:
    """Return measure -> part -> value and 95 % interval."""
    arms = [_by_case(log, question, name) for log, name in zip(truths, (question.do, question.instead), strict=True)]
    paired = truths[0].cases == truths[1].cases
    found: dict[str, dict[str, Any]] = {}
    for column, measure in enumerate(("hours", "reached") if question.reach is not None else ("hours",)):
        rng = np.random.default_rng(0)
        counts = [_drawn(rng, len(arms[0]))]
        counts.append(counts[0] if paired else _drawn(rng, len(arms[1])))
        sums = [(arm[:, 1 + column], arm[:, 0]) for arm in arms]
        values = [float(total.sum() / n.sum()) for total, n in sums]
        drawn = [many @ total / (many @ n) for many, (total, n) in zip(counts, sums, strict=True)]
        values.append(values[0] - values[1])
        drawn.append(drawn[0] - drawn[1])
        found[measure] = {
            part: {"value": value, "interval": np.quantile(draws, [0.025, 0.975]).tolist()}
            for part, value, draws in zip(("do", "instead", "difference"), values, drawn, strict=True)
        }
    return found


def _drawn(rng: np.random.Generator, cases: int) -> NDArray[np.float64]:
    """Return (draws, cases) how often each case is drawn."""
    return rng.multinomial(cases, np.full(cases, 1 / cases), DRAWS).astype(np.float64)


def _by_case(log: EventLog, question: Question, routed: str) -> NDArray[np.float64]:
    """Return (cases, 3): decisions, the sum of their hours to the end, and of those that the outcome follows."""
    names, case_of = log.activity.values, cases_of(log.starts)
    for name in (question.after, routed):
        if name not in names:
            raise unknown("activity", name, names, f"it is not in the log in which everybody does {routed!r}")
    rows = np.flatnonzero(log.activity.codes == names.index(question.after))
    last = log.starts[1:][case_of[rows]] - 1
    following = log.activity.codes[np.minimum(rows + 1, last)]
    followed = float(((following == names.index(routed)) & (rows < last)).mean())
    if followed < FOLLOWED:
        raise InputError(
            f"in the log in which everybody does {routed!r} after {question.after!r}, {followed:.0%} of them do; give "
            f"a log that was simulated with all of them routed there"
        )
    hours = (log.time[last] - log.time[rows]) / HOUR
    wanted = _wanted(names, question.reach)
    counted = np.concatenate([[0], np.cumsum(np.isin(log.activity.codes, wanted))])
    reached = counted[last + 1] > counted[rows + 1]
    summed = [np.bincount(case_of[rows], told, len(log.cases)) for told in (np.ones(len(rows)), hours, reached)]
    return np.stack(summed, 1).astype(np.float64)


def _wanted(names: Sequence[str], reach: str | None) -> tuple[int, ...]:
    """Return the codes of the outcome; none where nobody reaches it."""
    try:
        return matching(names, reach) if reach is not None else ()
    except InputError:
        return ()


def _without(log: EventLog, hidden: Sequence[str]) -> EventLog:
    known = [*log.case_attributes, *log.event_attributes]
    for name in hidden:
        if name not in known:
            raise unknown("attribute", name, known)
    event, case = (
        {name: column for name, column in columns.items() if name not in hidden}
        for columns in (log.event_attributes, log.case_attributes)
    )
    return replace(log, event_attributes=event, case_attributes=case)


def _means(per_seed: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the means over seeds of every number; errors are those of size."""
    found: dict[str, dict[str, Any]] = {}
    for part in (name for name in per_seed[0] if name != "seed"):
        rows = [one[part] for one in per_seed]
        names = [name for name, value in rows[0].items() if not isinstance(value, list)]
        found[part] = {
            name: float(np.mean([abs(row[name]) if name.endswith("_error") else row[name] for row in rows]))
            for name in names
        }
    return found
