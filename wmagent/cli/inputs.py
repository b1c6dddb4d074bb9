"""What people type, as values: facts from a file, inline JSON or stdin. Knows no model."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from wmagent.domain.types import Facts
from wmagent.errors import InputError

_HOW = 'give a JSON object such as \'{"status": "draft"}\', a file that holds one, or - for stdin'


def read_facts(given: str) -> Facts:
    """Return the facts given as inline JSON, as the path of a JSON file, or as `-` for stdin.

    A transition row (an object with a `state` object) stands for its state. Nested values, null, NaN and
    duplicate keys are refused with InputError.
    """
    text, place = _text_of(given)
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{place}: not JSON at {where} ({error.msg}); {_HOW}") from None
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except RecursionError:
        raise InputError(f"{place}: nested too deeply; {_HOW}") from None
    if isinstance(value, dict) and isinstance(value.get("state"), dict):
        value = value["state"]
    if not isinstance(value, dict):
        raise InputError(f"{place}: a JSON {type(value).__name__} is no set of facts; {_HOW}")
    return _flat(value, place)


def _text_of(given: str) -> tuple[str, str]:
    """Return the JSON text and the place it came from."""
    if given.strip().startswith(("{", "[")):
        return given, "--state"
    if given == "-":
        return sys.stdin.read(), "stdin"
    path = Path(given)
    if not path.is_file():
        raise InputError(f"--state {given}: no such file, and no JSON object either; {_HOW}")
    try:
        return path.read_text("utf-8"), str(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None


def _flat(value: dict[str, object], place: str) -> Facts:
    for key, item in value.items():
        if isinstance(item, float) and not math.isfinite(item):
            raise InputError(f"{place}: fact {key!r} is not a finite number")
        if not isinstance(item, str | int | float | bool):
            kind = "null; leave the key out for an absent fact" if item is None else "nested; facts are flat"
            raise InputError(f"{place}: fact {key!r} is {kind} (text, number, true or false)")
    return value  # type: ignore[return-value]


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    seen: dict[str, object] = {}
    for key, item in pairs:
        if key in seen:
            raise InputError(f"key {key!r} is given twice")
        seen[key] = item
    return seen


def _no_constant(name: str) -> object:
    raise InputError(f"{name} is not a number that JSON knows")
