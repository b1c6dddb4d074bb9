"""Changes of a process as figures and plain sentences. Knows values of two groups of cases; must not know tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.errors import shortened
from wmagent.worlds.logs.measures import Kind

LONGEST = 8  # activities of a course that are told
_UNITS = ((24.0, "days"), (1.0, "hours"), (1 / 60, "minutes"), (1 / 3600, "seconds"))
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Described:
    """Two figures in a unit, and what they say."""

    before: float
    after: float
    unit: str
    sentence: str


def described(kind: Kind, what: tuple[str | None, ...], before: Values, after: Values) -> Described:
    """Return what a measure was of the cases before and is of those after, (cases,) each; `what` as in Measures."""
    name, *more = (shortened(repr(part), 60) if part is not None else "" for part in what)
    if kind == "activity":
        return _activity(name, before, after)
    if kind == "transition":
        follows = f"{more[0]} follows" if more[0] else "nothing more is seen"
        return _shares(f"after {name}, {follows} in {{}} of cases instead of {{}}", before, after)
    if kind == "text":
        return _shares(f"{name} is {more[0]} in {{}} of cases instead of {{}}", before, after)
    if kind == "variant":
        return _variant(what, before, after)
    if kind == "gap":
        return _typical(f"from {name} to {more[0]} it takes {{}} instead of {{}}", before, after, _span, "hours")
    if kind == "duration":
        return _typical("cases last {} instead of {}", before, after, _span, "hours")
    if kind == "number":
        return _typical(f"{name} is {{}} instead of {{}}", before, after, _figure, "value")
    verb = "cases begin" if kind == "arrivals" else "resources work"
    was, now = float(before.mean()), float(after.mean())
    return Described(was, now, "per week", f"{_figure(now)} {verb} per week instead of {_figure(was)}")


def _activity(name: str, before: Values, after: Values) -> Described:
    """Tell the share of cases in which an activity happens or how often it does, whichever changed more."""
    was, now = float((before > 0).mean()), float((after > 0).mean())
    if not was or not now:
        text = f"{name} is new: it happens in {_percent(now)} of cases"
        gone = f"{name} no longer happens; it did in {_percent(was)} of cases"
        return Described(was, now, "share of cases", gone if was else text)
    often, oftener = float(before.mean()), float(after.mean())
    if abs(np.log(oftener / often)) > abs(np.log(now / was)):
        text = f"{name} happens {oftener:.2f} times per case instead of {often:.2f}"
        return Described(often, oftener, "times per case", text)
    return _shares(f"{name} happens in {{}} of cases instead of {{}}", before > 0, after > 0)


def _variant(what: tuple[str | None, ...], before: Values, after: Values) -> Described:
    course = " → ".join(str(part) for part in what[:LONGEST]) + (" → …" if len(what) > LONGEST else "")
    was, now = float(before.mean()), float(after.mean())
    text = f"{_percent(now)} of cases go {course} instead of {_percent(was)}"
    if not was:
        text = f"the course {course} is new: {_percent(now)} of cases take it"
    elif not now:
        text = f"no case goes {course} any more; {_percent(was)} did"
    return Described(was, now, "share of cases", text)


def _shares(text: str, before: NDArray[np.generic], after: NDArray[np.generic]) -> Described:
    was, now = float(before.mean()), float(after.mean())  # pyright: ignore[reportAttributeAccessIssue]
    return Described(was, now, "share of cases", text.format(_percent(now), _percent(was)))


def _typical(text: str, before: Values, after: Values, say: Callable[[float], str], unit: str) -> Described:
    """Tell medians, or means where the medians read alike."""
    was, now, kind = float(np.median(before)), float(np.median(after)), "median"
    if say(was) == say(now):
        was, now, kind = float(before.mean()), float(after.mean()), "mean"
    return Described(was, now, f"{unit}, {kind}", f"{text.format(say(now), say(was))} ({kind})")


def _percent(share: float) -> str:
    near = 0 < share < 0.1 or 0.9 < share < 1
    return f"{100 * share:.1f} %" if near else f"{100 * share:.0f} %"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _span(hours: float) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if hours >= size), _UNITS[-1])
    return f"{hours / size:.3g} {unit}"
