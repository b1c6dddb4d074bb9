"""Plans and goals from their JSON form back to values, checked field by field. Knows the answers' shapes only."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from wmagent.domain import answers, interventions, warrant
from wmagent.domain import types as domain_types
from wmagent.errors import CheckpointError

T = TypeVar("T")
_NAMES = {**vars(domain_types), **vars(answers), **vars(interventions), "Warrant": warrant.Warrant, "Any": Any}


def from_plain(kind: type[T], data: Any, place: str = "") -> T:
    """Return a dataclass of the domain from its JSON form (the inverse of `to_dict`).

    Missing fields take their defaults; unknown fields, wrong types and missing required fields raise
    CheckpointError naming the place, since such data comes from files.
    """
    place = place or kind.__name__
    if not isinstance(data, Mapping):
        raise CheckpointError(f"{place} should be an object, not {type(data).__name__}")
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    strange = sorted(set(data) - set(fields))
    if strange:
        raise CheckpointError(f"{place} has unknown fields: {', '.join(map(str, strange))}")
    missing = [name for name, field in fields.items() if name not in data and _required(field)]
    if missing:
        raise CheckpointError(f"{place} lacks {', '.join(missing)}")
    return kind(**{name: _value(hints[name], value, f"{place}.{name}") for name, value in data.items()})


def to_plain(value: Any) -> Any:
    """Return dataclasses and mappings as dicts, tuples as lists: JSON-ready."""
    return answers.plain(value)


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, globalns=_NAMES)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(hint: Any, value: Any, place: str) -> Any:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_plain(hint, value, place)
    if origin is tuple:
        return _tuple(inside, value, place)
    if origin in (typing.Union, types.UnionType):
        return _one_of(inside, value, place)
    if origin is typing.Literal:
        if value not in inside:
            raise CheckpointError(f"{place} is {value!r}, not one of {', '.join(map(repr, inside))}")
        return value
    if origin is not None:  # Mapping[str, Value]
        if not isinstance(value, Mapping):
            raise CheckpointError(f"{place} should be an object, not {type(value).__name__}")
        return {_value(inside[0], k, place): _value(inside[1], v, f"{place}.{k}") for k, v in value.items()}
    return _scalar(hint, value, place)


def _scalar(kind: type, value: Any, place: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, float)):
        raise CheckpointError(f"{place} is {value!r}, which is no {kind.__name__}")
    return value


def _tuple(inside: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise CheckpointError(f"{place} should be a list, not {type(value).__name__}")
    if len(inside) == 2 and inside[1] is Ellipsis:
        return tuple(_value(inside[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if len(value) != len(inside):
        raise CheckpointError(f"{place} has {len(value)} items, not {len(inside)}")
    return tuple(_value(hint, item, f"{place}[{i}]") for i, (hint, item) in enumerate(zip(inside, value, strict=True)))


def _one_of(inside: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and type(None) in inside:
        return None
    kinds = [kind for kind in inside if kind is not type(None)]
    exact = [kind for kind in kinds if isinstance(kind, type) and type(value) is kind]
    for kind in exact or kinds:
        try:
            return _value(kind, value, place)
        except CheckpointError:
            continue
    raise CheckpointError(f"{place} is {value!r}, which fits none of {', '.join(map(str, kinds))}")
