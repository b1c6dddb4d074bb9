"""What people type, as values: facts from a file, inline JSON or stdin. Knows no model."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wmagent.domain.types import Facts
from wmagent.errors import InputError, shortened
from wmagent.worlds.strict_json import parse_json

_HOW = 'give a JSON object such as \'{"status": "draft"}\', a file that holds one, or - for stdin'


def refuse(given: Mapping[str, bool], why: str) -> None:
    """Raise InputError for the first option that was given and makes no sense here."""
    for option, was in given.items():
        if was:
            raise InputError(f"{option} {why}; leave it out")


def assigned(option: str, given: Sequence[str], example: str) -> dict[str, str]:
    """Return the values of KEY=VALUE, given with an option, by key; InputError for another form and a key twice."""
    found: dict[str, str] = {}
    for one in given:
        key, equals, value = (part.strip() for part in one.partition("="))
        if not (key and equals and value):
            raise InputError(f"{option} {shortened(one)}: give KEY=VALUE, such as {example}")
        if key in found:
            raise InputError(f"{option}: {key!r} is given twice")
        found[key] = value
    return found


def read_facts(given: str) -> Facts:
    """Return the facts given as inline JSON, as the path of a JSON file, or as `-` for stdin.

    A transition row (an object with a `state` object) stands for its state. Nested values, null, NaN and
    duplicate keys are refused with InputError.
    """
    text, place = _text_of(given)
    try:
        value = parse_json(text, place)
    except InputError as error:
        raise InputError(f"{error}; {_HOW}") from None
    if isinstance(value, dict) and isinstance(value.get("state"), dict):
        value = value["state"]
    if not isinstance(value, dict):
        raise InputError(f"{place}: a JSON {type(value).__name__} is no set of facts; {_HOW}")
    return _flat(value, place)


def _text_of(given: str) -> tuple[str | bytes, str]:
    """Return the JSON text and the place it came from."""
    if given.strip().startswith(("{", "[")):
        return given, "--state"
    if given == "-":
        if sys.stdin is None:
            raise InputError(f"--state -: stdin is closed; {_HOW}")
        return sys.stdin.buffer.read(), "stdin"
    if not os.path.isfile(given):  # a Path would raise for names that are too long
        raise InputError(f"--state {shortened(given)}: no such file, and no JSON object either; {_HOW}")
    return Path(given).read_bytes(), given


def _flat(value: dict[str, object], place: str) -> Facts:
    for key, item in value.items():
        if isinstance(item, float) and not math.isfinite(item):
            raise InputError(f"{place}: fact {shortened(repr(key))} is not a finite number")
        if not isinstance(item, str | int | float | bool):
            kind = "null; leave the key out for an absent fact" if item is None else "nested; facts are flat"
            raise InputError(f"{place}: fact {shortened(repr(key))} is {kind} (text, number, true or false)")
    return value  # type: ignore[return-value]
