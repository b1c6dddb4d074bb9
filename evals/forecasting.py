"""Predictions of next states by a world model, by baselines and by the five prediction controls, in one form.
Knows the public forecast of a model and the baselines; knows no file and no score."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wmagent.domain.types import Action, Facts, Transition, Value
from wmagent.errors import InputError, OutOfDomain
from wmagent.evals.metrics import NextState
from wmagent.model.baselines import Baseline, MostFrequentChange
from wmagent.model.baselines.base import apply_changes, marginals

BATCH = 256


class ForecastLike(Protocol):
    """The part of a model's forecast that is scored."""

    @property
    def most_likely(self) -> Facts: ...

    @property
    def fact_probabilities(self) -> Mapping[str, Mapping[Value | None, float]]: ...


class Forecaster(Protocol):
    """Anything that forecasts the next state of (facts, action) pairs; a WorldModel does."""

    def forecast(self, facts: Sequence[Facts], actions: Sequence[Action]) -> Sequence[ForecastLike]: ...


@dataclass(frozen=True)
class Forecasts:
    """One prediction per row; `refused` rows are outside what the model knows and count as nothing changes."""

    rows: list[NextState]
    refused: int = 0


def by_model(model: Forecaster, facts: Sequence[Facts], actions: Sequence[Action]) -> Forecasts:
    """Forecast all pairs in batches; where a batch holds something unknown, its pairs are asked one by one."""
    rows: list[NextState] = []
    refused = 0
    for start in range(0, len(facts), BATCH):
        some, deeds = list(facts[start : start + BATCH]), list(actions[start : start + BATCH])
        try:
            rows.extend(_plain(f) for f in model.forecast(some, deeds))
        except (OutOfDomain, InputError):
            for state, action in zip(some, deeds, strict=True):
                try:
                    rows.append(_plain(model.forecast([state], [action])[0]))
                except (OutOfDomain, InputError):
                    rows.append(NextState(dict(state), {}))
                    refused += 1
    return Forecasts(rows, refused)


def _plain(forecast: ForecastLike) -> NextState:
    return NextState(dict(forecast.most_likely), forecast.fact_probabilities)


def by_baseline(baseline: Baseline, facts: Sequence[Facts], actions: Sequence[Action]) -> Forecasts:
    """Return the predictions and fact probabilities of a fitted baseline."""
    shares = baseline.fact_probabilities(facts, actions)
    states = baseline.predict(facts, actions)
    return Forecasts([NextState(state, share) for state, share in zip(states, shares, strict=True)])


def shuffled(model: Forecaster, facts: Sequence[Facts], actions: Sequence[Action], seed: int) -> Forecasts:
    """Return the model's forecasts with the actions permuted among the rows.

    The machinery, the states and the share of each action stay; which action belongs to which row is destroyed.
    """
    order = list(range(len(actions)))
    random.Random(seed).shuffle(order)
    return by_model(model, facts, [actions[i] for i in order])


def uniform(frequent: MostFrequentChange, facts: Sequence[Facts], actions: Sequence[Action], seed: int) -> Forecasts:
    """Return one of the action's recorded distinct sets of changes, each equally likely, drawn with the seed.

    It knows what an action can do (arguments included), but neither how often nor in which state.
    """
    draw = random.Random(seed)
    rows = []
    for state, action in zip(facts, actions, strict=True):
        options = list(frequent.changes(action))
        flat = dict.fromkeys(options, 1.0 / len(options))
        rows.append(NextState(apply_changes(state, draw.choice(options)), marginals(state, flat)))
    return Forecasts(rows)


def changing_slots(rows: Sequence[Transition]) -> list[str]:
    """Return the fact keys that changed in at least one row, sorted: the slots whose calibration is scored."""
    from wmagent.model.baselines import changes_between

    return sorted({key for row in rows for key, _ in changes_between(row.before.facts, row.after.facts)})
