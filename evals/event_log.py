"""The strict protocol on one event log: ours beside every floor, in one run.
Knows splits, floors and scores, and the process model by its public names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, rows_of
from wmagent.errors import InputError
from wmagent.evals.event_baselines import NEXT_EVENT, Boosted
from wmagent.evals.event_metrics import accuracy, likelihood, macro_f1, over_cases
from wmagent.evals.event_split import Split, remaining_days, strict_split
from wmagent.evals.measure import versions
from wmagent.evals.metrics import auroc, brier, ece

log_ = logging.getLogger(__name__)

OURS = "wmagent, online"
NOTES = (
    "strict temporal split: what is learned from ended before `since`; asked is the next activity, or the end, after "
    "every event from then on of cases that end later; ends within the 95 % quantile of gaps of the log's end are "
    "censored. Online: learns from every event that is revealed strictly before; all else is frozen at `since`.",
    "floors learn from training and validation cases, ours too. nll is floored at 1e-6, ece has 15 bins on the top "
    "answer, intervals are 95 % by bootstrap over cases.",
    "sets: prediction sets that aim at 90 %, by adaptive conformal inference; feedback when the event is revealed.",
)


@dataclass(frozen=True)
class Options:
    """What is evaluated: `outcome` is an activity, `preset` the size of ours; without `floors` ours alone."""

    outcome: str | None = None
    preset: str = "small"
    floors: bool = True


def run(
    log: EventLog,
    seed: int = 0,
    options: Options | None = None,
    unknown_at_start: tuple[str, ...] = (),
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Evaluate on a log; returns one JSON-ready object. InputError where too little is left to ask."""
    options, say = options or Options(), progress or log_.info
    split = strict_split(log)
    if len(split.pool) < 20 or len(split.asked) < 20:
        raise InputError(
            f"the split leaves {len(split.pool)} training cases and {len(split.asked)} questions; give a longer log"
        )
    from wmagent.evals.event_lstm import Lstm, on_random_split
    from wmagent.events.following import follow
    from wmagent.events.process_model import ProcessModel

    began = time.perf_counter()
    model = ProcessModel.learn(
        log.take(split.pool),
        seed,
        options.preset,
        unknown_at_start=unknown_at_start,
        progress=lambda step: say(f"held-out {step.metrics['held-out']:.3f}"),
    )
    learned = time.perf_counter() - began
    history = model.read(log)
    codes = _aligned(model.vocabulary.activities, log)
    wanted = split.asked.wanted
    network = _spread(model.experts(history, split.asked.rows)[0], codes, len(log.activity.values))
    followed = follow(model, history, split.asked.rows, split.others)
    ours = _spread(followed.events, codes, len(log.activity.values))
    scored = {OURS: _scores(ours, split, seed), "wmagent, network alone": _scores(network, split, seed)}
    say(f"{OURS}: {scored[OURS]}")
    boosted = Boosted(log, split, seed, unknown_at_start) if options.floors else None
    if boosted is not None:
        for name, floor in NEXT_EVENT.items():
            scored[name] = _scores(floor(log, split), split, seed)
            say(f"{name}: {scored[name]}")
        for name, floor in {"LSTM": Lstm(log, split, seed, unknown_at_start), "boosted trees": boosted}.items():
            scored[name] = _scores(floor.events(), split, seed)
            say(f"{name}: {scored[name]}")
    inside = _spread(followed.sets.astype(float), codes, len(log.activity.values))
    found: dict[str, Any] = {
        "eval": "event-log",
        "seed": seed,
        "cases": len(log.cases),
        "events": len(log),
        "activities": len(log.activity.values),
        "trained_cases": len(split.pool),
        "asked": len(split.asked),
        "learn_seconds": round(learned, 1),
        "card": model.card,
        "next_event": scored,
        "sets": {
            "coverage": float(inside[np.arange(len(wanted)), wanted].mean()),
            "coverage_interval": over_cases(inside[np.arange(len(wanted)), wanted], split.asked.cases, seed),
            "size": float(followed.sets.sum(1).mean()),
        },
        "weights": [round(weight, 3) for weight in followed.weights.tolist()],
        "remaining": _remaining(model, log, history, split, boosted, seed, say),
    }
    if options.floors:
        found["random_split"] = on_random_split(log, seed, unknown_at_start)
    if options.outcome is not None:
        found["outcome"] = _outcome(model, log, history, split, boosted, options.outcome, seed, say)
    return found | {"seconds": round(time.perf_counter() - began, 1), "notes": list(NOTES), "versions": versions()}


