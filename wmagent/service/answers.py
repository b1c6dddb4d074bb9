"""What tools tell: short pydantic models. Knows plain data; must not know models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wmagent.domain.answers import Support
from wmagent.service.questions import Value

Interval = tuple[float, float]
MOST_WARNINGS, MOST_ACTIONS = 4, 100  # that are told


def verdict(base: float, interval: Interval) -> Literal["better", "worse", "same"]:
    """Return how a what-if compares with P(goal) without it: by its interval."""
    low, high = interval
    return "better" if base < low else "worse" if base > high else "same"


class Answer(BaseModel):
    """An answer as it is sent."""

    model_config = ConfigDict(frozen=True)


class Decision(Answer):
    """A plan in short. `act`: do `action` next. `done`: the goal holds. `impossible`: no imagined way leads there.
    `abstain`: the model does not know enough; ask a person."""

    id: str
    decision: Literal["act", "done", "impossible", "abstain"]
    action: str | None = Field(default=None, description="What to do next.")
    because: str
    probability: float | None = Field(default=None, description="P(goal within its limits) if the plan is followed.")
    interval: Interval | None = Field(default=None, description="Of the probability, 90 %.")
    risk: float | None = Field(default=None, description="1 - the interval's lower end: of failing, at worst.")
    support: Support | None = Field(default=None, description="observed, interpolated or extrapolated from the record.")
    plan: list[str] = []
    hours: float | None = None
    cost: float | None = None
    warnings: list[str] = []


class Compared(Answer):
    """A what-if in short. `better`, `worse`, `same`: than the plan without the change (beyond its interval), both
    followed as they stand, whatever happens on the way. `abstain`: no number is given."""

    id: str
    decision: Literal["better", "worse", "same", "abstain"]
    because: str
    probability: float | None = None
    interval: Interval | None = None
    baseline: float | None = Field(
        default=None, description="P(goal) without the change, if the plan is followed as it stands."
    )
    best_under_it: float | None = Field(default=None, description="P(goal) of the best plan that the change leaves.")
    actions: list[str] = []
    by: list[tuple[float, float]] = Field(default=[], description="(hours, P(done by then)).")
    hours: float | None = None
    cost: float | None = None
    support: Support | None = None
    n: int | None = Field(default=None, description="Recorded cases like the step that is otherwise.")
    propensity: float | None = Field(default=None, description="How often recorded behaviour takes that step there.")
    wording: str = "predicted association"
    warnings: list[str] = []


class Outcome(Answer):
    """One thing that may happen."""

    probability: float
    changes: list[str]
    facts: dict[str, Value | None] = Field(default={}, description="The changed facts as they are then, null: gone.")
    hours: float
    ends_the_case: bool = False


class Foreseen(Answer):
    """What one action leads to."""

    action: str
    allowed: float = Field(description="P(it is accepted).")
    outcomes: list[Outcome]
    cost: float | None = None
    support: Support
    n: int = Field(description="Recorded steps like it.")


class Prediction(Answer):
    """What happens next."""

    id: str
    decision: Literal["told", "abstain"]
    because: str
    actions: list[Foreseen] = []


class Kept(Answer):
    """The whole of an earlier answer: what kind of value it is, and its JSON form."""

    kind: str
    content: dict[str, Any]


class Explained(Answer):
    """More about an answer, in words of which every claim was checked against what was imagined."""

    id: str
    text: str
    claims: int = 0
    dropped: int = Field(default=0, description="Sentences that were not said because a claim did not hold.")


class Odd(Answer):
    """A fact that was not expected."""

    fact: str
    expected: Value | None
    expected_probability: float
    seen: Value | None
    seen_probability: float


class Judged(Answer):
    """Whether a step is odd."""

    id: str
    decision: Literal["usual", "odd"]
    because: str
    p_value: float = Field(description="Share of held-out steps at least as surprising.")
    surprise: float = Field(description="-log P(what happened), nats.")
    odd: list[Odd] = []


class World(Answer):
    """What the model knows."""

    title: str
    kind: Literal["transitions", "event log"]
    learned_from: str
    facts: dict[str, list[Value]] = Field(default={}, description="Known values of every fact, the first ones of many.")
    actions: list[str]
    actions_left_out: int = 0
    limits: str


class Forecast(Answer):
    """What comes next in a case: the likeliest events, a set that holds the next one in 90 % of cases, and the .1, .5
    and .9 quantiles of the hours that remain."""

    id: str
    decision: Literal["told", "over"]
    because: str
    next: list[tuple[str, float]] = []
    likely: list[str] = []
    remaining_hours: tuple[float, float, float] | None = None


class OddEvent(Answer):
    """An event of a case that was not expected."""

    event: int
    activity: str
    kind: str
    p_value: float
    expected: list[tuple[str, float]]


class CaseJudged(Answer):
    """Whether anything in a case is odd."""

    id: str
    decision: Literal["usual", "odd"]
    because: str
    odd: list[OddEvent] = []
