"""What if, after one activity, every case had gone on with A instead of B: how often an outcome follows, hours to the
end. Knows a model, the record behind it and estimators; must not know files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.effects import Contrasts, as_risk_ratio, of_means, of_shares
from wmagent.causal.estimates import CLIP, Decisions, logit
from wmagent.causal.linear import Linear
from wmagent.causal.sensitivity import e_value, e_value_limit
from wmagent.domain.answers import plain
from wmagent.errors import InputError, checked_seed
from wmagent.events.outlooks import Aim, chances
from wmagent.events.recorded import RecordedProcess
from wmagent.events.rollouts import Imagination
from wmagent.events.starts import MOSTLY, asked, fitted, principal
from wmagent.events.targets import targets
from wmagent.events.trees import boosted, table

Floats = NDArray[np.float64]
LEAST = 20  # cases that did either; a number is refused for fewer
FOLDS = 5  # of cases: regressions learned on four of them are asked about the fifth
DRAWS = 10  # futures imagined after each decision and each of the two
RIDGE = 10.0  # of regressions of what happened on what was imagined
TREES = {"objective": "regression", "learning_rate": 0.05, "min_data_in_leaf": 10, "num_leaves": 15, "num_threads": 1}
ROUNDS = 150  # of boosting
FLOOR = 1e-3  # of shares whose ratio is taken


@dataclass(frozen=True)
class Effect:
    """The effect on one outcome by three estimators. E-values are those of the doubly robust one: how strongly, as a
    risk ratio, an unlogged cause would have to go with both the routing and the outcome to explain it away, and to move
    the interval to no effect; that of hours takes a difference of a standard deviation for a risk ratio of 2.5."""

    estimates: Contrasts
    e_value: float
    e_value_limit: float


@dataclass(frozen=True)
class RoutingEffect:
    """An answer. `decisions` are recorded prefixes that end with `after`, in so many `cases`; `did` and `did_instead`
    count the cases of either arm, `others` is the share of decisions in neither, `left_out` counts decisions made too
    late to know what became of them; `overlap` is the share of decisions at which both were possible. `reached` (None
    where no outcome was asked of) is a share of decisions, `hours` are those from the decision to the end of the case.
    """

    after: str
    do: str
    instead: str
    outcome: str | None
    decisions: int
    cases: int
    did: int
    did_instead: int
    others: float
    left_out: int
    overlap: float
    reached: Effect | None
    hours: Effect
    wording: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return plain(self)


@dataclass(frozen=True)
class _Choices:
    """n recorded decisions: their rows, what came next (codes), their cases and folds; what regressions `read` of them
    (n, f), what trees read (`table`), and the model's chances of the next event (`told`)."""

    rows: NDArray[np.int64]
    next: NDArray[np.int64]
    cases: NDArray[np.int64]
    fold: NDArray[np.int64]
    read: Floats
    table: NDArray[np.float32]
    told: Floats  # (n, activities + 1)
    seed: int


