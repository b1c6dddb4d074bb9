"""When and at what cost the goal comes: a few deadlines and quantiles of what was foreseen. Knows numbers only."""

from __future__ import annotations

from collections.abc import Sequence

from wmagent.domain.answers import Outlook
from wmagent.domain.types import Goal
from wmagent.planning.foresight import Foreseen

SHARES = (0.5, 0.8, 0.9)
PARTS = (0.25, 0.5, 0.75, 1.0)  # of a deadline
ROUND = (
    1.0,
    2.0,
    4.0,
    8.0,
    12.0,
    24.0,
    48.0,
    72.0,
    120.0,
    168.0,
    240.0,
    336.0,
    504.0,
    720.0,
    1_440.0,
    2_160.0,
    4_320.0,
)
MOST = 4


def outlook_of(found: Foreseen, goal: Goal, by: Sequence[float] = ()) -> Outlook:
    """Return P(goal by each of `by`), by default of a few spans that tell something, and quantiles of the successes."""
    spans = tuple(by) or _spans(found, goal)
    return Outlook(
        by=tuple((hours, found.by(hours)) for hours in spans),
        hours=tuple((share, found.hours_for(share)) for share in SHARES),
        cost=tuple((share, found.cost_for(share)) for share in SHARES),
    )


def _spans(found: Foreseen, goal: Goal) -> tuple[float, ...]:
    """Return parts of the deadline; without one, round spans from before the first success to after most."""
    if goal.deadline is not None:
        return tuple(part * goal.deadline for part in PARTS)
    early, late = found.hours_for(0.05), found.hours_for(0.95)
    if early is None or late is None or late <= 0:
        return ()
    telling = [span for span in ROUND if early <= span <= late]
    behind = [span for span in ROUND if span > late][:1]
    spans = [*telling, *behind]
    step = max(1, -(-len(spans) // MOST))
    return tuple(spans[::-1][::step][::-1])
