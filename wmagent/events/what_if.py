"""What if something else were done in a case: its future as it is and as it would be, side by side, and on what ground.
Knows a model, the record behind it and estimators; must not know files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.estimates import Decisions, Estimate, doubly_robust, inverse_propensity, naive
from wmagent.causal.sensitivity import e_value, e_value_limit
from wmagent.causal.shares import wilson
from wmagent.domain.answers import plain
from wmagent.domain.interventions import Do, Insert, Skip, Swap, Wait
from wmagent.errors import InputError
from wmagent.events.evidence import Support
from wmagent.events.forecasts import END
from wmagent.events.outlooks import Aim, course
from wmagent.events.recorded import RecordedProcess
from wmagent.events.rollouts import Imagination

Change = Do | Insert | Skip | Swap | Wait
DRAWS = 200
ALIKE = 400  # recorded decisions that estimates are made from
LEAST = 10  # of them with and without the action
FEW_DRAWS = 10  # of each of them


@dataclass(frozen=True)
class Outlook:
    """The future of a case: P(outcome) with its 90 % interval, hours until the end (.1, .5 and .9 quantiles), and the
    activities that most often follow."""

    probability: float
    interval: tuple[float, float]
    hours: tuple[float, float, float]
    typical: tuple[str, ...]


@dataclass(frozen=True)
class Estimates:
    """What the record says of P(outcome) where states are alike, of the action and of what else was done: each with its
    90 % interval. `propensity` is how often the model expects the action there."""

    taken: int
    otherwise: int
    propensity: float
    naive: tuple[Estimate, Estimate]
    inverse_propensity: tuple[Estimate, Estimate]
    doubly_robust: tuple[Estimate, Estimate]
    e_value: float
    e_value_limit: float


@dataclass(frozen=True)
class CaseWhatIf:
    """An answer: the case's outlook `as_is` and `if_done`. `if_done` is None where the record does not support a number
    and none was forced. `wording` says what kind of claim the numbers are."""

    case: str
    events: int
    last: str
    question: str
    outcome: str
    within_hours: float | None
    as_is: Outlook
    if_done: Outlook | None
    support: Support
    estimates: Estimates | None
    wording: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return plain(self)


@dataclass(frozen=True)
class _Start:
    """Where the imagined future begins: the row whose latent it starts from, codes that are done then, codes that may
    not come first, hours that pass without a decision; the action that must be supported."""

    row: int
    done: tuple[int, ...] = ()
    without: int | None = None
    wait: float = 0.0
    action: int | None = None


def what_if(
    process: RecordedProcess,
    case: str,
    change: Change,
    outcome: str | None = None,
    within_hours: float | None = None,
    after: int | None = None,
    force: bool = False,
    seed: int = 0,
) -> CaseWhatIf:
    """Answer what becomes of a case if something is changed after its first `after` events (all that are there).

    The outcome is an activity, or the end of the case; with `within_hours` it must come until then. Do: now. Skip: the
    next one is not this. Insert: after `place` events. Swap: two neighbouring events of the case change places. Wait:
    nothing is decided for some hours. InputError for cases, activities and places that are not there.
    """
    row = process.row(case, after)
    aim = Aim(process.codes(outcome), np.inf if within_hours is None else within_hours)
    start = _start(process, row, change)
    number = int(process.cases[row])
    told, notes = process.latents(np.array([start.row]))[0], list[str]()
    last = int(process.history.activity[start.row])
    support = process.evidence.support(told, last, start.action, number)
    as_is = _outlook(process, _Start(row), aim, seed, _worth(process, row, None, number))
    estimates = _estimates(process, told, last, start.action, aim, number)
    if_done = None
    if support.kind == "extrapolated" and not force:
        notes.append(
            "the record holds nothing like this; no number is given (force one to see what the model makes up)"
        )
    else:
        if_done = _outlook(process, start, aim, seed, _worth(process, start.row, start.action, number))
        if estimates is not None:
            low, high = estimates.doubly_robust[0].interval
            held = (min(low, if_done.interval[0]), max(high, if_done.interval[1]))
            if_done = Outlook(if_done.probability, held, if_done.hours, if_done.typical)
    if isinstance(change, Do | Insert) and start.action is not None and not process.decides(start.action):
        notes.append(f"{change.words()}: the organisation does not decide this; it can be imagined, not chosen")
    notes.append("capacity and staff of other cases stay as they are; ask a simulator of all cases about those")
    return CaseWhatIf(
        case,
        row - int(process.history.starts[number]) + 1,
        process.name(int(process.history.activity[row])),
        change.words(),
        outcome or END,
        within_hours,
        as_is,
        if_done,
        support,
        estimates,
        "predicted association",
        tuple(notes),
    )


def _start(process: RecordedProcess, row: int, change: Change) -> _Start:
    first = int(process.history.starts[process.cases[row]])
    codes = process.history.activity[first : row + 1].tolist()
    match change:
        case Do(actions):
            if len(actions) != 1:
                raise InputError(f"one activity is done now, not {len(actions)}; ask again after it")
            code = process.code(actions[0].name)
            return _Start(row, (code,), action=code)
        case Skip(actions):
            return _Start(row, without=process.code(actions[0].name))
        case Wait(hours):
            return _Start(row, wait=hours)
        case Insert(action, place):
            place = len(codes) if place is None else place
            if not 1 <= place <= len(codes):
                raise InputError(
                    f"the case has {len(codes)} events; insert after 1 to {len(codes)} of them, not {place}"
                )
            code = process.code(action.name)
            return _Start(first + place - 1, (code, *codes[place:]), action=code)
        case Swap(one, other):
            pair = [process.code(one.name), process.code(other.name)]
            for place in range(len(codes) - 2, 0, -1):
                if codes[place : place + 2] in (pair, pair[::-1]):
                    changed = (codes[place + 1], codes[place], *codes[place + 2 :])
                    return _Start(first + place - 1, changed, action=changed[0])
            raise InputError(
                f"{one.name!r} and {other.name!r} do not follow one another in this case after its first event"
            )
    raise InputError(f"{change!r} cannot be asked of a case; known: Do, Skip, Insert, Swap, Wait")


def _outlook(process: RecordedProcess, start: _Start, aim: Aim, seed: int, worth: float) -> Outlook:
    probability = float(process.chances(_begun(process, start, seed), aim).mean())
    told = course(_begun(process, start, seed + 1), process.horizon)
    names = tuple(process.name(code) for code in told.typical)
    return Outlook(probability, wilson(probability, worth), told.hours, names)


def _begun(process: RecordedProcess, start: _Start, seed: int) -> Imagination:
    imagined = Imagination(process.model, process.history, np.array([start.row]), DRAWS, seed)
    for code in start.done:
        codes = np.full(DRAWS, code)
        imagined.go_on(codes, imagined.gaps(codes))
    if start.without is not None:
        told = imagined.next_events()
        told[:, start.without] = 0
        imagined.step(told)
    if start.wait:
        process.wait(imagined, start.wait)
    return imagined


def _worth(process: RecordedProcess, row: int, action: int | None, case: int) -> float:
    """Return how many recorded cases stand behind a number: those in such a state (that took the action)."""
    like = process.evidence.near(process.latents(np.array([row]))[0], int(process.history.activity[row]), case)
    if action is not None:
        like = like[process.evidence.next[like] == action]
    return max(1.0, float(len(np.unique(process.evidence.cases[like]))))


def _estimates(
    process: RecordedProcess, latent: NDArray[np.float32], last: int, action: int | None, aim: Aim, case: int
) -> Estimates | None:
    """Return what recorded decisions in like states say; None where too few took the action or did otherwise."""
    if action is None:
        return None
    evidence = process.evidence
    like = evidence.near(latent, last, case)
    hours = process.hours_until(aim.codes)[evidence.rows[like]]
    like, hours = like[~np.isnan(hours)][:ALIKE], hours[~np.isnan(hours)][:ALIKE]
    took = evidence.next[like] == action
    if min(took.sum(), (~took).sum()) < LEAST:
        return None
    told = process.model.next_events(evidence.latents[like].numpy())
    propensity = np.clip(told[:, action], 1e-3, 1 - 1e-3)
    if_done, if_not = _predicted(process, like, action, propensity, aim, process.model.seed)
    hit = (np.isfinite(hours) & (hours <= aim.within)).astype(float)
    sides = [
        Decisions(side.astype(float), hit, shares, predicted, np.ones(len(like)), evidence.cases[like])
        for side, shares, predicted in ((took, propensity, if_done), (~took, 1 - propensity, if_not))
    ]
    done, other = (doubly_robust(side) for side in sides)
    ratio = max(done.value, 1e-3) / max(other.value, 1e-3)
    low, high = (
        max(done.interval[0], 1e-3) / max(other.interval[1], 1e-3),
        max(done.interval[1], 1e-3) / max(other.interval[0], 1e-3),
    )
    return Estimates(
        int(took.sum()),
        int((~took).sum()),
        float(propensity.mean()),
        (naive(sides[0]), naive(sides[1])),
        (inverse_propensity(sides[0]), inverse_propensity(sides[1])),
        (done, other),
        e_value(ratio),
        e_value_limit(min(low, high), max(low, high)),
    )


def _predicted(
    process: RecordedProcess,
    like: NDArray[np.int64],
    action: int,
    propensity: NDArray[np.float64],
    aim: Aim,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the imagined P(aim) (n,) at recorded prefixes, of the action and of everything else."""
    rows = process.evidence.rows[like]
    imagined = Imagination(process.model, process.history, rows, FEW_DRAWS, seed)
    as_is = process.chances(imagined, aim).mean(1)
    imagined = Imagination(process.model, process.history, rows, FEW_DRAWS, seed)
    codes = np.full(len(imagined.hours), action)
    imagined.go_on(codes, imagined.gaps(codes))
    if_done = process.chances(imagined, aim).mean(1)
    return if_done, np.clip((as_is - propensity * if_done) / (1 - propensity), 0, 1)
