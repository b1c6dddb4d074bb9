"""An answer as server-sent events, thought out on a thread. Knows events and threads; must not know models."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.to_thread
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

from wmagent.errors import WmagentError
from wmagent.service.tools import BUG, Watch

logger = logging.getLogger(__name__)
WAITING = 100  # events that a slow reader may be behind


class Say(Protocol):
    """Tells the reader something from the thinking thread; what need not arrive is left out for slow readers."""

    def __call__(self, name: str, data: Mapping[str, Any], *, must: bool = True) -> None: ...


def streamed(
    think: Callable[[Say], BaseModel],
    watch: Watch,
    measured: AbstractContextManager[list[str]],
    limiter: anyio.CapacityLimiter,
) -> EventSourceResponse:
    """Return what `think` says, then its answer as the event `answer`, or an `error`. `watch` stops it when the reader
    goes away."""
    send, receive = anyio.create_memory_object_stream[dict[str, str]](WAITING)

    def say(name: str, data: Mapping[str, Any], *, must: bool = True) -> None:
        gone = (anyio.BrokenResourceError, anyio.ClosedResourceError, RuntimeError)  # the watch is stopped, too
        with contextlib.suppress(anyio.WouldBlock, *gone):
            if must:
                anyio.from_thread.run(send.send, event(name, data))
            else:
                anyio.from_thread.run_sync(send.send_nowait, event(name, data))

    async def produce() -> None:
        with measured as result:
            async with send:
                try:
                    told = await anyio.to_thread.run_sync(lambda: think(say), limiter=limiter, abandon_on_cancel=True)
                    result.append(getattr(told, "decision", "told"))
                    await send.send(event("answer", told.model_dump(mode="json")))
                except WmagentError as error:
                    await send.send(event("error", {"type": type(error).__name__, "message": str(error)}))
                except Exception:  # a bug is for its finder; the reader is told that there is no answer
                    logger.exception("a stream failed")
                    await send.send(event("error", {"type": "Bug", "message": BUG}))
                finally:
                    watch.stop.set()

    async def events() -> AsyncIterator[dict[str, str]]:
        async with receive:
            async for one in receive:
                yield one

    return EventSourceResponse(events(), data_sender_callable=produce)


def event(name: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return an event as it is sent."""
    return {"event": name, "data": json.dumps(data)}
