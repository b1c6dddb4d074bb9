"""Next-state prediction: learn from one file, predict another, beside floors and prediction controls.
Knows the public learner, baselines and metrics; the command that prints its result is a stable interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from wmagent.domain.types import Facts, Transition
from wmagent.errors import InputError
from wmagent.evals.forecasting import (
    Forecaster,
    Forecasts,
    by_baseline,
    by_model,
    changing_slots,
    shuffled,
    uniform,
)
from wmagent.evals.measure import peak_mib, versions
from wmagent.evals.metrics import score
from wmagent.evals.splits import walks
from wmagent.model.baselines import NAMES, MostFrequentChange, baseline

Source = str | Path | Iterable[Transition] | Iterable[dict[str, Any]]
Learner = Callable[..., Forecaster]  # (rows, seed=, progress=) -> model

NOTES = (
    "peak_mib is the highest resident memory of the whole process until learning ended: imports, both files and "
    "whatever ran in the process before are in it; floors are fitted afterwards and are not.",
    "learn_seconds is wall time of learning alone, after the rows were read.",
    "ece pools, over rows and the slots that changed in training, the probability of the top value and whether it "
    "followed (15 equal-width bins); ece_on_changes keeps only pairs that change or are said to change.",
    "controls: real = the model; shuffled = the model with actions permuted among the rows; uniform = one of the "
    "action's recorded sets of changes, all equally likely; prior = the action's most frequent set of changes "
    "whatever the state (the floor most_frequent_change); none = nothing changes (the floor persistence).",
)


def run(
    train: Source,
    test: Source,
    seed: int = 0,
    limit: int | None = None,
    progress: Callable[[Any], None] | None = None,
    preset: str = "small",
    text: str = "auto",
    learner: Learner | None = None,
) -> dict[str, object]:
    """Learn from `train` (its first `limit` rows), predict `test`, and return one JSON-ready object.

    Keys: exact, exact_changed, exact_unchanged, changed_f1, ece (each null where no row counts), learn_seconds,
    peak_mib, floors (every baseline by name), controls (real, shuffled, uniform, prior, none), intervals (bootstrap
    95 % over cases), n_train, n_test, refused, seed, versions, notes. A refused row (outside what the model knows)
    counts as predicted unchanged. `learner` replaces WorldModel.learn.
    """
    rows = _read(train, limit)
    tests = _read(test, None)
    if not rows or not tests:
        raise InputError(f"{len(rows)} training and {len(tests)} test rows; at least one of each is needed")
    before_learning = peak_mib()
    began = time.perf_counter()
    model = (learner or _learner(preset, text))(rows, seed=seed, progress=progress)
    seconds = time.perf_counter() - began
    peak = peak_mib()
    scored = _Scored(rows, tests, seed)
    real = scored.score(by_model(model, scored.facts, scored.actions))
    floors, frequent = scored.floors()
    controls = {
        "real": real,
        "shuffled": scored.score(shuffled(model, scored.facts, scored.actions, seed)),
        "uniform": scored.score(uniform(frequent, scored.facts, scored.actions, seed)),
        "prior": floors["most_frequent_change"],
        "none": floors["persistence"],
    }
    return {
        **_scalars(real),
        "learn_seconds": round(seconds, 3),
        "peak_mib": round(peak, 1),
        "peak_mib_before_learning": round(before_learning, 1),
        "floors": {name: _scalars(scores) for name, scores in floors.items()},
        "controls": {name: _scalars(scores, "learn_seconds") for name, scores in controls.items()},
        "intervals": real["intervals"],
        "floor_intervals": {name: scores["intervals"] for name, scores in floors.items()},
        "control_intervals": {name: scores["intervals"] for name, scores in controls.items()},
        "n_train": len(rows),
        "n_test": len(tests),
        "test_pairs_seen_in_training": scored.seen(),
        "seed": seed,
        "limit": limit,
        "preset": preset,
        "text": text,
        "versions": versions(),
        "notes": list(NOTES),
    }


def _scalars(scores: dict[str, object], *without: str) -> dict[str, object]:
    return {name: value for name, value in scores.items() if name not in ("intervals", *without)}


class _Scored:
    """The test rows with their slots and cases, so that everything is scored on the same footing."""

    def __init__(self, rows: Sequence[Transition], tests: Sequence[Transition], seed: int) -> None:
        self.rows, self.tests, self.seed = rows, tests, seed
        self.slots = changing_slots(rows)
        self.groups = walks(tests)
        self.facts: list[Facts] = [row.before.facts for row in tests]
        self.actions = [row.action for row in tests]

    def score(self, forecasts: Forecasts) -> dict[str, object]:
        result = score(self.tests, forecasts.rows, self.slots, self.groups, seed=self.seed)
        return {**result, "refused": forecasts.refused}

    def floors(self) -> tuple[dict[str, dict[str, object]], MostFrequentChange]:
        """Fit every baseline on the training rows; returns their scores and the counts that controls reuse."""
        scores: dict[str, dict[str, object]] = {}
        frequent = MostFrequentChange()
        for name in NAMES:
            began = time.perf_counter()
            floor = baseline(name).fit(self.rows, self.seed)
            seconds = round(time.perf_counter() - began, 3)
            scores[name] = {**self.score(by_baseline(floor, self.facts, self.actions)), "learn_seconds": seconds}
            if isinstance(floor, MostFrequentChange):
                frequent = floor
        return scores, frequent

    def seen(self) -> int:
        """Count test rows whose state and action both occur in a training row."""
        known = {_pair(row) for row in self.rows}
        return sum(_pair(row) in known for row in self.tests)


def _pair(row: Transition) -> tuple[str, str]:
    return row.action.label(), repr(sorted((key, str(value)) for key, value in row.before.facts.items()))


def _read(source: Source, limit: int | None) -> list[Transition]:
    from wmagent.worlds.recorded import read_transitions

    return read_transitions(source, limit=limit)


def _learner(preset: str, text: str) -> Learner:
    from wmagent.model.world_model import WorldModel

    def learn(rows: Sequence[Transition], seed: int, progress: Callable[[Any], None] | None) -> Forecaster:
        return WorldModel.learn(rows, preset=preset, seed=seed, text=text, progress=progress)

    return learn
