"""What the demo asks of data it has never seen: which goal, from where, and a step made odd on purpose.

Knows transitions and facts only; must not know any model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wmagent.domain.types import Condition, Facts, Goal, Observation, Transition, Value, same_value
from wmagent.errors import InputError


@dataclass(frozen=True)
class Tampered:
    """A transition with one fact of its outcome replaced by another that the data knows."""

    transition: Transition
    key: str
    true: Value


def hold_out(rows: Sequence[Transition], share: float = 0.1) -> tuple[list[Transition], list[Transition]]:
    """Return (to learn from, held out): the last `share` of the rows, at least one; InputError below 20 rows."""
    if len(rows) < 20:
        raise InputError(f"{len(rows)} transitions are too few to learn from and to hold some out; give at least 20")
    cut = len(rows) - max(1, round(share * len(rows)))
    return list(rows[:cut]), list(rows[cut:])


def goals_in(rows: Sequence[Transition], most: int = 5) -> list[Goal]:
    """Return goals worth asking for: values that facts change to, those first that most different actions bring about.

    What many actions lead to is rather a consequence than the name of one action, so that a plan is worth making.
    """
    actions: dict[tuple[str, Value], set[str]] = defaultdict(set)
    counts: Counter[tuple[str, Value]] = Counter()
    for row in rows:
        for key, value in changed(row):
            actions[key, value].add(row.action.name)
            counts[key, value] += 1
    ranked = sorted(counts, key=lambda item: (-len(actions[item]), -counts[item], str(item)))
    return [Goal((Condition(key, value),), words=f"{key} is {value}") for key, value in ranked[:most]]


def starts_in(rows: Sequence[Transition], goal: Goal) -> Iterator[Facts]:
    """Yield distinct recorded states in which the goal does not hold."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    for row in rows:
        facts = row.before.facts
        name = tuple(sorted((key, str(value)) for key, value in facts.items()))
        if name not in seen and not goal.reached(facts):
            seen.add(name)
            yield facts


def changed(row: Transition) -> list[tuple[str, Value]]:
    """Return the facts that a transition set to another value, with that value."""
    before = row.before.facts
    return [
        (key, value)
        for key, value in row.after.facts.items()
        if key not in before or not same_value(before[key], value)
    ]


def same_facts(left: Facts, right: Facts) -> bool:
    """Return whether two states are the same, fact by fact."""
    return left.keys() == right.keys() and all(same_value(value, right[key]) for key, value in left.items())


def tamper(rows: Sequence[Transition], known: Sequence[Transition]) -> Tampered:
    """Return a transition that changed something, with that change undone in the record.

    It then claims that an action did not do what it always does: of all, the one whose action changes the fact most
    regularly in `known` is taken. InputError where no transition changes anything.
    """
    done: Counter[str] = Counter()
    changes: Counter[tuple[str, str]] = Counter()
    for row in known:
        if row.error is None:
            done[row.action.label()] += 1
            changes.update((row.action.label(), key) for key, _ in changed(row) if key in row.before.facts)
    best: tuple[float, Transition, str] | None = None
    for row in rows:
        name = row.action.label()
        for key, _ in changed(row) if row.error is None and done[name] else ():
            regular = changes[name, key] / done[name]
            if key in row.before.facts and (best is None or regular > best[0]):
                best = (regular, row, key)
    if best is None:
        raise InputError("no held-out transition changes a fact that it had before, so none can be made odd")
    _, row, key = best
    facts = {**row.after.facts, key: row.before.facts[key]}
    odd = replace(row, after=Observation(facts, row.after.text, row.after.time))
    return Tampered(odd, key, row.after.facts[key])
