"""Which step of a world a tool call is: the same name and arguments, else by its words; none for other business.
Knows actions and plain arguments; must not know any framework. Texts in arguments are compared, never interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wmagent.agent.matching import match_action
from wmagent.domain.types import Action, Value, same_value
from wmagent.errors import InputError
from wmagent.words.lexicon import STOP
from wmagent.words.phrases import spoken, stems

if TYPE_CHECKING:
    from wmagent.agent.protocols import AgentModel

LONGEST = 200  # characters of a tool's name that are read


def action_of_call(name: str, arguments: Mapping[str, Any], model: AgentModel) -> Action | None:
    """Return the action that a tool call stands for, None where the world knows no such action.

    Names match as they are spoken ("approve_contract" is "approve contract"); arguments that no action of that name
    has, such as a comment, are left aside. A known name with other values is returned as such: it is the world's
    business, but no record knows it. Other names are read by their words only, never by what their arguments say.
    """
    named = [action for action in model.actions if spoken(action.name) == spoken(name[:LONGEST])]
    if not named:
        return _by_words(name[:LONGEST], model)
    plain: dict[str, Value] = {
        spoken(key[:LONGEST]): value for key, value in arguments.items() if isinstance(value, (str, int, float, bool))
    }
    fitting = [action for action in named if _fits(action, plain)]
    if fitting:
        return max(fitting, key=lambda action: len(action.arguments))
    keys = {spoken(key): key for action in named for key in action.arguments}
    return Action(named[0].name, {keys[key]: value for key, value in plain.items() if key in keys})


def _fits(action: Action, given: Mapping[str, Value]) -> bool:
    return all(
        spoken(key) in given and same_value(given[spoken(key)], value) for key, value in action.arguments.items()
    )


def _by_words(name: str, model: AgentModel) -> Action | None:
    """Return the action that a name's words mean. A name all of whose words belong to several actions is the world's
    business, too, but no known step."""
    try:
        return match_action(spoken(name), model)
    except InputError:
        heard = set(stems(name)) - STOP
        near = any(heard <= set(stems(action.label())) for action in model.actions)
        return Action(spoken(name)) if heard and near else None
