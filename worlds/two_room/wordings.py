"""The words people use for Two-Room's areas: those learned from, those held out, and fresh ones; and what is no goal.
Knows words only, from the YAML files beside it. No fresh phrase is among those learned or held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class Wording:
    """Ways to say a part of an area, and `shapes` of sentences around the whole of it.

    Keys of `rooms` are left, right, same and other; of `rows` top, middle and bottom; of `sides` outer and wall.
    `joined` says a row of a room. `no_goal` are sentences that ask for no place there is.
    """

    rooms: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, tuple[str, ...]]
    sides: Mapping[str, tuple[str, ...]]
    door: tuple[str, ...]
    joined: tuple[str, ...]
    shapes: tuple[str, ...]
    no_goal: tuple[str, ...]


def _read(name: str) -> Wording:
    text = files("wmagent.worlds.two_room").joinpath(f"{name}.yaml").read_text("utf-8")
    found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return Wording(**{part: _tuples(ways) for part, ways in found.items()})


def _tuples(ways: Any) -> Any:
    return tuple(ways) if isinstance(ways, list) else {key: tuple(said) for key, said in ways.items()}


LEARNED, HELD, FRESH = (_read(name) for name in ("learned", "held", "fresh"))
