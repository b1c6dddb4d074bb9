"""Failures, one class per who must act; this file knows no other module of the project."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class WmagentError(Exception):
    """Base of every error the toolkit raises on purpose; `exit_code` is what the CLI returns."""

    exit_code = 1


class InputError(WmagentError, ValueError):
    """The caller gave something that cannot be used: a file, a fact, an action, a goal, an option."""

    exit_code = 2


class OutOfDomain(WmagentError):
    """The world model was asked about a state or action it has no knowledge of; no number is given."""

    exit_code = 3


class ProposalError(WmagentError):
    """The language model answered in a form that cannot be used; retrying with the message may help."""

    exit_code = 4


class LanguageModelError(ProposalError):
    """The language model could not be reached, was too slow, or gave no usable answer; planning goes on without it."""


class CheckpointError(InputError):
    """A checkpoint is missing, foreign, damaged or tampered with."""

    exit_code = 5


_KINDS = {  # what config.json says -> what such a model was learned from, and what takes it
    "wmagent.world-model": ("transitions", "wmagent describe, plan, what-if and play; in Python WorldModel.load"),
    "process-model": ("an event log", "wmagent forecast, anomalies, case and watch; in Python ProcessModel.load"),
    "pixel-model": ("pixels", "wmagent describe and plan; in Python PixelModel.load"),
}


def other_kind(place: Path, kind: object, *wanted: str) -> CheckpointError:
    """Return the error for a folder that holds no model of a `wanted` kind: which it holds, and what takes that."""
    sources = " or ".join(_KINDS[name][0] for name in wanted)
    if not isinstance(kind, str) or kind not in _KINDS:
        return CheckpointError(f"{place} is not a wmagent world model of {sources} (config.json says kind {kind!r})")
    source, takes = _KINDS[kind]
    return CheckpointError(
        f"{place} is a model learned from {source} (config.json says kind {kind!r}), and this takes one learned from "
        f"{sources}. What takes it: {takes}"
    )


MOST_SEED = 2**32 - 1  # every generator that is in use takes seeds from 0 up to this


def checked_seed(seed: int) -> int:
    """Return a seed that every generator takes; InputError for another."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MOST_SEED:
        raise InputError(f"a seed is a whole number from 0 to {MOST_SEED}, not {shortened(repr(seed))}")
    return seed


def shortened(text: str, most: int = 80) -> str:
    """Return a text cut to at most `most` characters, for messages that name what somebody gave."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def unknown(kind: str, given: str, known: Iterable[str], hint: str = "") -> InputError:
    """Return the error for an unknown name, with the closest known names in the message."""
    names = sorted(known)
    given = shortened(given, 200)
    close = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    text = f"unknown {kind} {given!r}"
    if close:
        text += "; did you mean " + " or ".join(repr(name) for name in close) + "?"
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    text += f"; known: {shown or 'none'}"
    return InputError(text + (f". {hint}" if hint else ""))
