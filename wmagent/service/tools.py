"""Tools by name: a typed question, a typed answer, a description. Knows how calls are checked, limited, stopped and
remembered; must not know models or transports."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from wmagent.errors import InputError, WmagentError, shortened, unknown
from wmagent.service.turns import Turns

KEPT = 500  # answers that can be asked about, the latest
SHOWN_ERRORS = 3
BUG = "this question met a bug in wmagent; the server's log says more"  # all that a caller is told of one
Progress = Callable[[int, int], None]  # steps imagined so far, of at most so many
T = TypeVar("T")


class Stopped(WmagentError):
    """A call that was stopped: its caller went away, or it took longer than it may."""

    exit_code = 6


class Gone(InputError):
    """An earlier answer that is kept no longer."""


class Broken(WmagentError):
    """What thinks for a server met a bug or went away; the question may be asked again."""


@dataclass
class Watch:
    """How one call is watched: `progress` is told what has been imagined, `stop` ends it, `until` is its end (seconds
    of the monotonic clock)."""

    progress: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    until: float = float("inf")
    most: int = 0
    imagined: int = 0

    def step(self, imagined: int) -> None:
        """Note that so many transitions were imagined; raises Stopped when the call should not go on."""
        self.imagined += imagined
        if self.stop.is_set():
            raise Stopped("the call was stopped by its caller")
        if time.monotonic() >= self.until:
            raise Stopped("the call took longer than it may; ask with fewer simulations, or give it more seconds")
        if self.progress is not None:
            self.progress(min(self.imagined, self.most) if self.most else self.imagined, self.most)


WATCH: ContextVar[Watch | None] = ContextVar("wmagent_watch", default=None)


@dataclass(frozen=True)
class Answered:
    """An answer to send, and what it was made from, so that more can be asked about it."""

    told: BaseModel
    about: Any = None


@dataclass(frozen=True)
class Tool:
    """One thing that can be asked. `asks` and `tells` are the schemas of question and answer; answers of `kept` tools
    have an `id` by which more can be asked; only `listed` ones are offered to language models."""

    name: str
    description: str
    asks: type[BaseModel]
    tells: type[BaseModel]
    run: Callable[[Any, str], Answered]
    kept: bool = True
    listed: bool = True


@dataclass(frozen=True)
class Document:
    """Something to read beside the tools, such as a model card."""

    name: str
    description: str
    media_type: str
    read: Callable[[], str]


class Toolbox:
    """The tools of one model. `version` tells models apart: the same question to another model has another id.

    `at_once` calls think at a time: search is bound to the processor, and two in one process would only delay each
    other. `source` is what answers, for callers in the same process that need facts instead of texts.
    """

    def __init__(
        self,
        title: str,
        tools: tuple[Tool, ...],
        documents: tuple[Document, ...],
        version: str,
        at_once: int = 1,
        source: Any = None,
    ) -> None:
        self.title, self.version, self.source = title, version, source
        self.opening: list[Callable[[], None]] = []
        self.closing: list[Callable[[], None]] = []
        self.tools = {tool.name: tool for tool in tools}
        self.documents = {document.name: document for document in documents}
        self._answers: OrderedDict[str, Answered | InputError] = OrderedDict()
        self._keeping, self._turns = threading.Lock(), Turns(at_once)

    @property
    def listed(self) -> tuple[Tool, ...]:
        """Return the tools that language models are offered."""
        return tuple(tool for tool in self.tools.values() if tool.listed)

    def ready(self) -> None:
        """Wait for what answers; raises what is wrong with the model."""
        for wait in self.opening:
            wait()

    def close(self) -> None:
        """Let go of what answers."""
        for close in self.closing:
            close()

    def call(self, name: str, arguments: Mapping[str, Any], watch: Watch | None = None) -> BaseModel:
        """Return a tool's answer. The same question gives the same answer with the same id, from memory while it is
        kept; so does a question that cannot be answered.

        InputError for unknown tools and for arguments that cannot be used; Stopped when `watch` says so.
        """
        return self.answer(*self.checked(name, arguments), watch)

    def answer(self, tool: Tool, asked: BaseModel, watch: Watch | None = None) -> BaseModel:
        """Return the answer to a question that was checked; as `call`."""
        key = self.key_of(tool.name, asked)
        if tool.kept and (found := self.find(key)) is not None:
            return found.told
        watch = watch or Watch()
        watch.most = getattr(asked, "simulations", 0)
        return self.think(lambda: self._worked_out(tool, asked, key), watch, getattr(asked, "seconds", 60.0)).told

    def _worked_out(self, tool: Tool, asked: BaseModel, key: str) -> Answered:
        """Return an answer and keep it; somebody may have asked the same while this question waited for its turn."""
        if not tool.kept:
            return tool.run(asked, key)
        if (found := self.find(key)) is not None:
            return found
        try:
            answered = tool.run(asked, key)
        except InputError as error:
            if type(error) is InputError:  # a damaged file may be whole the next time
                self._keep(key, error)
            raise
        self._keep(key, answered)
        return answered

    def _keep(self, key: str, answered: Answered | InputError) -> None:
        with self._keeping:
            self._answers[key] = answered
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)

    def think(self, work: Callable[[], T], watch: Watch, seconds: float = 60.0) -> T:
        """Return what some work on the model results in, in its turn; Stopped when `watch` says so or it takes longer
        than so many seconds. Waiting for the turn is not counted."""
        with self._turns.turn(lambda: watch.step(0)), _watched(watch):
            watch.until = min(watch.until, time.monotonic() + seconds)
            watch.step(0)
            return work()

    def checked(self, name: str, arguments: Mapping[str, Any]) -> tuple[Tool, BaseModel]:
        """Return a tool and its question; InputError for what cannot be used."""
        if name not in self.tools:
            raise unknown("tool", name, self.tools)
        tool = self.tools[name]
        try:
            return tool, tool.asks.model_validate(arguments)
        except ValidationError as error:
            raise InputError(wrong(error.errors(include_url=False))) from None

    def key_of(self, name: str, asked: BaseModel) -> str:
        """Return the id of a question: of its tool, its arguments and the model."""
        text = json.dumps([self.version, name, asked.model_dump(mode="json")], sort_keys=True)
        return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def find(self, key: str) -> Answered | None:
        """Return a kept answer, or None; InputError where what is kept is that there is no answer."""
        with self._keeping:
            if (found := self._answers.get(key)) is not None:
                self._answers.move_to_end(key)
        if isinstance(found, InputError):
            raise InputError(str(found))
        return found

    def about(self, key: str) -> Any:
        """Return what a kept answer was made from; Gone where there is none."""
        if (found := self.find(key)) is None:
            raise Gone(f"there is no answer {key!r} any more; ask the question again")
        return found.about

    def forget(self, key: str) -> None:
        """Keep an answer no longer: the question is thought out anew when it comes again."""
        with self._keeping:
            self._answers.pop(key, None)


@contextmanager
def _watched(watch: Watch) -> Iterator[None]:
    token = WATCH.set(watch)
    try:
        yield
    finally:
        WATCH.reset(token)


def wrong(errors: Sequence[Any]) -> str:
    """Return what is wrong with arguments, of pydantic's errors: where, what was given, what is allowed."""
    lines = []
    for one in errors[:SHOWN_ERRORS]:
        where = ".".join(str(part) for part in one["loc"]) or "arguments"
        given = "" if one["type"] == "missing" else f" (given: {shortened(repr(one['input']), 60)})"
        lines.append(f"{where}: {one['msg']}{given}")
    more = len(errors) - SHOWN_ERRORS
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
