"""How many threads small batches use. Knows torch's setting only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_thread() -> Iterator[None]:
    """Run on one thread, then set the number back: searching and learning work in many small batches, which two
    threads make slower (measured on two cores: 109 ms a plan with two, 66 ms with one; .33 and .15 s a step)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