def _scores(probs: NDArray[np.float64], split: Split, seed: int) -> dict[str, Any]:
    wanted, cases = split.asked.wanted, split.asked.cases
    hits, lost = accuracy(probs, wanted), likelihood(probs, wanted)
    return {
        "accuracy": float(hits.mean()),
        "accuracy_interval": over_cases(hits, cases, seed),
        "macro_f1": macro_f1(probs, wanted),
        "nll": float(lost.mean()),
        "nll_interval": over_cases(lost, cases, seed),
        "ece": ece(probs.max(1).tolist(), hits.tolist()),
    }


def _aligned(activities: tuple[str, ...], log: EventLog) -> NDArray[np.int64]:
    """Return the log's code of every activity that a model knows, the end last."""
    places = {name: code for code, name in enumerate(log.activity.values)}
    return np.array([*(places[name] for name in activities), len(log.activity.values)])


def _spread(probs: NDArray[np.float64], codes: NDArray[np.int64], activities: int) -> NDArray[np.float64]:
    """Return a model's columns at their places among the log's activities and the end; what it does not know is 0."""
    found = np.zeros((len(probs), activities + 1))
    found[:, codes] = probs
    return found


def _remaining(
    model: Any,
    log: EventLog,
    history: Any,
    split: Split,
    boosted: Boosted | None,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    from wmagent.events.following import follow_hours
    from wmagent.events.heads import RemainingHead

    head = RemainingHead(model).fit(history, split.pool, np.ones(len(log.cases), bool))
    known = split.over[split.asked.cases]
    rows, cases = split.asked.rows[known], split.asked.cases[known]
    days = remaining_days(log, rows)
    experts = head.predict(history, rows)
    ends = history.hours[history.starts[1:] - 1][cases] + model.patience_hours
    said = follow_hours(experts, 24 * days, history.hours[rows], ends, head.typical) / 24
    frozen = experts.mean(0) / 24
    found = {OURS: _interval_scores(said, days, cases, seed)}
    found["wmagent, frozen"] = _interval_scores(frozen, days, cases, seed)
    typical = _by_last_activity(log, split, rows)
    found["median per last activity"] = _interval_scores(typical, days, cases, seed)
    if boosted is not None:
        found["boosted trees"] = _interval_scores(boosted.remaining(rows), days, cases, seed)
    say(f"remaining days: { {name: round(row['mae_days'], 3) for name, row in found.items()} }")
    return found


def _by_last_activity(log: EventLog, split: Split, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    train = rows_of(log.starts, split.pool)
    days, codes = remaining_days(log, train), log.activity.codes
    every = np.quantile(days, [0.1, 0.5, 0.9])
    table = np.stack(
        [
            np.quantile(days[here], [0.1, 0.5, 0.9]) if (here := codes[train] == code).any() else every
            for code in range(len(log.activity.values))
        ]
    )
    return table[codes[rows]]


def _interval_scores(
    said: NDArray[np.float64], days: NDArray[np.float64], cases: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    error = np.abs(said[:, 1] - days)
    inside = ((days >= said[:, 0] - 1e-9) & (days <= said[:, 2] + 1e-9)).astype(float)
    return {
        "mae_days": float(error.mean()),
        "mae_interval": over_cases(error, cases, seed),
        "coverage": float(inside.mean()),
        "width_days": float((said[:, 2] - said[:, 0]).mean()),
    }


def _outcome(
    model: Any,
    log: EventLog,
    history: Any,
    split: Split,
    boosted: Boosted | None,
    activity: str,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    from wmagent.events.heads import OutcomeHead, undecided

    head = OutcomeHead(model, activity).fit(history, split.pool, np.ones(len(log.cases), bool))
    rows, hit = undecided(history, split.others, head.code, split.over)
    late = log.time[rows] >= split.since
    rows, hit = rows[late], hit[late]
    said = {"wmagent, direct head": head.predict(history, rows)}
    if boosted is not None:
        train, done = undecided(history, split.pool, head.code, np.ones(len(log.cases), bool))
        said["boosted trees"] = boosted.outcome(train, done, rows)
    cases = np.searchsorted(log.starts, rows, side="right") - 1
    found: dict[str, Any] = {"activity": activity, "asked": len(rows), "share": float(hit.mean())}
    for name, probs in said.items():
        found[name] = {
            "auc": auroc(probs[~hit].tolist(), probs[hit].tolist()),
            "brier": brier(probs.tolist(), hit.tolist()),
            "brier_interval": over_cases((probs - hit) ** 2, cases, seed),
            "ece": ece(probs.tolist(), hit.tolist()),
        }
        say(f"outcome {activity}, {name}: {found[name]}")
    return found