def routing(
    process: RecordedProcess, after: str, do: str, instead: str, outcome: str | None = None, seed: int = 0
) -> RoutingEffect:
    """Answer what would have become of all recorded decisions right after `after`, had each been `do`, and had each
    been `instead`; `outcome` is an activity (* and ? match several) that happens later in the case.

    Propensities and predictions are cross-fitted over cases: the model's log-odds of the action, what it imagines after
    the action, its latents and what was known at the decision, with what happened in the other folds.
    InputError for activities that are not there, and where fewer than LEAST cases did either.
    """
    checked_seed(seed)
    last, arms = process.code(after), (process.code(do), process.code(instead))
    if arms[0] == arms[1]:
        raise InputError(f"both arms are {do!r}; name two different activities to compare")
    codes = process.codes(outcome) if outcome is not None else ()
    choices, left_out = _choices(process, last, seed)
    counts = [len(np.unique(choices.cases[choices.next == arm])) for arm in arms]
    for name, count in zip((do, instead), counts, strict=True):
        if count < LEAST:
            then = ", ".join(_usual(process, choices))
            raise InputError(
                f"{count} finished cases went on with {name!r} right after {after!r}; at least {LEAST} are needed for "
                f"a number. What mostly follows: {then or 'nothing'}"
            )
    propensities = [_propensity(choices, arm) for arm in arms]
    imagined = [_imagined(process, choices, arm, codes, seed) for arm in arms]
    ends = process.history.starts[1:][choices.cases] - 1
    hours = process.history.hours[ends] - process.history.hours[choices.rows]
    reached = None
    if codes:
        happened = _later(process, choices, ends, codes)
        sides = _sides(choices, arms, propensities, happened, [one[0] for one in imagined])
        reached = _shares_effect(of_shares(*sides))
    sides = _sides(choices, arms, propensities, hours, [one[1] for one in imagined])
    possible = np.all([(one >= CLIP) & (one <= 1 - CLIP) for one in propensities], 0)
    notes = ["capacity and staff of other cases stay as they are; ask a simulator of all cases about those"]
    if possible.mean() < 1 - CLIP:
        notes.append(
            f"at {1 - possible.mean():.0%} of the decisions one of the two was all but never or all but always chosen; "
            "there the answer rests on predictions alone"
        )
    return RoutingEffect(
        after,
        do,
        instead,
        outcome,
        len(choices.rows),
        len(np.unique(choices.cases)),
        counts[0],
        counts[1],
        float(np.isin(choices.next, arms, invert=True).mean()),
        left_out,
        float(possible.mean()),
        reached,
        _hours_effect(of_means(*sides), float(hours.std())),
        "predicted association",
        tuple(notes),
    )


def _choices(process: RecordedProcess, last: int, seed: int) -> tuple[_Choices, int]:
    """Return the decisions after an activity in cases that are over, and how many are left out: those made so late in
    the log that most cases would not be over yet (to keep those that are would keep the short ones)."""
    history, end = process.history, process.model.vocabulary.end
    rows = np.flatnonzero(history.activity == last)
    until = history.hours[history.starts[1:][process.cases[rows]] - 1] - history.hours[rows]
    over = process.over[process.cases[rows]]
    if not over.any():
        raise InputError(f"no case of the log that is over has {process.name(last)!r}; there is nothing to compare")
    late = history.hours.max() - process.model.patience_hours - np.quantile(until[over], MOSTLY)
    kept = rows[over & (history.hours[rows] <= late)]
    if not len(kept):
        raise InputError(
            f"all decisions after {process.name(last)!r} were made too late in the log to know what became of them; "
            "give a log that covers more time than its cases take"
        )
    latents = process.latents(kept)
    centre, directions = principal(latents.astype(np.float64))
    numbers = history.numbers[kept].astype(np.float64)
    numbers = numbers[:, np.ptp(numbers, 0) > 1e-9]
    numbers = (numbers - numbers.mean(0)) / numbers.std(0)
    choices = _Choices(
        rows=kept,
        next=targets(history, process.over, end).next[kept],
        cases=process.cases[kept],
        fold=(np.random.default_rng(seed).permutation(len(process.over)) % FOLDS)[process.cases[kept]],
        read=np.concatenate([numbers, (latents - centre) @ directions], 1),
        table=table(history, kept, end),
        told=process.model.next_events(latents),
        seed=seed,
    )
    return choices, len(rows) - len(kept)


def _usual(process: RecordedProcess, choices: _Choices) -> list[str]:
    codes, counts = np.unique(choices.next, return_counts=True)
    return [f"{process.name(int(codes[place]))} ({counts[place]})" for place in np.argsort(-counts)[:5]]


def _propensity(choices: _Choices, arm: int) -> Floats:
    """Return P(arm) (n,) of each decision, recalibrated on the cases of the other folds."""
    read = np.column_stack([logit(choices.told[:, arm]), choices.read])
    heads = fitted(read, choices.next == arm, choices.fold)
    return np.clip(asked(heads, read, choices.fold), FLOOR, 1 - FLOOR)


