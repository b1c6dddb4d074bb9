"""What callers hand to the agent, checked: states, planners, insertions, checkpoints. Knows no imagination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wmagent.agent.episode import AgentState, Deed
from wmagent.agent.matching import match_action
from wmagent.agent.plain import from_plain
from wmagent.agent.protocols import AgentModel
from wmagent.domain.answers import Plan
from wmagent.domain.types import Action, Facts, Goal, Observation
from wmagent.errors import CheckpointError, InputError, shortened
from wmagent.latent.protocols import Planner

_STATE = {
    "goal": dict,
    "facts": dict,
    "elapsed": int | float,
    "spent": int | float,
    "seed": int,
    "max_steps": int,
    "plan": dict | None,
    "explanation": dict | None,
    "approved": list,
    "refused": list,
    "journal": list,
    "status": str,
}  # what a run's state holds at least, and its kinds


def planner_of(given: str | Planner) -> Planner:
    """Return a planner given as such or by its registered name."""
    if isinstance(given, str):
        from wmagent.planning import planner

        return planner(given)
    return given


def facts_of(state: Facts | Observation) -> Facts:
    """Return the facts of a state; InputError for anything that is no plain fact."""
    facts = state.facts if isinstance(state, Observation) else state
    if not isinstance(facts, Mapping):
        raise InputError(f"a state is a mapping of facts or an Observation, not {type(state).__name__}")
    for key, value in facts.items():
        if not isinstance(key, str):
            raise InputError(f"the fact key {shortened(repr(key))} is no text")
        if not isinstance(value, (str, int, float, bool)):
            raise InputError(
                f"fact {key!r} is {shortened(repr(value))}; facts are text, numbers or true/false, absent ones left out"
            )
    return facts


def insertion_of(insert: Action | str | tuple[int, Action | str], model: AgentModel) -> tuple[int | None, Action]:
    """Return where to insert which action; None leaves the place open."""
    if isinstance(insert, tuple):
        return insert[0], match_action(insert[1], model)
    return None, match_action(insert, model)


def sound_state(values: Mapping[str, Any]) -> AgentState:
    """Return a checkpoint's state after checking that it is one of ours."""
    missing = [key for key in _STATE if key not in values]
    if missing:
        raise CheckpointError(f"the checkpoint's state lacks {', '.join(missing)}; it was not written by this agent")
    wrong = [key for key, kind in _STATE.items() if not isinstance(values[key], kind)]
    wrong += sorted(set(values) - set(AgentState.__annotations__))
    if wrong:
        raise CheckpointError(f"the checkpoint's state has a strange {', '.join(wrong)}; it may be forged")
    from_plain(Goal, values["goal"])
    for deed in values["journal"]:  # before anything is done, not when the run is told
        from_plain(Deed, deed)
    if values["plan"] is not None:
        from_plain(Plan, values["plan"])
    try:
        facts_of(values["facts"])
    except InputError as error:
        raise CheckpointError(f"the checkpoint's facts are none: {error}") from None
    return AgentState(**values)  # type: ignore[typeddict-item]
