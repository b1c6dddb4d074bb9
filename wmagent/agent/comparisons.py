"""Comparisons in words: "amount below 5", "at least 3 approvals". Knows numbers and facts that have them."""

from __future__ import annotations

import re

from wmagent.agent.goal_check import numeric
from wmagent.agent.limits import NUMBER, number
from wmagent.agent.readings import known_values
from wmagent.agent.worded import Worded
from wmagent.domain.types import Condition, Op, Value, canonical
from wmagent.errors import InputError
from wmagent.words.lexicon import STOP
from wmagent.words.phrases import stems

_COMPARE: tuple[tuple[str, Op], ...] = (
    (r"at most|no more than|not more than|up to|maximum|max", "<="),
    (r"at least|no less than|not less than|no fewer than|minimum|min", ">="),
    (r"below|under|less than|fewer than|smaller than|lower than", "<"),
    (r"above|over|more than|greater than|exceeding|higher than|larger than", ">"),
)


def comparison(body: str, model: Worded) -> Condition | None:
    """Return the condition of `amount below 5` or `at least 3 approvals`; None where nothing is compared."""
    for pattern, op in _COMPARE:
        match = re.search(rf"\b(?:{pattern})\s+({NUMBER})", body, re.I)
        if match is None:
            continue
        rest = f"{body[: match.start()]} {body[match.end() :]}"
        heard = [part for part in stems(rest) if part not in STOP]
        scored = sorted(((_named(key, heard), key) for key in model.slots), key=lambda pair: (-pair[0], pair[1]))
        scored = [pair for pair in scored if pair[0] > 0.0]
        if not scored:
            raise InputError(f"{body!r} compares nothing that this world knows; facts: {', '.join(model.slots[:12])}")
        best = [key for score, key in scored if score == scored[0][0]]
        numbers = [key for key in best if numeric(known_values(model, key))]
        if not numbers:
            values = listed(known_values(model, best[0]))
            raise InputError(f"{body!r}: {best[0]} is no number here; its values are {values}")
        if len(numbers) > 1:
            raise InputError(f"{body!r} can mean {' or '.join(numbers)}; be explicit, such as '{numbers[0]} {op} 5'")
        return Condition(numbers[0], plain_number(match[1]), op)
    return None


def plain_number(said: str) -> int | float:
    """Return the number that words mean, whole where it is whole."""
    value = number(said)
    return int(value) if value.is_integer() else value


def _named(key: str, heard: list[str]) -> float:
    """Return how well a fact's name is said: the share of its words, less what else is said."""
    names = stems(key)
    common = len(set(names) & set(heard))
    return 2 * common / (len(set(names)) + len(set(heard))) if common else 0.0


def listed(values: list[Value]) -> str:
    """Return a few values as they are said."""
    return ", ".join(canonical(value) for value in values[:8])
