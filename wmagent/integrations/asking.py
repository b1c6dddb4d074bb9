"""One call of a toolbox's tool as plain data, whatever goes wrong with it. Knows the toolbox; no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from wmagent.service.tools import Toolbox


def ask(box: Toolbox, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool's answer as plain JSON; WmagentError says what was wrong with the question."""
    return box.call(name, {key: _plain(value) for key, value in arguments.items()}).model_dump(mode="json")


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value
