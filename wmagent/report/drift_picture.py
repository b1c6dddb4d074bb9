"""What changed in a process as a picture: shares before and after, and how many cases begin per week. Knows matplotlib
and the answer; computes nothing."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wmagent.domain.event_log import HOUR, EventLog

if TYPE_CHECKING:
    from wmagent.worlds.logs.drift import Change, Drift

WEEK = 7 * 24 * HOUR
MOST = 12  # changes in the picture
BEFORE, AFTER = "#8a8f98", "#c8452f"


def save_drift_picture(found: Drift, log: EventLog, path: Path) -> Path:
    """Save as .png, .svg or .pdf, by the ending: the largest changed shares, and the cases that begin per week with the
    day from which on periods differ."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = [one for one in found.changes if one.unit == "share of cases"][:MOST]
    figure = Figure(figsize=(9, 3.4 + 0.5 * len(shares)), layout="constrained")
    FigureCanvasAgg(figure)
    if shares:
        upper, lower = figure.subplots(2, 1, height_ratios=[max(1.0, 0.2 * len(shares)), 1])
        _shares(upper, shares, found)
    else:
        lower = figure.subplots()
    _weeks(lower, log, found.since)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path


def _shares(axes: Any, shares: list[Change], found: Drift) -> None:
    places = np.arange(len(shares))[::-1]
    before, after = [one.before for one in shares], [one.after for one in shares]
    axes.hlines(places, before, after, color=BEFORE, linewidth=1.5)
    axes.plot(before, places, "o", color=BEFORE, label=f"before {found.since}")
    axes.plot(after, places, "o", color=AFTER, label="since then")
    axes.set_yticks(places, [_name(one) for one in shares], fontsize=8)
    axes.set_xlim(-0.03, 1.03)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel("share of cases")
    axes.legend(fontsize=8, frameon=False)


def _name(change: Change) -> str:
    parts = [part if part is not None else "nothing more" for part in change.what]
    name = (" = " if change.kind == "text" else " → ").join(parts).replace("$", r"\$")
    return "\n".join(textwrap.wrap(name, 48, max_lines=2, placeholder=" …"))


def _weeks(axes: Any, log: EventLog, since: str | None) -> None:
    began = log.time[log.starts[:-1]]
    cuts = np.arange(began.min(), log.time.max() + WEEK, WEEK)
    counts, _ = np.histogram(began, cuts)
    days = [datetime.fromtimestamp(moment / 1e6, UTC) for moment in cuts[:-1].tolist()]
    axes.bar(days, counts, width=6, align="edge", color=BEFORE)
    if since is not None:
        axes.axvline(datetime.fromisoformat(since).replace(tzinfo=UTC), color=AFTER)
    axes.set_ylabel("cases that begin per week")
