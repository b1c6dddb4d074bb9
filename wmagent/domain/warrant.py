"""What a what-if's number rests on: data, adjustments, and how much an unlogged cause could change. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wmagent.domain.answers import Support, plain
from wmagent.domain.types import Action, Goal

Interval = tuple[float, float]


@dataclass(frozen=True)
class Measured:
    """A probability with its 90 % interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Sensitivity:
    """What P(goal) could be if an unlogged cause changed the odds of the decision by at most `gamma` between two cases
    alike in all that is logged. `why` says where gamma comes from; inf assumes nothing at all (Manski)."""

    gamma: float
    interval: Interval
    why: str


@dataclass(frozen=True)
class EValue:
    """How strong an unlogged cause would have to be, as a risk ratio with both the decision and the outcome, to explain
    the difference to acting otherwise away; `limit` is that of the interval's end (1: it takes none)."""

    point: float
    limit: float


@dataclass(frozen=True)
class Warrant:
    """What stands behind P(goal) if ACTION is done now and what follows goes on as recorded behaviour does.

    Numbers are None where they are refused: outside recorded experience, or where no decision for the action is like
    this one. `n` counts recorded decisions like this one, `taken` those for the action; `propensity` is how often the
    record chooses the action there.

    The answer is `imagined`: the world model's outcome after the action, averaged over the logged facts as they are
    distributed whatever was decided (outcome regression, the g-formula of Robins 1986). It is the answer because it
    needs no weights, which grow without limit just where a logged cause drives the decision, and because the model was
    tested on cases that it had not seen. Beside it stand `naive`, what followed the action in cases that look alike,
    and `inverse_propensity` and `doubly_robust`, which adjust for the facts in `adjusted_for`. `interval` (90 %) is
    the imagined share's of as many decisions as `doubly_robust` is worth, widened to hold that estimate's own: both
    answer one question, so what they differ by is doubt. `bounds` widen it further, by the default strength first, then
    by any strength.
    """

    estimand: str
    action: Action
    goal: Goal
    support: Support
    n: int
    taken: int
    adjusted_for: tuple[str, ...]
    propensity: float | None = None
    naive: Measured | None = None
    imagined: float | None = None
    interval: Interval | None = None
    inverse_propensity: Measured | None = None
    doubly_robust: Measured | None = None
    e_value: EValue | None = None
    bounds: tuple[Sensitivity, ...] = ()
    tipping_gamma: float | None = None  # the least strength that could make acting otherwise as good
    identification: str = ""  # the argument of whoever asked; empty: nobody argued
    wording: str = "predicted association"
    statement: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the warrant as JSON-ready dicts and lists, infinite numbers as None."""
        return _finite(plain(self))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
