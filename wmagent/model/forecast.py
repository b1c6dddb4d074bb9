"""What a world model says of one (state, action) pair, in facts and probabilities. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from wmagent.domain.answers import OddFact
from wmagent.domain.types import Facts, Value, same_value


@dataclass(frozen=True)
class ForecastOutcome:
    """One imagined result; `duration` is its expected hours, `done` the probability that the case ends with it."""

    probability: float
    facts: Facts
    duration: float
    done: float


@dataclass(frozen=True)
class Forecast:
    """All imagined results of one pair, likeliest first, and the calibrated probability of every value of every
    fact that can change (None stands for an absent fact)."""

    outcomes: tuple[ForecastOutcome, ...]
    fact_probabilities: dict[str, dict[Value | None, float]]
    legal: float
    surprise: float

    @property
    def most_likely(self) -> Facts:
        """The facts of the likeliest outcome."""
        return self.outcomes[0].facts

    def probability_of(self, facts: Facts) -> float:
        """Return the probability of exactly these facts."""
        return sum(o.probability for o in self.outcomes if _same(o.facts, facts))


@dataclass(frozen=True)
class Score:
    """How expected one recorded transition was: -log p in nats, its p-value among held-out transitions, the facts
    that are odd, and what lies outside the model's words."""

    nll: float
    p_value: float
    odd: tuple[OddFact, ...]
    unknown: tuple[str, ...] = ()


def _same(left: Facts, right: Facts) -> bool:
    return left.keys() == right.keys() and all(same_value(v, right[k]) for k, v in left.items())
