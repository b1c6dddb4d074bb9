"""One recorded row and one Transition: the only place that knows the row format, both ways.

Knows plain values and their limits; knows no files and no tables.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from typing import Any

from wmagent.domain.types import Action, Facts, Observation, Transition, Value
from wmagent.errors import InputError

MAX_TEXT = 10_000  # characters of one value
MAX_KEY = 500  # characters of one key
MAX_FACTS = 5_000  # facts of one state
MAX_DEPTH = 5  # levels of nested facts, flattened with dots
_REQUIRED = ("state", "action", "next_state")
_OPTIONAL = ("case", "error", "duration", "cost", "events", "done")
_MAX_NUMBER = 2**63


def transition_from(row: object, place: str) -> Transition:
    """Return the transition of a row; `place` (such as `log.jsonl, line 7`) begins every InputError.

    Facts that are None are absent. Nested facts are flattened with dots. Columns such as `state.amount` stand for a
    `state` object. Columns that are not part of the format are left out.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"{place}: a row is an object with state, action and next_state, not {_kind(row)}")
    fields = _gather(row, place)
    before = _facts(fields["state"], f"{place}: state")
    after = _facts(fields["next_state"], f"{place}: next_state")
    return Transition(
        before=Observation(before),
        action=_action(fields["action"], place),
        after=Observation(after),
        duration=_number(fields.get("duration"), f"{place}: duration", least=0.0),
        cost=_number(fields.get("cost"), f"{place}: cost"),
        events=_events(fields.get("events"), place),
        done=_done(fields.get("done"), place),
        error=_text(fields.get("error"), f"{place}: error") or None,
        case=_case(fields.get("case"), place),
    )


def checked(transition: Transition, place: str) -> Transition:
    """Return a transition that somebody made by hand, after checking its facts, duration and cost like a row's."""
    for name, facts in (("before", transition.before.facts), ("after", transition.after.facts)):
        if any(isinstance(value, Mapping) for value in facts.values()):
            raise InputError(f"{place}: {name}: facts are flat; a nested object is none")
        _facts(facts, f"{place}: {name}")
    _number(transition.duration, f"{place}: duration", least=0.0)
    _number(transition.cost, f"{place}: cost")
    return transition


def json_text(value: object, place: str) -> str:
    """Return a row or a part of it as one line of JSON; InputError where it holds what JSON or UTF-8 cannot."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{place} cannot be written: {error}") from None
    return text


def row_of(transition: Transition) -> dict[str, Any]:
    """Return the JSON-ready row of a transition; what `transition_from` reads back as an equal transition."""
    action: dict[str, Any] = {"name": transition.action.name, "arguments": dict(transition.action.arguments)}
    if transition.action.actor:
        action["actor"] = transition.action.actor
    return {
        "case": transition.case,
        "state": dict(transition.before.facts),
        "action": action,
        "next_state": dict(transition.after.facts),
        "error": transition.error,
        "duration": transition.duration,
        "cost": transition.cost,
        "events": list(transition.events),
        "done": transition.done,
    }


def _gather(row: Mapping[Any, Any], place: str) -> dict[str, Any]:
    """Return the fields of the format, dotted columns gathered into objects."""
    fields = {key: row[key] for key in (*_REQUIRED, *_OPTIONAL) if key in row}
    for key in _REQUIRED:
        if key in fields:
            continue
        dotted = {str(k)[len(key) + 1 :]: v for k, v in row.items() if str(k).startswith(f"{key}.")}
        if key == "action" and any(k.startswith("arguments.") for k in dotted):
            arguments = {k[10:]: v for k, v in dotted.items() if k.startswith("arguments.") and v is not None}
            dotted = {k: v for k, v in dotted.items() if not k.startswith("arguments.")} | {"arguments": arguments}
        if dotted:
            fields[key] = dotted
    missing = [key for key in _REQUIRED if key not in fields]
    if missing:
        found = ", ".join(_short(key) for key in list(row)[:20]) or "none"
        raise InputError(f"{place}: missing {', '.join(missing)}; found: {found}. A row needs {', '.join(_REQUIRED)}")
    for key in row:
        if key in fields or not isinstance(key, str) or len(key) > MAX_KEY:
            continue
        near = difflib.get_close_matches(key, [k for k in _OPTIONAL if k not in fields], n=1, cutoff=0.85)
        if near:
            raise InputError(f"{place}: unknown column {key!r}; did you mean {near[0]!r}?")
    return fields


def _facts(given: object, place: str) -> Facts:
    if not isinstance(given, Mapping):
        raise InputError(f"{place} must be an object of facts, not {_kind(given)}")
    facts: dict[str, Value] = {}
    _flatten(given, "", 1, facts, place)
    return facts


def _flatten(given: Mapping[Any, Any], prefix: str, depth: int, facts: dict[str, Value], place: str) -> None:
    for key, value in given.items():
        if type(key) is not str or not key or len(key) > MAX_KEY:
            raise InputError(f"{place}: {_short(key)} is no usable key; a key is text of 1 to {MAX_KEY} characters")
        name = prefix + key if prefix else key
        if type(value) is str and len(value) <= MAX_TEXT and value.isascii():  # nearly all values take this way
            pass
        elif value is None:
            continue
        elif isinstance(value, Mapping):
            if depth >= MAX_DEPTH:
                raise InputError(f"{place}.{_short(name)}: facts nest at most {MAX_DEPTH} levels deep")
            _flatten(value, name + ".", depth + 1, facts, place)
            continue
        else:
            value = _value(value, f"{place}.{_short(name)}")
        if name in facts:
            raise InputError(f"{place}: {_short(name)} is given twice (once nested, once with a dot)")
        facts[name] = value
    if len(facts) > MAX_FACTS:
        raise InputError(f"{place}: more than {MAX_FACTS} facts in one state")
    if depth == 1:
        for name in facts:
            if not name.isascii():
                _readable(name, place)


def _value(value: object, place: str) -> Value:
    """Return one fact value, checked."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise InputError(f"{place} has {len(value):,} characters; at most {MAX_TEXT:,} are taken, shorten it")
        return _readable(value, place)
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{place} is {value}; leave the fact out where it is not known")
        if isinstance(value, int) and abs(value) >= _MAX_NUMBER:
            raise InputError(f"{place} is too large a number; write it as text")
        return value
    raise InputError(f"{place} must be text, a number or true/false, not {_kind(value)}")


