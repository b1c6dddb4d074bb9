"""Words to actions: by label, then by shared words, then by text similarity. Knows actions, no goals and no plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wmagent.agent.phrases import spoken, stems
from wmagent.agent.readings import CLEAR, STOP
from wmagent.domain.types import Action, canonical
from wmagent.errors import InputError, unknown

ACCEPT, MARGIN = 0.6, 0.1  # share of common words from which an action is meant, and its lead over others
ALONE = 0.55  # text similarity that suffices where too few words are shared


class Acting(Protocol):
    """What is needed of a model to recognise actions."""

    @property
    def actions(self) -> tuple[Action, ...]: ...

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]: ...


def match_action(given: Action | str, model: Acting) -> Action:
    """Return the one action that is meant; InputError when none or several are."""
    found = match_actions(given, model)
    if len(found) > 1:
        raise InputError(
            f"{_said(given)!r} can mean {', '.join(repr(action.label()) for action in found[:8])}; give one label"
        )
    return next(iter(found))


def match_actions(given: Action | str, model: Acting) -> tuple[Action, ...]:
    """Return the actions that are meant: one, or all that share the name that was said."""
    said = _said(given)
    exact = [action for action in model.actions if action.label() == said]
    if exact or isinstance(given, Action):
        if not exact:
            raise unknown("action", said, [action.label() for action in model.actions])
        return tuple(exact)
    same = [a for a in model.actions if spoken(said) in (spoken(a.name), spoken(a.label()))]
    return tuple(same) if same else _alike(said, model)


def _said(given: Action | str) -> str:
    return given if isinstance(given, str) else given.label()


def _alike(said: str, model: Acting) -> tuple[Action, ...]:
    """Return the action whose words are closest; InputError when it is unclear which."""
    heard = [part for part in stems(said) if part not in STOP]
    names = list(dict.fromkeys(action.name for action in model.actions))
    scored = sorted(((_overlap(heard, action), action) for action in model.actions), key=lambda pair: -pair[0])
    if not scored:
        raise unknown("action", said, [])
    best = scored[0][0]
    close = [action for score, action in scored if score >= best - MARGIN]
    if best < ACCEPT:
        sentences = [_sentence(action) for action in model.actions]
        likeness = sorted(zip(model.similarity(said, sentences), model.actions, strict=True), key=lambda p: -p[0])
        if likeness[0][0] < ALONE:
            raise unknown("action", said, names)
        close = [action for score, action in likeness if score >= likeness[0][0] - CLEAR]
    elif len(close) > 1 and not all(_contains(action, heard) for action in close):
        likeness = model.similarity(said, [_sentence(action) for action in close])
        lead = max(likeness)
        close = [action for action, score in zip(close, likeness, strict=True) if score >= lead - CLEAR / 2]
    if len({action.name for action in close}) > 1:
        raise InputError(f"{said!r} can mean {', '.join(repr(a.label()) for a in close[:8])}; give one label")
    return tuple(close)


def _contains(action: Action, heard: Sequence[str]) -> bool:
    return set(heard) <= set(stems(_sentence(action)))


def _overlap(heard: Sequence[str], action: Action) -> float:
    """Return the F-measure of common stems between what was said and an action's name and arguments."""
    parts = {part for part in stems(_sentence(action)) if part not in STOP}
    common = len(parts & set(heard))
    return 2 * common / (len(parts) + len(set(heard))) if common else 0.0


def _sentence(action: Action) -> str:
    return " ".join([spoken(action.name), *(f"{spoken(k)} {canonical(v)}" for k, v in action.arguments.items())])