def _imagined(
    process: RecordedProcess, choices: _Choices, arm: int, codes: tuple[int, ...], seed: int
) -> tuple[Floats, Floats]:
    """Return what is imagined after each decision if it is this: P(outcome) (n,), hours to the end (n,)."""
    imagined = Imagination(process.model, process.history, choices.rows, DRAWS, seed)
    action = np.full(len(imagined.hours), arm)
    imagined.go_on(action, imagined.gaps(action))
    aim = Aim(codes or (imagined.end,))
    reached = chances(imagined, aim, None, process.horizon).mean(1)
    return reached, imagined.hours.reshape(imagined.n, imagined.draws).mean(1)


def _later(process: RecordedProcess, choices: _Choices, ends: NDArray[np.int64], codes: tuple[int, ...]) -> Floats:
    """Return whether (n,) any of these activities follows the decision in its case."""
    counted = np.concatenate([[0], np.cumsum(np.isin(process.history.activity, codes))])
    return (counted[ends + 1] > counted[choices.rows + 1]).astype(np.float64)


def _sides(
    choices: _Choices, arms: tuple[int, int], propensities: list[Floats], outcome: Floats, imagined: list[Floats]
) -> tuple[Decisions, Decisions]:
    """Return the same decisions as those of either arm."""
    do, instead = (
        Decisions(
            taken.astype(np.float64),
            outcome,
            propensity,
            _predicted(choices, taken, outcome, told),
            np.ones(len(outcome)),
            choices.cases,
        )
        for taken, propensity, told in zip((choices.next == arm for arm in arms), propensities, imagined, strict=True)
    )
    return do, instead


def _predicted(choices: _Choices, taken: NDArray[np.bool_], outcome: Floats, imagined: Floats) -> Floats:
    """Return E(outcome) (n,) of each decision if it is this, learned from what happened in the arm's cases of the other
    folds: a line of what is imagined, a regression on that and on what is known, or boosted trees of the same.

    Which of them is chosen by its squared error in the arm (the discrete super learner of van der Laan, Polley &
    Hubbard 2007); kept within what happened.
    """
    scaled = (imagined - imagined.mean()) / max(float(imagined.std()), 1e-9)
    line, known = scaled[:, None], np.column_stack([scaled, choices.read])
    seen = np.column_stack([choices.table, scaled]).astype(np.float32)
    candidates = np.empty((3, len(outcome)))
    for mine in range(FOLDS):
        here, others = choices.fold == mine, taken & (choices.fold != mine)
        for place, read in enumerate((line, known)):
            candidates[place, here] = Linear.fit(read[others], outcome[others], RIDGE).predict(read[here])
        trees = boosted(seen[others], outcome[others], TREES, ROUNDS, choices.seed)
        candidates[2, here] = np.asarray(trees.predict(seen[here]))
    candidates = np.clip(candidates, outcome.min(), outcome.max())
    errors = ((candidates - outcome) ** 2)[:, taken].mean(1)
    return candidates[errors.argmin()]


def _shares_effect(found: Contrasts) -> Effect:
    do, instead = found.doubly_robust.do, found.doubly_robust.instead
    ratios = [
        max(one, FLOOR) / max(other, FLOOR)
        for one, other in (
            (do.value, instead.value),
            (do.interval[0], instead.interval[1]),
            (do.interval[1], instead.interval[0]),
        )
    ]
    return Effect(found, e_value(ratios[0]), e_value_limit(ratios[1], ratios[2]))


def _hours_effect(found: Contrasts, deviation: float) -> Effect:
    told, deviation = found.doubly_robust.difference, max(deviation, 1e-9)
    value, low, high = (as_risk_ratio(hours / deviation) for hours in (told.value, *told.interval))
    return Effect(found, e_value(value), e_value_limit(low, high))
