"""What could be asked: states that cases began in, goals that they reached; cases and activities of a log. Knows what
models remember; no transport."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmagent.domain.types import Facts, canonical

if TYPE_CHECKING:
    from wmagent.events.recorded import RecordedProcess
    from wmagent.model.world_model import WorldModel

MOST_STARTS, MOST_GOALS, MOST_CASES = 8, 5, 300
USUAL = 7  # facts that most cases come to
DAYS = 10  # of the example of a deadline


def world_examples(model: WorldModel, starts: Sequence[Facts]) -> str:
    """Return states and goals of a world model as JSON."""
    return json.dumps({"starts": _distinct(starts), "goals": _goals(model, starts)})


def case_examples(process: RecordedProcess) -> str:
    """Return the cases of a log, open ones first, and the activities that can be reached, as JSON."""
    log = process.log
    lengths = (log.starts[1:] - log.starts[:-1]).tolist()
    cases = [
        {"case": case, "events": length, "over": bool(over)}
        for case, length, over in zip(log.cases, lengths, process.over, strict=True)
    ]
    cases.sort(key=lambda one: one["over"])
    names = process.model.vocabulary.activities
    decisions = [names[code] for code in process.decisions.tolist()]
    left = max(0, len(cases) - MOST_CASES)
    told = {"cases": cases[:MOST_CASES], "cases_left_out": left, "activities": list(names), "decisions": decisions}
    return json.dumps(told)


def _distinct(starts: Sequence[Facts]) -> list[dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for facts in starts:
        found.setdefault(json.dumps(facts, sort_keys=True), dict(facts))
        if len(found) == MOST_STARTS:
            break
    return list(found.values())


def _goals(model: WorldModel, starts: Sequence[Facts]) -> list[str]:
    """Return goals worth asking for, in words: of what cases most often come to and do not begin with, the rarest
    first, for they get there last and a plan is worth making."""
    begun = {(key, canonical(value)) for facts in starts for key, value in facts.items()}
    counts = {one: sum(actions.values()) for one, actions in model.entered().items()}
    reached = {one: count for one, count in counts.items() if (one[0], canonical(one[1])) not in begun}
    usual = sorted(reached, key=lambda one: (-reached[one], str(one)))[:USUAL]
    ranked = usual[::-1]
    words = [f"{key} is {canonical(value)}" for key, value in ranked[:MOST_GOALS]]
    return [*words, f"{words[0]} within {DAYS} days"] if words else []
