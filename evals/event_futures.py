"""What becomes of cases: the time that remains, an outcome, and whole courses, ours beside floors.
Knows a trial and scores, and the process model's heads by their public names."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import cases_of, rows_of
from wmagent.evals.event_baselines import ngram_rollouts
from wmagent.evals.event_courses import COMPARED, courses, horizon_of, suffixes
from wmagent.evals.event_metrics import medoid_similarities, over_cases
from wmagent.evals.event_split import remaining_days
from wmagent.evals.event_trial import OURS, Trial
from wmagent.evals.metrics import auroc, brier, ece
from wmagent.events.following import Follower, follow, follow_hours
from wmagent.events.heads import OutcomeHead, undecided
from wmagent.events.intervals import AdaptiveWidth
from wmagent.events.outlooks import Aim, chances
from wmagent.events.rollouts import Imagination, rollouts
from wmagent.events.values import Value

TEMPERATURES = (0.5, 0.65, 0.8, 1.0)  # of the courses of which the medoid is taken
TRIED = 200  # validation prefixes by which one is chosen
MOMENTS = 20  # at which courses are imagined, with what has been revealed by then
IMAGINED, DRAWS = 600, 40  # prefixes whose outcome is imagined, and futures of each


def remaining(trial: Trial) -> dict[str, Any]:
    """Return errors and interval coverage of the days that remain."""
    log, split, history = trial.log, trial.split, trial.history
    known = split.over[split.asked.cases]
    rows, cases = split.asked.rows[known], split.asked.cases[known]
    days = remaining_days(log, rows)
    model = trial.model
    experts = model.remaining_hours(history, rows, model.latents(history, rows))
    said = {
        OURS: follow_hours(experts, history, rows, model.patience_hours, model.remaining.typical, model.reach) / 24,
        "wmagent, frozen": AdaptiveWidth(model.reach).apply(experts.mean(0)) / 24,
        "median per last activity": _by_last_activity(trial, rows),
    }
    if trial.boosted is not None:
        said["boosted trees"] = trial.boosted.remaining(rows)
    found = {name: _interval_scores(told, days, cases, trial.seed) for name, told in said.items()}
    trial.say(f"remaining days: { {name: round(row['mae_days'], 3) for name, row in found.items()} }")
    return found


def outcome(trial: Trial, activity: str) -> dict[str, Any]:
    """Return how well it is told whether an activity will happen, at prefixes at which it is open; rollouts are asked
    about some of them, and the direct head about the same."""
    log, split, history = trial.log, trial.split, trial.history
    head = OutcomeHead(trial.model, activity).fit(history, split.pool, trial.finished)
    rows, hit = undecided(history, split.others, head.codes, split.over)
    late = log.time[rows] >= split.since
    rows, hit = rows[late], hit[late]
    train, done = undecided(history, split.pool, head.codes, trial.finished)
    said = {"wmagent, direct head": head.predict(history, rows)}
    if trial.boosted is not None:
        said["boosted trees"] = trial.boosted.outcome(train, done, rows)
    some = np.sort(np.random.default_rng(trial.seed).permutation(len(rows))[:IMAGINED])
    critic = Value.fit(trial.model, history, train, done, trial.seed)
    futures = Imagination(trial.model, history, rows[some], DRAWS, trial.seed)
    imagined = chances(futures, Aim(head.codes), critic).mean(1)
    found: dict[str, Any] = {
        "activity": activity,
        "asked": len(rows),
        "share": float(hit.mean()),
        "imagined": len(some),
    }
    scored = {name: (probs, hit, rows) for name, probs in said.items()}
    scored |= {
        "wmagent, rollouts": (imagined, hit[some], rows[some]),
        "wmagent, direct head, where rollouts are asked": (said["wmagent, direct head"][some], hit[some], rows[some]),
    }
    case_of = cases_of(log.starts)
    for name, (probs, true, at) in scored.items():
        found[name] = {
            "auc": auroc(probs[~true].tolist(), probs[true].tolist()),
            "brier": brier(probs.tolist(), true.tolist()),
            "brier_interval": over_cases((probs - true) ** 2, case_of[at], trial.seed),
            "ece": ece(probs.tolist(), true.tolist()),
        }
        trial.say(f"outcome {activity}, {name}: {found[name]}")
    return found


def many_steps(trial: Trial) -> dict[str, Any]:
    """Return how like the true suffixes imagined courses are, and how well the h-th next event is told."""
    log, split, model, history = trial.log, trial.split, trial.model, trial.history
    first = {row: place for place, row in enumerate(split.asked.rows.tolist())}
    temperature = _temperature(trial)

    def ours(rows: NDArray[np.int64], draws: int, horizon: int, seed: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        events = np.full((len(rows), draws, horizon), -1)
        told = np.zeros((len(rows), horizon, model.vocabulary.end + 1))

        def imagine(some: NDArray[np.int64], follower: Follower) -> None:
            said = trial.followed.events[[first[row] for row in rows[some].tolist()]]
            ahead = partial(rollouts, model, history, rows[some], draws, horizon, first=said)
            remembered = follower.remembered()
            events[some] = ahead(seed=seed, temperature=temperature, remembered=remembered).events
            told[some] = ahead(seed=seed + 1, remembered=remembered).told

        by_time = np.argsort(history.hours[rows], kind="stable")
        parts = [part for part in np.array_split(by_time, MOMENTS) if len(part)]
        at = {int(rows[part[0]]): partial(imagine, part) for part in parts}
        follow(model, history, np.sort(rows), split.others, at=at)
        return np.where(events >= 0, trial.columns[np.maximum(events, 0)], -1), trial.spread(told)

    rollers = {OURS: ours}
    if trial.lstm is not None:
        rollers |= {"LSTM": trial.lstm.rollouts, "4-gram": partial(ngram_rollouts, log, split)}
    found = courses(split, log, rollers, trial.seed)
    told = {name: (round(row["similarity"], 3), row["nll"]) for name, row in found["rollers"].items()}
    trial.say(f"courses: {told}")
    return found | {"temperature": temperature}


def _temperature(trial: Trial) -> float:
    """Return under which temperature the medoids of imagined courses are most like what followed in validation cases,
    which the model has learned from."""
    log, split = trial.log, trial.split
    known = rows_of(log.starts, split.validation)
    rows = np.sort(np.random.default_rng(trial.seed).permutation(known)[:TRIED])
    true = suffixes(log, rows, cases_of(log.starts)[rows])
    like = []
    for temperature in TEMPERATURES:
        imagine = partial(rollouts, trial.model, trial.history, rows, COMPARED, horizon_of(split, log), trial.seed)
        codes = imagine(temperature=temperature).events
        over = (codes < 0) | (codes == trial.model.vocabulary.end)
        like.append(float(medoid_similarities(np.where(over, -1, trial.columns[codes]), true).mean()))
    trial.say(f"similarity of validation courses by temperature: {dict(zip(TEMPERATURES, like, strict=True))}")
    return TEMPERATURES[int(np.argmax(like))]


def _by_last_activity(trial: Trial, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    log, train = trial.log, rows_of(trial.log.starts, trial.split.pool)
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
