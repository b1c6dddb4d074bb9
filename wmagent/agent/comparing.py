"""Several what-ifs about one state side by side: ranked, and how sure their differences are. Knows answers, no words.

The interval of a difference adds squares (Newcombe 1998, method 10): what finite experience leaves open in each
probability, and how the ensemble's heads differ about the difference itself, head by head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from wmagent.agent.interval import T_90, interval
from wmagent.agent.plans import weakest_evidence
from wmagent.agent.protocols import AgentModel
from wmagent.agent.whatif import Answered, Plans, Question, answer_what_if, baseline_for
from wmagent.causal.shares import Z90
from wmagent.domain.answers import Compared, Comparison, Difference
from wmagent.domain.interventions import Intervention
from wmagent.errors import InputError, OutOfDomain
from wmagent.planning.foresight import Foreseen

MOST = 40  # interventions that are compared at once


def compare(
    model: AgentModel, asked: Question, interventions: Mapping[str, tuple[Intervention, ...]], plan: Plans
) -> Comparison:
    """Return the answers to `asked` under each of the named interventions, ranked by P(goal).

    Errors say which intervention they are about.
    """
    if not 1 <= len(interventions) <= MOST:
        raise InputError(f"compare 1 to {MOST} interventions, not {len(interventions)}: {{name: intervention}}")
    base = baseline_for(model, asked, plan)
    found: dict[str, Answered] = {}
    for name, several in interventions.items():
        try:
            found[name] = answer_what_if(model, replace(asked, interventions=several), plan, base)
        except (InputError, OutOfDomain) as error:
            raise type(error)(f"{name}: {error}") from error
    order = sorted(found, key=lambda name: _rank(found[name]))
    cases = weakest_evidence(base.line.steps)
    best = found[order[0]]
    ranked = tuple(
        Compared(
            name,
            found[name].answer,
            _difference(found[name], base.foreseen, cases),
            _difference(found[name], best.foreseen, best.cases) if name != order[0] else None,
        )
        for name in order
    )
    return Comparison(
        until=asked.goal,
        baseline_actions=best.answer.baseline_actions,
        baseline_probability=base.foreseen.probability,
        baseline_interval=interval(base.foreseen.probability, base.foreseen.heads, cases),
        ranked=ranked,
    )


def _rank(answered: Answered) -> tuple[float, float]:
    probability, hours = answered.answer.probability, answered.answer.duration
    return (1.0 if probability is None else -round(probability, 9), hours or 0.0)


def _difference(mine: Answered, other: Foreseen, cases: int) -> Difference | None:
    """Return how much more likely `mine` is than `other`; None where it has no number."""
    if mine.answer.probability is None:
        return None
    return difference(mine.foreseen, mine.cases, other, cases)


def difference(mine: Foreseen, my_cases: int, other: Foreseen, other_cases: int) -> Difference:
    """Return P(goal) of `mine` less that of `other` with its 90 % interval; `cases` as `n_evidence` of `interval`."""
    value = mine.probability - other.probability
    low, high = interval(mine.probability, (), my_cases)
    other_low, other_high = interval(other.probability, (), other_cases)
    heads = _spread([a - b for a, b in zip(mine.heads, other.heads, strict=False)])
    down = math.sqrt((mine.probability - low) ** 2 + (other_high - other.probability) ** 2 + heads**2)
    up = math.sqrt((high - mine.probability) ** 2 + (other.probability - other_low) ** 2 + heads**2)
    return Difference(value, (max(-1.0, value - down), min(1.0, value + up)))


def _spread(differences: list[float]) -> float:
    """Return the t half-width of what the heads say of the difference; 0 with one head."""
    n = len(differences)
    if n < 2:
        return 0.0
    mean = sum(differences) / n
    return T_90.get(n - 1, Z90) * math.sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1))
