"""What a server counts about itself, for Prometheus. Knows names and numbers only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Measures:
    """Counts of calls by tool and result, how long they took, how many are under way."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("wmagent_calls", "Tool calls.", ("tool", "result"), registry=self.registry)
        self.seconds = Histogram(
            "wmagent_call_seconds", "How long tool calls took.", ("tool",), registry=self.registry, buckets=BUCKETS
        )
        self.open = Gauge("wmagent_calls_open", "Tool calls under way.", registry=self.registry)

    @contextmanager
    def call(self, tool: str) -> Iterator[list[str]]:
        """Measure one call; what it came to is left in the list, "error" if nothing is."""
        began, result = time.perf_counter(), list[str]()
        self.open.inc()
        try:
            yield result
        finally:
            self.open.dec()
            self.calls.labels(tool, result[0] if result else "error").inc()
            self.seconds.labels(tool).observe(time.perf_counter() - began)

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)
