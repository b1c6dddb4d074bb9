"""Keeps progress bars and warnings that concern no user off the terminal. Knows transformers' logging only."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and warnings of names that will go off the terminal while the block runs."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft still uses names that transformers gives up
            yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