def _readable(text: str, place: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{place} holds half a character (a lone surrogate) at {error.start}; fix its encoding"
        ) from None
    return text


def _action(given: object, place: str) -> Action:
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        raise InputError(f"{place}: action must be an object with a name, or a name, not {_kind(given)}")
    name = _text(given.get("name"), f"{place}: action.name")
    if not name.strip():
        raise InputError(f"{place}: action.name is missing or empty; found: {', '.join(map(_short, given)) or 'none'}")
    actor = _text(given.get("actor"), f"{place}: action.actor")
    arguments = given.get("arguments")
    if arguments is None:
        return Action(name, actor=actor)
    if not isinstance(arguments, Mapping):
        raise InputError(f"{place}: action.arguments must be an object, not {_kind(arguments)}")
    return Action(name, _facts(arguments, f"{place}: action.arguments"), actor)


def _number(given: object, place: str, least: float = -math.inf) -> float:
    if given is None:
        return 0.0
    if type(given).__module__ == "numpy" and hasattr(given, "item"):
        given = given.item()  # type: ignore[attr-defined]
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise InputError(f"{place} must be a number, not {_kind(given)}")
    if not abs(given) < _MAX_NUMBER:  # also NaN
        raise InputError(f"{place} is {_short(given)}; give a finite number below {_MAX_NUMBER:.0e} or leave it out")
    if given < least:
        raise InputError(f"{place} is {given}; it cannot be below {least:g}")
    return float(given)


def _events(given: object, place: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if type(given).__module__ == "numpy" and hasattr(given, "tolist"):
        given = given.tolist()  # type: ignore[attr-defined]
    if not isinstance(given, (list, tuple)):
        raise InputError(f"{place}: events must be a list of texts, not {_kind(given)}")
    return tuple(_text(event, f"{place}: events[{index}]") for index, event in enumerate(given))


def _done(given: object, place: str) -> bool:
    if type(given).__module__ == "numpy" and hasattr(given, "item"):
        given = given.item()  # type: ignore[union-attr]
    if given is None:
        return False
    if not isinstance(given, bool):
        raise InputError(f"{place}: done must be true or false, not {_kind(given)}")
    return given


def _case(given: object, place: str) -> str:
    if type(given).__module__ == "numpy" and hasattr(given, "item"):
        given = given.item()  # type: ignore[union-attr]
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < _MAX_NUMBER:
        return str(given)
    return _text(given, f"{place}: case")


def _text(given: object, place: str) -> str:
    """Return a text, "" for None."""
    if given is None:
        return ""
    if not isinstance(given, str):
        raise InputError(f"{place} must be text, not {_kind(given)}")
    if len(given) > MAX_TEXT:
        raise InputError(f"{place} has {len(given):,} characters; at most {MAX_TEXT:,} are taken, shorten it")
    return _readable(given, place)


def _kind(value: object) -> str:
    """Return what a value is, in the words of JSON, with a glimpse of it."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true/false", type(None): "null"}
    name = names.get(type(value)) or ("a number" if isinstance(value, (int, float)) else type(value).__name__)
    if value is None or isinstance(value, (dict, list)):
        return name
    return f"{name} ({_short(value)})"


def _short(value: object) -> str:
    text = ascii(value) if isinstance(value, str) else type(value).__name__
    if isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < _MAX_NUMBER):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
