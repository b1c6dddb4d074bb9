"""Words to actions: by label, then by shared words, then by text similarity. Knows actions, no goals and no plans."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from wmagent.domain.types import Action, canonical
from wmagent.errors import InputError, unknown
from wmagent.words.lexicon import STOP
from wmagent.words.phrases import spoken, stems

ACCEPT, MARGIN = 0.6, 0.1  # share of common words from which an action is meant, and its lead over others
UNHEARD = 1.0  # weight of a word that no action has
ALONE, CLEAR = 0.4, 0.1  # text similarity that suffices where too few words are shared, and its lead over others


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
    rare = _rarity(model.actions)
    scored = sorted(((_overlap(heard, action, rare), action) for action in model.actions), key=lambda pair: -pair[0])
    if not scored:
        raise unknown("action", said, [])
    best = scored[0][0]
    whole = [action for action in model.actions if heard and set(heard) <= set(stems(_sentence(action)))]
    if whole:
        top = max(_overlap(heard, action, rare) for action in whole)
        close = [action for action in whole if _overlap(heard, action, rare) >= top - MARGIN]
    elif best >= ACCEPT:
        close = _most_similar(said, [action for score, action in scored if score >= best - MARGIN], model, CLEAR / 2)
    else:
        close = _most_similar(said, model.actions, model, CLEAR, ALONE)
        if not close:
            raise unknown("action", said, names)
    if len({action.name for action in close}) > 1:
        raise InputError(f"{said!r} can mean {', '.join(repr(a.label()) for a in close[:8])}; give one label")
    return tuple(close)


def _most_similar(
    said: str, actions: Sequence[Action], model: Acting, margin: float, least: float = -1.0
) -> list[Action]:
    """Return the actions within `margin` of the most similar text; none where even that is below `least`."""
    if len(actions) == 1 and least < 0:
        return list(actions)
    likeness = model.similarity(said, [_sentence(action) for action in actions])
    lead = max(likeness)
    return [a for a, like in zip(actions, likeness, strict=True) if like >= lead - margin] if lead >= least else []


def _overlap(heard: Sequence[str], action: Action, rare: Mapping[str, float]) -> float:
    """Return the F-measure of common stems, by their rarity, between what was said and an action's words."""
    parts = {part for part in stems(_sentence(action)) if part not in STOP}
    mine, theirs = (sum(rare.get(part, UNHEARD) for part in group) for group in (set(heard), parts))
    common = sum(rare.get(part, UNHEARD) for part in parts & set(heard))
    return 2 * common / (mine + theirs) if common else 0.0


def _rarity(actions: Sequence[Action]) -> dict[str, float]:
    """Return how telling each stem is: common ones ("contract" in a contract world) tell little."""
    names = {action.name for action in actions}
    counts = Counter(part for name in names for part in set(stems(name)))
    counts.update(part for action in actions for part in {*stems(_sentence(action))} - {*stems(action.name)})
    return {part: math.log(1 + len(names) / count) for part, count in counts.items()}


def _sentence(action: Action) -> str:
    return " ".join([spoken(action.name), *(f"{spoken(k)} {canonical(v)}" for k, v in action.arguments.items())])
