"""What-ifs of a case attribute: had it been another, all else known at the start alike, what would have happened?
Knows a process model and estimates; must not know files, nor whether an association is a cause."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.differences import LEVEL, Bounded, difference, holm, normal, two_sided
from wmagent.causal.estimates import Decisions, Estimate, doubly_robust, inverse_propensity, naive, weighted_share
from wmagent.causal.sensitivity import e_value, e_value_limit
from wmagent.domain.event_log import Categories, EventLog
from wmagent.errors import InputError, unknown
from wmagent.events.process_model import ProcessModel
from wmagent.events.starts import Starts, Value, asked, fitted

Floats = NDArray[np.float64]
LEAST = 20  # cases with a value, and cases with and without an outcome, below which no number is given
DRAWS = 200  # of the bootstrap over cases
SPAN = (0.25, 0.75)  # quantiles of a number that are compared where no values are given
READING = "predicted association"


@dataclass(frozen=True)
class AttributeEffect:
    """How often `outcome` happens after a case's first event if the attribute had been `values[1]` instead of
    `values[0]`, all else known at the start alike.

    `predicted` are the model's mean predictions with each value over the same `cases` (g-computation), `difference`
    the second minus the first, its interval 1.96 standard errors by bootstrap over cases. `naive` compares the
    `support` cases that have the values; `inverse_propensity` and `doubly_robust` adjust those for all else known at
    the start (None for numbers, of which no value has enough cases). `overlap` is the share of cases that might have
    had either value, `left_out` are cases that began too late to have ended, `changing` those in which the attribute
    is said to be another later. `e_value` says how strongly (as a risk ratio) something that was not recorded would
    have to go with both the attribute and the outcome to explain the difference away, `e_value_limit` the interval.
    `adjusted_p_value` is Holm's, over all that was asked together.
    """

    attribute: str
    values: tuple[Value, Value]
    outcome: str
    cases: int
    support: tuple[int, int]
    left_out: int
    changing: int
    predicted: tuple[float, float]
    difference: Bounded
    p_value: float
    adjusted_p_value: float
    naive: Bounded
    inverse_propensity: Bounded | None
    doubly_robust: Bounded | None
    overlap: float | None
    e_value: float
    e_value_limit: float
    reading: str = READING

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)

    def words(self) -> str:
        """Return it as a sentence."""
        before, after = self.predicted
        low, high = self.difference.interval
        return (
            f"{self.reading}: with {self.attribute} {self.values[1]} instead of {self.values[0]}, all else known at "
            f"the start alike, {self.outcome!r} happens in {after:.1%} instead of {before:.1%} of cases "
            f"({100 * self.difference.value:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
        )


@dataclass(frozen=True)
class AttributeScan:
    """What goes with an attribute: its effects on every activity that some cases have and others not, those that are
    surest first; `skipped` are activities that too few cases have, or too few have not."""

    attribute: str
    values: tuple[Value, Value]
    effects: tuple[AttributeEffect, ...]
    skipped: tuple[str, ...]

    @property
    def largest(self) -> AttributeEffect | None:
        """Return the largest effect among those that are surest; None where there is none at all."""
        least = min((effect.adjusted_p_value for effect in self.effects), default=1.0)
        surest = [effect for effect in self.effects if effect.adjusted_p_value <= max(least, 0.05)]
        return max(surest, key=lambda effect: abs(effect.difference.value), default=None)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def attribute_effect(
    model: ProcessModel,
    log: EventLog,
    attribute: str,
    values: tuple[Value, Value] | None,
    outcome: str,
    seed: int = 0,
) -> AttributeEffect:
    """Return how often an activity would have happened later in the cases of a log, had an attribute been `values[1]`
    instead of `values[0]` (None: as in `scan`), all else known at their first event alike.

    Heads on the model's latents are learned on one half of the cases and asked about the other. InputError where the
    model does not know the attribute, a value or the activity, or fewer than LEAST cases speak for either.
    """
    starts = Starts(model, log, seed)
    if outcome not in starts.log.activity.values:
        raise unknown("activity", outcome, starts.log.activity.values)
    code = starts.log.activity.values.index(outcome)
    if not _varies(starts, code):
        raise InputError(
            f"{outcome!r} happens after the first event in {int(starts.happened[:, code].sum())} of {len(starts)} "
            f"cases; at least {LEAST} with and {LEAST} without are needed"
        )
    return _Question(starts, attribute, values, seed).effect(code)


def scan(
    model: ProcessModel, log: EventLog, attribute: str, values: tuple[Value, Value] | None = None, seed: int = 0
) -> AttributeScan:
    """Return the effects of an attribute on every activity; without `values` its two most frequent ones, or the
    quartiles of a number. Errors as of `attribute_effect`."""
    return _scans([_Question(Starts(model, log, seed), attribute, values, seed)])[0]


def scan_attributes(
    model: ProcessModel,
    log: EventLog,
    attributes: Iterable[str] | None = None,
    seed: int = 0,
    leave_out: Collection[str] = (),
) -> tuple[AttributeScan, ...]:
    """Return scans of all attributes that can be compared and are not left out (or of those named), that with the
    largest sure effect first; significance is corrected over attributes and activities together."""
    starts = Starts(model, log, seed)
    if attributes is None:
        left = [name for name in starts.attributes() if name not in leave_out]
        attributes = [name for name in left if comparable(starts, name) is not None]
    found = _scans([_Question(starts, name, None, seed) for name in attributes])

    def rank(one: AttributeScan) -> tuple[bool, float]:
        best = one.largest
        return (True, 0.0) if best is None else (best.adjusted_p_value > 0.05, -abs(best.difference.value))

    return tuple(sorted(found, key=rank))


def comparable(starts: Starts, attribute: str) -> tuple[Value, Value] | None:
    """Return the values of an attribute that are compared where none are given; None where too few cases have them."""
    column = starts.column(attribute)
    if isinstance(column, Categories):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        most = np.argsort(-counts, kind="stable")[:2].tolist()
        enough = len(most) == 2 and counts[most[1]] >= LEAST
        return (column.values[most[0]], column.values[most[1]]) if enough else None
    known = column[~np.isnan(column)]
    low, high = np.quantile(known, SPAN).tolist() if len(known) else (0.0, 0.0)
    return (low, high) if low < high and len(known) >= 4 * LEAST else None


class _Question:
    """An attribute and two of its values: who has them, what heads read with each, and how likely each was."""

    def __init__(self, starts: Starts, attribute: str, values: tuple[Value, Value] | None, seed: int) -> None:
        column = starts.column(attribute)
        values = values or comparable(starts, attribute)
        if values is None:
            raise InputError(f"{attribute!r} has no two values with {LEAST} cases each; nothing can be compared")
        self.starts, self.attribute, self.values, self.seed = starts, attribute, values, seed
        self.has = _having(column, attribute, values)
        self.read = [starts.read_with(attribute, value) for value in values]
        self.propensity: list[Floats] | None = None
        if isinstance(column, Categories):
            others = starts.read_with(attribute, None)
            self.propensity = [asked(fitted(others, has, starts.fold), others, starts.fold) for has in self.has]

    def effect(self, code: int) -> AttributeEffect:
        """Return the effect on an activity of the log."""
        starts, heads = self.starts, self.starts.heads(code)
        told = [asked(heads, read, starts.fold) for read in self.read]
        before, after = (float(probs.mean()) for probs in told)
        drawn = self._redrawn(code)
        error = float((drawn[1] - drawn[0]).std())
        ratio, drawn_ratios = _ratio(before, after), _ratio(drawn[0], drawn[1])
        factor = math.exp(LEVEL * float(np.log(drawn_ratios).std()))
        p_value = two_sided(after - before, error)
        return AttributeEffect(
            self.attribute,
            self.values,
            starts.log.activity.values[code],
            len(starts),
            (int(self.has[0].sum()), int(self.has[1].sum())),
            starts.left_out,
            starts.changes(self.attribute),
            (before, after),
            normal(after - before, error),
            p_value,
            p_value,
            **self._beside(told, starts.happened[:, code].astype(np.float64)),
            e_value=e_value(float(ratio)),
            e_value_limit=e_value_limit(float(ratio) / factor, float(ratio) * factor),
        )

    def _redrawn(self, code: int) -> Floats:
        """Return the mean predictions with each value (2, draws) of cases drawn anew, heads learned anew."""
        starts, n = self.starts, len(self.starts)
        counts = np.random.default_rng(self.seed).multinomial(n, np.full(n, 1 / n), DRAWS)
        total = np.zeros((2, DRAWS))
        for mine, head in enumerate(starts.heads(code)):
            inside = starts.fold == mine
            for place, read in enumerate(self.read):
                total[place] += (head.redrawn(read[inside], counts[:, ~inside]) * counts[:, inside]).sum(1)
        return total / n

    def _beside(self, told: list[Floats], hit: Floats) -> dict[str, Any]:
        """Return the estimates that stand beside the prediction."""
        n = len(hit)
        chances = self.propensity or [np.ones(n), np.ones(n)]
        arms = [
            Decisions(has.astype(np.float64), hit, chance, probs, np.ones(n), np.arange(n))
            for has, chance, probs in zip(self.has, chances, told, strict=True)
        ]
        found: dict[str, Any] = {"naive": _difference(list(map(naive, arms)))}
        if self.propensity is None:
            return found | {"inverse_propensity": None, "doubly_robust": None, "overlap": None}
        return found | {
            "inverse_propensity": _difference(list(map(inverse_propensity, arms))),
            "doubly_robust": _difference(list(map(doubly_robust, arms))),
            "overlap": min(map(weighted_share, arms)),
        }


def _scans(questions: list[_Question]) -> list[AttributeScan]:
    """Return the effects on every activity, corrected for all that is asked together."""
    found = []
    for question in questions:
        codes = range(len(question.starts.log.activity.values))
        kept = [code for code in codes if _varies(question.starts, code)]
        names = question.starts.log.activity.values
        skipped = tuple(names[code] for code in codes if code not in kept)
        effects = tuple(question.effect(code) for code in kept)
        found.append(AttributeScan(question.attribute, question.values, effects, skipped))
    corrected = iter(holm([effect.p_value for one in found for effect in one.effects]))
    corrected_scans = []
    for one in found:
        effects = [replace(effect, adjusted_p_value=next(corrected)) for effect in one.effects]
        effects.sort(key=lambda effect: (effect.adjusted_p_value, -abs(effect.difference.value)))
        corrected_scans.append(replace(one, effects=tuple(effects)))
    return corrected_scans


def _varies(starts: Starts, code: int) -> bool:
    hits = int(starts.happened[:, code].sum())
    return LEAST <= hits <= len(starts) - LEAST


def _having(column: Any, attribute: str, values: tuple[Value, Value]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cases have the first value and which the second; of numbers at most the first, at least the
    second."""
    if isinstance(column, Categories):
        for value in values:
            if value not in column.values:
                raise unknown(f"value of {attribute}", str(value), column.values)
        before, after = (column.codes == column.values.index(str(value)) for value in values)
    else:
        if not all(isinstance(value, int | float) for value in values) or not float(values[0]) < float(values[1]):
            raise InputError(f"{attribute!r} is a number; give two numbers, the lower one first, not {values}")
        before, after = column <= float(values[0]), column >= float(values[1])
    if values[0] == values[1]:
        raise InputError(f"both values of {attribute!r} are {values[0]!r}; give two that differ")
    for value, has in zip(values, (before, after), strict=True):
        if has.sum() < LEAST:
            raise InputError(
                f"{int(has.sum())} cases have {attribute} {value}; below {LEAST} no number is given. Ask about values "
                "that more cases have"
            )
    return before, after


def _difference(arms: list[Estimate]) -> Bounded:
    return Bounded(*difference(*arms))


def _ratio(before: Floats | float, after: Floats | float) -> Floats:
    return np.maximum(after, 1e-6) / np.maximum(before, 1e-6)
