"""The strict protocol on one event log: ours beside every floor, in one run.
Knows the parts of the protocol by their names, and splits and scores."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.evals.event_baselines import NEXT_EVENT
from wmagent.evals.event_metrics import accuracy, likelihood, macro_f1, over_cases
from wmagent.evals.event_split import Split, strict_split
from wmagent.evals.measure import versions
from wmagent.evals.metrics import ece

if TYPE_CHECKING:
    from wmagent.evals.event_trial import Trial

log_ = logging.getLogger(__name__)

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
    """What is evaluated: `outcome` is an activity, `preset` the size of ours; without `floors` ours alone, without
    `parts` only next events, sets, remaining time and the outcome."""

    outcome: str | None = None
    preset: str = "small"
    floors: bool = True
    parts: bool = True


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
    from wmagent.evals.event_ablations import ablations
    from wmagent.evals.event_actions import action_gate
    from wmagent.evals.event_anomalies import anomalies
    from wmagent.evals.event_futures import many_steps, outcome, remaining
    from wmagent.evals.event_lstm import on_random_split
    from wmagent.evals.event_trial import Trial

    began = time.perf_counter()
    trial = Trial.begin(log, split, seed, options.preset, unknown_at_start, options.floors, say)
    found: dict[str, Any] = {
        "eval": "event-log",
        "seed": seed,
        "cases": len(log.cases),
        "events": len(log),
        "activities": len(log.activity.values),
        "trained_cases": len(split.pool),
        "asked": len(split.asked),
        "learn_seconds": round(trial.learn_seconds, 1),
        "card": trial.model.card,
        "next_event": _next_event(trial),
        "sets": _sets(trial),
        "weights": [round(weight, 3) for weight in trial.followed.weights.tolist()],
        "remaining": remaining(trial),
    }
    if options.outcome is not None:
        found["outcome"] = outcome(trial, options.outcome)
    if options.parts:
        found["courses"] = many_steps(trial)
        found["action_gate"] = action_gate(trial.model, log, split, seed, trial.boosted)
        say(f"action gate: {found['action_gate']}")
        found["anomalies"] = anomalies(trial.model, log, split, seed, _odd(trial))
        say(f"anomalies: {found['anomalies']}")
        found["ablations"] = ablations(trial)
        say(f"ablations: {found['ablations']}")
    if options.floors:
        found["random_split"] = on_random_split(log, seed, unknown_at_start)
    return found | {"seconds": round(time.perf_counter() - began, 1), "notes": list(NOTES), "versions": versions()}


def _odd(trial: Trial) -> dict[str, Any]:
    """Return what is surprised at injected anomalies, beside the n-grams."""
    from wmagent.evals.event_anomalies import Surprises

    lstm = trial.lstm
    return {} if lstm is None else {"LSTM": lambda asked: Surprises(*lstm.surprises(asked))}


def _next_event(trial: Trial) -> dict[str, dict[str, Any]]:
    from wmagent.evals.event_trial import OURS

    log, split = trial.log, trial.split
    own = {OURS: trial.followed.events}
    own["wmagent, network alone"] = trial.model.experts(trial.history, split.asked.rows)[0]
    told: dict[str, Callable[[], NDArray[np.float64]]] = {
        name: lambda probs=probs: trial.spread(probs) for name, probs in own.items()
    }
    if trial.boosted is not None and trial.lstm is not None:
        told |= {name: lambda floor=floor: floor(log, split) for name, floor in NEXT_EVENT.items()}
        told |= {"LSTM": trial.lstm.events, "boosted trees": trial.boosted.events}
    scored = {}
    for name, said in told.items():
        scored[name] = _scores(said(), split, trial.seed)
        trial.say(f"{name}: {scored[name]}")
    return scored


def _sets(trial: Trial) -> dict[str, Any]:
    wanted, inside = trial.split.asked.wanted, trial.spread(trial.followed.sets.astype(float))
    held = inside[np.arange(len(wanted)), wanted]
    return {
        "coverage": float(held.mean()),
        "coverage_interval": over_cases(held, trial.split.asked.cases, trial.seed),
        "size": float(trial.followed.sets.sum(1).mean()),
    }


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
