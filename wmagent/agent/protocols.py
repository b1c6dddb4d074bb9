"""The seams of the agent in one place: the model it asks, proposers, explainers, environments.

Knows the shapes of the parts; must not know any concrete world model, language model or world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from wmagent.domain.answers import Evidence, Explanation, OddFact, Plan, WhatIf
from wmagent.domain.types import Action, Facts, Goal, Observation, Transition, Value
from wmagent.domain.world import Step
from wmagent.latent.protocols import Dynamics, Latent

if TYPE_CHECKING:
    from wmagent.agent.goals import Understanding


class Scored(Protocol):
    """How surprising one recorded transition is to the model."""

    @property
    def nll(self) -> float: ...  # nats

    @property
    def p_value(self) -> float: ...

    @property
    def odd(self) -> tuple[OddFact, ...]: ...

    @property
    def unknown(self) -> tuple[str, ...]: ...  # facts and actions outside the model, in words


@runtime_checkable
class AgentModel(Dynamics, Protocol):
    """What the agent asks of a world model: imagination plus the way between facts and latents."""

    @property
    def slots(self) -> tuple[str, ...]:
        """All fact keys the model knows."""
        ...

    def values(self, key: str) -> tuple[Value | None, ...]:
        """Return the known values of a fact; None stands for absent."""
        ...

    def observe(self, facts: Facts | Sequence[Facts]) -> Latent:
        """Encode fact dicts; unknown keys or values raise OutOfDomain naming them."""
        ...

    def read(self, latent: Latent) -> list[dict[str, Value]]:
        """Return the facts of every row."""
        ...

    def action_index(self, action: Action | str) -> int:
        """Return the index of an action; InputError with the closest names when it is unknown."""
        ...

    def evidence(self, facts: Facts, action: Action, k: int = 3) -> Evidence:
        """Return the recorded experience behind one step."""
        ...

    def evidences(self, facts: Sequence[Facts], actions: Sequence[Action], k: int = 3) -> Sequence[Evidence]:
        """Return the recorded experience behind several steps; cheaper than one by one."""
        ...

    def meanings(self, phrase: str, facts: Sequence[tuple[str, Value]]) -> list[float] | None: ...

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]:
        """Return the cosine of the text with every candidate, in the model's text backend."""
        ...

    def fact_sentences(self) -> Mapping[tuple[str, Value], str]:
        """Return how each known fact is worded."""
        ...

    def entered(self) -> Mapping[tuple[str, Value], Mapping[str, int]]:
        """Return for every fact that a recorded step made true how often each action's name did."""
        ...

    def score(self, transitions: Sequence[Transition]) -> Sequence[Scored]:
        """Return how surprising each recorded transition is."""
        ...


@runtime_checkable
class Proposer(Protocol):
    """Says which actions are worth imagining. A language model can stand here: it ranks the actions it is given."""

    def propose(self, observation: Observation, goal: Goal, actions: Sequence[Action]) -> Sequence[float]:
        """Return one weight >= 0 per action (ProposalError when no usable answer could be had)."""
        ...


class GoalReader(Protocol):
    """Reads goals in words, by rules or with a language model whose answer is checked against the model's facts."""

    def understand(self, words: str, world: AgentModel) -> Understanding:
        """Return the goal and how it was read; InputError for what cannot be read."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """Puts an answer into words, every claim of which the imagined trajectory entails."""

    def explain(self, answer: Plan | WhatIf) -> Explanation: ...


@runtime_checkable
class Environment(Protocol):
    """Where actions really happen. `execute` has side effects; the agent calls it once per decided action."""

    def execute(self, action: Action, facts: Facts) -> Step[Any] | Observation:
        """Do the action; `facts` are those it was decided on. A Step's `state` is the facts (or Observation) after it.

        A refused action returns a Step with `error`; an Observation alone means that the action was accepted.
        """
        ...


@runtime_checkable
class IdempotentEnvironment(Protocol):
    """An environment that remembers keys: repeating a key returns the first result without acting again."""

    def execute_once(self, key: str, action: Action, facts: Facts) -> Step[Any] | Observation: ...
