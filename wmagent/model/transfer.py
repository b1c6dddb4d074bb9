"""A learned model under the names of another workflow: wordings, translations, and the model that speaks them.

Knows vocabularies; must not know how a translation is found, and trains nothing.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from wmagent.domain.types import Action, Transition, Value, canonical
from wmagent.errors import InputError, unknown
from wmagent.model.vocabulary import ABSENT, OTHER, RARE, Vocabulary

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel

T = TypeVar("T")


@dataclass(frozen=True)
class Wording:
    """The words of a workflow: its facts with the values each can take (None: it may be absent), and its actions."""

    facts: Mapping[str, tuple[Value | None, ...]]
    actions: tuple[Action, ...]

    @classmethod
    def of(cls, transitions: Sequence[Transition], declared: Wording | None = None) -> Wording:
        """Return the words used in transitions, after those of `declared`, if there are any."""
        values: dict[str, dict[str | None, Value | None]] = {}
        for key, known in (declared.facts if declared else {}).items():
            values[key] = {_text(value): value for value in known}
        states = [facts for t in transitions for facts in (t.before.facts, t.after.facts)]
        keys = dict.fromkeys([*values, *sorted({key for facts in states for key in facts})])
        for facts in states:
            for key in keys:
                value = facts.get(key)
                values.setdefault(key, {}).setdefault(_text(value), value)
        actions = {a.label(): a for a in (declared.actions if declared else ())}
        for t in transitions:
            actions.setdefault(t.action.label(), t.action)
        return cls({key: tuple(values[key].values()) for key in keys}, tuple(actions.values()))


@dataclass(frozen=True)
class Pair(Generic[T]):
    """A new word, the known one that it stands for, and how alike they are (a cosine)."""

    new: T
    known: T
    score: float


@dataclass(frozen=True)
class Translation:
    """Which known word each new one stands for: facts, per new fact its values, and actions; each known word is taken
    at most once. `unmatched` are new words, in words, that stand for nothing known."""

    facts: tuple[Pair[str], ...]
    values: Mapping[str, tuple[Pair[Value], ...]]
    actions: tuple[Pair[Action], ...]
    unmatched: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """How alike facts and actions are on average: 1 for the same words, .2 to .4 for other kinds of workflow."""
        return sum(_mean([p.score for p in pairs]) for pairs in (self.facts, self.actions)) / 2


def translated(model: WorldModel, translation: Translation) -> WorldModel:
    """Return the same model under the new names: network, text features and memory are shared, only names differ.

    Known words that nothing stands for keep their names, with "(before)" added where a new word took the name; the
    remembered cases get the same mark, for they are another workflow's. Raises InputError where the translation names
    what the model does not know, or one known word twice.
    """
    other = copy.copy(model)
    other.vocabulary = _renamed(model.vocabulary, translation)
    if model.memory is not None:
        other.memory = dataclasses.replace(model.memory, cases=[_before(case) for case in model.memory.cases])
    if model.precedents is not None:
        other.precedents = dataclasses.replace(model.precedents)
    pairs = {"facts": translation.facts, "actions": translation.actions}
    named = {kind: {_name(p.new): _name(p.known) for p in found} for kind, found in pairs.items()}
    other.card = {**model.card, "translated": {**named, "unmatched": list(translation.unmatched)}}
    other.refresh()
    return other


def _renamed(vocabulary: Vocabulary, translation: Translation) -> Vocabulary:
    facts = _names({p.new: p.known for p in translation.facts}, vocabulary.slots, "fact")
    new_key = {known: new for new, known in facts.items()}
    raw: list[list[Value | None]] = []
    for slot, key in enumerate(vocabulary.slots):
        named = {canonical(p.known): p.new for p in translation.values.get(new_key.get(key, ""), ())}
        raw.append(_values(key, vocabulary.values[slot], vocabulary.raw[slot], named))
    by_label = {action.label(): action for action in vocabulary.actions}
    actions = _names({p.new.label(): p.known.label() for p in translation.actions}, by_label, "action")
    new_action = {p.known.label(): p.new for p in translation.actions}
    return Vocabulary(
        slots=tuple(_free(new_key.get(key, key), key not in new_key, facts) for key in vocabulary.slots),
        values=[[t if t in _SPECIAL else canonical(v) for t, v in zip(texts, values, strict=True)]  # type: ignore[arg-type]
                for texts, values in zip(vocabulary.values, raw, strict=True)],
        raw=raw,
        trained=list(vocabulary.trained),
        active=vocabulary.active,
        dynamic=vocabulary.dynamic,
        actions=tuple(new_action.get(label) or _kept(action, actions) for label, action in by_label.items()),
    )  # fmt: skip


_MARK = " (before)"  # of words and cases of the workflow the model was learned from
_SPECIAL = (ABSENT, RARE, OTHER)


def _values(
    key: str, texts: Sequence[str], raw: Sequence[Value | None], named: Mapping[str, Value]
) -> list[Value | None]:
    """Return the values of a slot under their new names; `named` are the new ones by the known ones' texts."""
    taken = {canonical(value) for value in named.values()}
    if len(taken) < len(named):
        raise InputError(f"the translation gives two values of {key!r} the same name; each needs its own")
    for text in named:
        if text not in texts or text in _SPECIAL:
            raise unknown(f"value of {key!r}", text, [t for t in texts if t not in _SPECIAL])
    found: list[Value | None] = []
    for text, value in zip(texts, raw, strict=True):
        kept = value is None or text in _SPECIAL or text not in taken
        found.append(named.get(text, value if kept else _before(text)))
    return found


def _names(given: Mapping[str, str], known: Iterable[str], kind: str) -> dict[str, str]:
    """Return the pairs new -> known, after checking that the known names exist and are taken once."""
    names = set(known)
    for name in given.values():
        if name not in names:
            raise unknown(kind, name, names)
    if len(set(given.values())) < len(given):
        twice = next(name for name in given.values() if list(given.values()).count(name) > 1)
        raise InputError(f"the translation gives the known {kind} {twice!r} two new names; each takes one")
    return dict(given)


def _free(name: str, kept: bool, taken: Mapping[str, str]) -> str:
    return _before(name) if kept and name in taken else name


def _kept(action: Action, taken: Mapping[str, str]) -> Action:
    return Action(_before(action.name), action.arguments, action.actor) if action.label() in taken else action


def _before(name: str) -> str:
    return name if name.endswith(_MARK) else name + _MARK


def _name(word: str | Action) -> str:
    return word.label() if isinstance(word, Action) else word


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / max(1, len(scores))


def _text(value: Value | None) -> str | None:
    return None if value is None else canonical(value)
