"""Proposers: which actions are worth imagining first. Knows no language model and no planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wmagent.agent.protocols import AgentModel
from wmagent.domain.types import Action, Goal, Observation
from wmagent.errors import ProposalError


@dataclass(frozen=True)
class BehaviourProposer:
    """Proposes what recorded behaviour would do in the observed state.

    Planners use the model's behaviour at every imagined state by themselves; this adds the observed state's
    behaviour to all of them, flattened by `strength` (0: no influence, 1: in full) and never below `floor`, so
    that an action which is only needed later is still imagined.
    """

    model: AgentModel
    strength: float = 0.5
    floor: float = 0.01

    def propose(self, observation: Observation, goal: Goal, actions: Sequence[Action]) -> list[float]:
        """Return one weight per action; what the behaviour never does keeps the floor."""
        likely = self.model.behaviour(self.model.observe(observation.facts))[0].tolist()
        return [max(likely[self.model.action_index(action)], self.floor) ** self.strength for action in actions]


def checked_weights(weights: Sequence[float], actions: Sequence[Action]) -> list[float]:
    """Return a proposer's answer as floats; ProposalError says what is wrong with it."""
    numbers = [float(weight) for weight in weights]
    if len(numbers) != len(actions):
        raise ProposalError(f"the proposer gave {len(numbers)} weights for {len(actions)} actions; give one per action")
    for number, action in zip(numbers, actions, strict=True):
        if not 0.0 <= number < float("inf"):
            raise ProposalError(f"the proposer gave {number} to {action.label()!r}; weights are finite and >= 0")
    if not any(numbers):
        raise ProposalError("the proposer gave every action weight 0; at least one must be worth imagining")
    return numbers
