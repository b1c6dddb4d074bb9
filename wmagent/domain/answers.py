"""What wmagent answers: plans, what-ifs, anomalies and checked explanations, as plain data that serialises."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wmagent.domain.interventions import Intervention
from wmagent.domain.types import Action, Facts, Goal, Value

if TYPE_CHECKING:
    from wmagent.domain.warrant import Warrant

Support = Literal["observed", "interpolated", "extrapolated"]


class _Plain:
    """Gives an answer its JSON form, and its looks in a notebook."""

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready dicts and lists."""
        return plain(self)

    def _repr_html_(self) -> str | None:
        """Return the answer as notebooks show it; the report is loaded only then, for it stands above this part."""
        return importlib.import_module("wmagent.report.notebook").shown(self)


def plain(value: Any) -> Any:
    """Return dataclasses and mappings as dicts, tuples as lists (`asdict` cannot copy read-only mappings)."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Change:
    """One fact that an imagined step changes; None stands for an absent fact."""

    key: str
    before: Value | None
    after: Value | None
    probability: float


@dataclass(frozen=True)
class Case:
    """A recorded transition shown as evidence; `distance` is in the model's latent space (0 = identical)."""

    case: str
    action: str
    distance: float
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Evidence:
    """How much recorded experience stands behind one imagined step."""

    support: Support
    n: int  # recorded transitions with the same action within the support radius
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True)
class PlanStep:
    """One step of a plan: what to do, how likely it is to be needed and allowed, what most likely changes."""

    action: Action
    probability: float  # that the step is reached and applies
    changes: tuple[Change, ...]  # of its most likely outcome
    duration: float  # expected hours
    cost: float
    evidence: Evidence
    surprise: float = 0.0


@dataclass(frozen=True)
class Contingency:
    """What the plan does when a step turns out differently from its main line.

    `changes`: the facts that end up differently, each with its own probability over all outcomes of that step;
    `probability`: of the whole deviation, seen from the plan's beginning.
    """

    after_step: int
    changes: tuple[Change, ...]
    probability: float
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Alternative:
    """A plan that was considered and not chosen, and why."""

    actions: tuple[Action, ...]
    probability: float
    duration: float
    cost: float
    reason: str


@dataclass(frozen=True)
class TreeNode:
    """One imagined state of the search tree, for pictures; `parent` indexes the same tuple, -1 for the root."""

    parent: int
    action: str
    probability: float  # of this outcome given parent and action
    reach: float  # of getting here from the root along the tree
    value: float  # P(goal) from here on
    changes: tuple[Change, ...]
    goal: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class Claim:
    """One checkable statement of an explanation. `before` and `after` are None where the claim has no such part."""

    kind: Literal["step", "change", "probability", "duration", "cost", "evidence"]
    text: str
    step: int | None = None
    key: str | None = None
    before: Value | None = None
    after: Value | None = None
    number: float | None = None


@dataclass(frozen=True)
class Explanation(_Plain):
    """A text whose every claim the imagined trajectory entails; `dropped` counts those that did not pass."""

    text: str
    claims: tuple[Claim, ...]
    dropped: int = 0


@dataclass(frozen=True)
class Plan(_Plain):
    """The chosen plan, how sure it is, on what evidence, and what was rejected.

    `probability` is P(goal within its limits) under the model when the plan is followed with its contingencies;
    `interval` is its 90 % interval. `duration` is in hours.
    """

    goal: Goal
    steps: tuple[PlanStep, ...]
    probability: float
    interval: tuple[float, float]
    duration: float
    cost: float
    support: Support
    contingencies: tuple[Contingency, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    tree: tuple[TreeNode, ...] = ()
    warnings: tuple[str, ...] = ()
    planner: str = ""
    imagined: int = 0  # transitions imagined
    milliseconds: float = 0.0

    @property
    def actions(self) -> tuple[Action, ...]:
        """The main line's actions."""
        return tuple(step.action for step in self.steps)


@dataclass(frozen=True)
class Outlook:
    """When and at what cost the goal is reached.

    `by` are (hours from now, P(goal by then)); `hours` and `cost` are (share, amount within which that share of the
    successes comes), None for an amount beyond what was followed.
    """

    by: tuple[tuple[float, float], ...]
    hours: tuple[tuple[float, float | None], ...]
    cost: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True)
class WhatIf(_Plain):
    """The answer to a what-if: P(until) with the intervention, beside the plan without it.

    `actions` are done as a fixed course; under a policy they are its likeliest way. `n` recorded cases are like the
    first deviating step, which recorded behaviour chooses with `propensity`.
    """

    question: str
    until: Goal
    actions: tuple[Action, ...]  # what is done under the intervention
    probability: float | None  # None where the model refuses a number
    interval: tuple[float, float] | None
    baseline_actions: tuple[Action, ...]
    baseline_probability: float | None
    replanned_actions: tuple[Action, ...] = ()  # the best that can be done under the intervention
    replanned_probability: float | None = None
    duration: float | None = None
    cost: float | None = None
    support: Support = "observed"
    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()
    wording: str = "predicted association"
    imagined: int = 0
    milliseconds: float = 0.0
    interventions: tuple[Intervention, ...] = ()
    outlook: Outlook | None = None
    baseline_outlook: Outlook | None = None
    propensity: float | None = None
    n: int | None = None
    warrant: Warrant | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready dicts and lists."""
        content = plain(dataclasses.replace(self, warrant=None))
        return content | {"warrant": self.warrant.to_dict() if self.warrant else None}


@dataclass(frozen=True)
class Difference:
    """How much more (or less) likely one course reaches the goal than another, with its 90 % interval."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Compared(_Plain):
    """One of several what-ifs; the differences are None where there is no number to compare."""

    name: str
    answer: WhatIf
    to_plan: Difference | None  # from the plan without any change
    to_best: Difference | None  # from the best of the compared ones; None for that one itself

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready dicts and lists."""
        return plain(dataclasses.replace(self, answer=None)) | {"answer": self.answer.to_dict()}  # type: ignore[arg-type]


@dataclass(frozen=True)
class Comparison(_Plain):
    """Several what-ifs about one state, the most promising first, those without a number last."""

    until: Goal
    baseline_actions: tuple[Action, ...]
    baseline_probability: float
    baseline_interval: tuple[float, float]
    ranked: tuple[Compared, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready dicts and lists."""
        return plain(dataclasses.replace(self, ranked=())) | {"ranked": [one.to_dict() for one in self.ranked]}


@dataclass(frozen=True)
class OddFact:
    """A fact of a transition that the model did not expect."""

    key: str
    expected: Value | None
    expected_probability: float
    seen: Value | None
    seen_probability: float


@dataclass(frozen=True)
class Anomaly(_Plain):
    """One transition with its surprise, its p-value against held-out transitions, and the facts that are odd."""

    index: int
    action: Action
    surprise: float  # -log p of what happened, in nats
    p_value: float  # share of held-out transitions at least this surprising
    flagged: bool
    odd: tuple[OddFact, ...]
    before: Facts | None = None
    note: str = ""
