"""All seams of the latent half in one place: Latent, Prediction, Dynamics, Objective, Planner, Search.

Axis letters, here and everywhere: b batch, n slots, t time, d latent width, k outcomes, h ensemble heads,
m duration bins, a candidate actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition


@dataclass(frozen=True)
class Latent:
    """A batch of imagined or observed states: one slot per fact.

    `z` (b, n, d) are the slot latents; `codes` (b, n) int64 name the value each slot was read as (an index into
    the slot's candidate values), which is what makes two imagined states comparable.
    """

    z: Tensor
    codes: Tensor

    def __len__(self) -> int:
        return self.codes.shape[0]

    def take(self, index: Tensor) -> Latent:
        """Return the rows `index` (int64 or bool)."""
        return Latent(self.z[index], self.codes[index])

    def repeat(self, times: int) -> Latent:
        """Return every row `times` times in a row (b * times rows, row-major)."""
        return Latent(self.z.repeat_interleave(times, 0), self.codes.repeat_interleave(times, 0))

    @staticmethod
    def cat(parts: Sequence[Latent]) -> Latent:
        """Return the parts one below the other."""
        return Latent(torch.cat([p.z for p in parts]), torch.cat([p.codes for p in parts]))

    def keys(self) -> list[bytes]:
        """Return one hashable key per row; equal keys are equal imagined states."""
        return [row.tobytes() for row in self.codes.cpu().numpy()]


@dataclass(frozen=True)
class Prediction:
    """What the world model imagines for b (state, action) pairs.

    `probs` (b, k) is p(k | z, a), summing to 1 over outcomes; `next` has b * k rows, row-major (row i * k + j is
    outcome j of pair i), already read to the nearest known values. `head_probs` (h, b, k) are the ensemble's
    opinions of `probs`. `duration_probs` (b, k, m) is over the model's `duration_values` (m,) hours.
    """

    probs: Tensor
    next: Latent
    head_probs: Tensor
    legal: Tensor  # (b,) probability that the action is accepted in this state
    done: Tensor  # (b, k) probability that the case ends with this outcome
    duration_probs: Tensor
    cost: Tensor  # (b,) expected cost of the action
    surprise: Tensor  # (b,) distance to recorded experience, 0 = seen, > 1 = outside the support radius

    @staticmethod
    def cat(parts: Sequence[Prediction]) -> Prediction:
        """Return the parts' pairs one below the other."""
        return Prediction(
            probs=torch.cat([p.probs for p in parts]),
            next=Latent.cat([p.next for p in parts]),
            head_probs=torch.cat([p.head_probs for p in parts], 1),
            legal=torch.cat([p.legal for p in parts]),
            done=torch.cat([p.done for p in parts]),
            duration_probs=torch.cat([p.duration_probs for p in parts]),
            cost=torch.cat([p.cost for p in parts]),
            surprise=torch.cat([p.surprise for p in parts]),
        )

    @property
    def disagreement(self) -> Tensor:
        """Standard deviation over heads of the outcome probabilities, worst outcome, (b,)."""
        return self.head_probs.std(0, correction=0).amax(-1)


@runtime_checkable
class Dynamics(Protocol):
    """What a planner sees of a world model: candidate actions, one step function, and reading conditions."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """The candidate actions; planners speak of them by index."""
        ...

    @property
    def duration_values(self) -> Tensor:
        """(m,) hours, the support of every duration distribution."""
        ...

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine one step for b states and b action indices (int64)."""
        ...

    def legality(self, latent: Latent) -> Tensor:
        """Return (b, a) probabilities that each candidate action is accepted; cheaper than imagining all."""
        ...

    def behaviour(self, latent: Latent) -> Tensor:
        """Return (b, a) probabilities of what recorded behaviour would do; the planners' default prior."""
        ...

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """Return (b,) bool: all conditions hold in the state as read (no conditions: True)."""
        ...


@dataclass(frozen=True)
class Objective:
    """What is wanted, outside the model: goal conditions, limits, and the prices of steps, hours, money and risk.

    The utility of a future is P(goal within deadline) - cost_weight * cost - hour_weight * hours - step_weight * steps
    - risk_weight * risk - outside_weight * outside, so that certain goals come first and padding never pays. Risk is
    disagreement summed over steps; outside, the steps that no recorded experience supports: they have a price because
    search finds whatever a model wrongly promises where it knows nothing. Without a price for money or hours, those of
    an average first step cost as much as a step, whatever the units.
    """

    conditions: tuple[Condition, ...]
    forbidden: tuple[Condition, ...] = ()
    deadline: float | None = None  # hours
    max_cost: float | None = None
    cost_weight: float | None = None
    hour_weight: float | None = None
    step_weight: float = 2e-4
    risk_weight: float = 0.0
    outside_weight: float = 0.1
    min_legal: float = 0.5  # an action is imagined only where its legality is at least this


@dataclass(frozen=True)
class Candidate:
    """One considered course: the main line's action indices and what it is worth under the model.

    `probability` is P(goal within limits); `head_probabilities` (h,) the same under each ensemble head.
    """

    actions: tuple[int, ...]
    probability: float
    head_probabilities: tuple[float, ...]
    duration: float
    cost: float
    utility: float
    step_probabilities: tuple[float, ...]  # that each step is reached and legal
    outside: float = 0.0  # expected steps, at most 1, that no recorded experience supports (surprise above 1)


@dataclass(frozen=True)
class Branch:
    """A deviation from the main line: after step `after_step`, outcome state `row` of `Search.states` instead."""

    after_step: int
    state: int
    probability: float
    actions: tuple[int, ...]


@dataclass(frozen=True)
class SearchNode:
    """One node of the search tree; `state` is a row of `Search.states`, `parent` a node index or -1."""

    parent: int
    state: int
    action: int  # action index that led here, -1 at the root
    probability: float
    reach: float
    value: float  # P(goal) from here
    visits: int
    goal: bool
    chosen: bool


@dataclass(frozen=True)
class Search:
    """The whole record of one search: the best course first in `candidates`, the tree, counts and timing."""

    candidates: tuple[Candidate, ...]
    states: Latent  # distinct imagined states, row 0 is the start
    nodes: tuple[SearchNode, ...] = ()
    branches: tuple[Branch, ...] = ()
    main_line: tuple[int, ...] = ()  # rows of `states`: start, then the likeliest state after each step
    imagined: int = 0
    milliseconds: float = 0.0
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """How much a search may spend: imagined transitions and, if given, milliseconds."""

    simulations: int = 6_000
    milliseconds: float | None = None


@runtime_checkable
class Planner(Protocol):
    """Searches imagined futures. Frozen settings, no state between calls: same inputs and seed, same Search."""

    name: str

    def plan(
        self,
        model: Dynamics,
        start: Latent,
        objective: Objective,
        prior: Tensor | None = None,
        seed: int = 0,
        budget: Budget | None = None,
    ) -> Search:
        """Plan from `start` (one row). `prior` (a,) are proposer weights multiplied into the behaviour prior."""
        ...
