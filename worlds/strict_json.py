"""JSON as this project takes it: UTF-8, no duplicate keys, no NaN, no endless numbers or nesting; clear errors.

Knows text only; knows nothing of rows or worlds.
"""

from __future__ import annotations

import json
from typing import Any

from wmagent.errors import InputError


def parse_json(given: str | bytes, place: str) -> Any:
    """Return the parsed value; InputError that begins with `place` for everything that is not sound JSON."""
    try:
        text = given if isinstance(given, str) else given.decode("utf-8")
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise InputError(f"{place}, {at}: not readable as JSON: {error.msg}") from None
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except RecursionError:
        raise InputError(f"{place}: nested too deeply") from None
    except ValueError:
        raise InputError(f"{place}: a number has too many digits; write it as text") from None


def _pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(found)
    if len(made) != len(found):
        seen: set[str] = set()
        for key, _ in found:
            if key in seen:
                raise InputError(f"the key {ascii(key)[:80]} is given twice in one object")
            seen.add(key)
    return made


def _constant(name: str) -> object:
    raise InputError(f"{name} is no usable number; leave the value out where it is not known")
