"""Turns at something that only a few may do at once: first come, first served. Knows threads only."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK = 0.1  # seconds after which who waits looks whether it should go on


class Turns:
    """`count` turns at once. Waiters are served in the order in which they came (a semaphore serves any of them)."""

    def __init__(self, count: int) -> None:
        self._free, self._waiting, self._lock = count, deque[threading.Event](), threading.Lock()

    @contextmanager
    def turn(self, look: Callable[[], None]) -> Iterator[None]:
        """Wait for a turn, hold it, and give it on. `look` is called now and then while waiting; what it raises ends
        the wait."""
        self._take(look)
        try:
            yield
        finally:
            self._give()

    def _take(self, look: Callable[[], None]) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Event()
            self._waiting.append(mine)
        try:
            while not mine.wait(LOOK):
                look()
        except BaseException:
            with self._lock:
                given = mine.is_set()
                if not given:
                    self._waiting.remove(mine)
            if given:
                self._give()
            raise

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
