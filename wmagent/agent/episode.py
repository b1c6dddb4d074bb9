"""What an act-observe-replan run amounts to, and the live parts one run of the graph works with. Knows no graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from wmagent.agent.ledger import Ledger
from wmagent.agent.protocols import Environment, IdempotentEnvironment
from wmagent.domain.answers import Explanation, Plan, _Plain
from wmagent.domain.types import Action, Facts, Goal
from wmagent.latent.protocols import Budget

Status = Literal["running", "waiting", "reached", "declined", "hopeless", "ended", "exhausted", "outside", "planned"]
Approve = Callable[[Plan, Explanation], bool]


class AgentState(TypedDict):
    """The graph's state: plain JSON, nothing else (it is what a checkpoint holds)."""

    goal: dict[str, Any]
    facts: dict[str, Any]
    elapsed: float  # hours since the run began
    spent: float
    seed: int
    acting: bool
    ask: bool  # a person is asked before anything new is done
    each: bool  # … and before every step
    max_steps: int
    weights: list[float] | None
    plan: dict[str, Any] | None
    explanation: dict[str, Any] | None
    approved: list[str]  # labels of the actions a person has agreed to
    refused: list[str]  # labels the environment refused in the present facts
    journal: list[dict[str, Any]]
    status: str
    note: str


@dataclass
class Run:
    """The live parts of one run, which never enter a checkpoint; `plan` and `explanation` are its last answers."""

    thread: str = ""
    environment: Environment | IdempotentEnvironment | None = None
    approve: Approve | Literal["ask", "each"] | None = None
    allowed: frozenset[int] | None = None
    budget: Budget | None = None
    ledger: Ledger = field(default_factory=Ledger)
    readings: tuple[str, ...] = ()  # how facts were read that were said in other words
    plan: Plan | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True)
class Deed:
    """One action that was really done: what it led to and what it took; `error` when it was refused."""

    action: Action
    facts: Facts  # afterwards
    duration: float
    cost: float
    error: str | None = None
    done: bool = False  # the environment closed the case


@dataclass(frozen=True)
class Episode(_Plain):
    """An act-observe-replan run: how it stands, what was done, and the plan it last followed.

    `status`: reached, waiting (for a person: see `question`, answer with `Agent.resume`), declined, hopeless
    (no imagined way is left), ended (the environment closed the case), exhausted (max_steps), outside (the
    observed facts are outside what the model knows).
    """

    goal: Goal
    status: Status
    facts: Facts
    deeds: tuple[Deed, ...]
    duration: float
    cost: float
    thread: str
    plan: Plan | None = None
    explanation: Explanation | None = None
    question: dict[str, Any] | None = None
    note: str = ""
