"""Where in a workflow file something stands: places such as `actions.ship.guard`, and the line of each.

Knows the node tree of YAML and JSON text; knows nothing of what the parts mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from wmagent.errors import InputError


class PlacedError(InputError):
    """Something is wrong at one place of a definition; the message begins with the place."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


@contextmanager
def at(place: str) -> Iterator[None]:
    """Put the place in the file before the message of any InputError inside."""
    try:
        yield
    except PlacedError:
        raise
    except InputError as error:
        raise PlacedError(place, str(error)) from None


def spelled(parts: tuple[str | int, ...]) -> str:
    """Return a place as errors name it: `actions.ship.effects[0]`."""
    place = ""
    for part in parts:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def line_of(text: str, place: str) -> int | None:
    """Return the line, from 1, of a place in YAML or JSON text, or of the nearest part around it that is there."""
    root = _tree(text)
    if root is None:
        return None
    lines = dict(_lines(root, ()))
    around = [known for known in lines if place.startswith(known) and place[len(known) :][:1] in ("", ".", "[")]
    return lines[max(around, key=len)] if around else root.start_mark.line + 1


def line_of_odd(text: str) -> int | None:
    """Return the line of the first key given twice, or number that is none (NaN), in JSON text."""
    root = _tree(text)
    return None if root is None else next(_odd(root), None)


def _tree(text: str) -> yaml.Node | None:
    """Return the node tree; JSON is read as the YAML it nearly is. None for what cannot be read so."""
    try:
        return yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None


def _lines(node: yaml.Node, way: tuple[str | int, ...]) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*way, str(key.value))
            yield spelled(here), key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            here = (*way, number)
            yield spelled(here), value.start_mark.line + 1
            yield from _lines(value, here)


def _odd(node: yaml.Node) -> Iterator[int]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1
            seen.add(key.value)
            yield from _odd(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _odd(value)
    elif isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("NaN", "Infinity", "-Infinity"):
        yield node.start_mark.line + 1
