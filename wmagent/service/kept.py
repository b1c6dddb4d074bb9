"""The whole of earlier answers, as values again: for pictures and reports, wherever they are kept.
Knows answers and their JSON form; must not know models."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from wmagent.agent.plain import from_plain, to_plain
from wmagent.errors import InputError
from wmagent.service.answers import Kept
from wmagent.service.questions import KeptQuestion
from wmagent.service.tools import Answered, Toolbox

T = TypeVar("T")


def whole(box: Toolbox, question: KeptQuestion) -> Answered:
    """Return an answer that a toolbox keeps, as plain data; without its warrant, which reports do not show."""
    about = box.about(question.id)
    if not dataclasses.is_dataclass(about):
        return Answered(Kept(kind="nothing", content={}))
    content = {name: value for name, value in to_plain(about).items() if name != "warrant"}
    return Answered(Kept(kind=type(about).__name__, content=content))


def kept(box: Toolbox, key: str, kind: type[T]) -> T:
    """Return an earlier answer as the value it was; InputError where there is none, or it is of another kind."""
    found = box.call("kept", {"id": key})
    assert isinstance(found, Kept)
    if found.kind != kind.__name__:
        raise InputError(f"{key!r} is no {kind.__name__}")
    return from_plain(kind, found.content)
