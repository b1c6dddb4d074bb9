"""What is certainly wrong in a definition that can be compiled: conditions that never hold, rules that go in circles.

Knows conditions and the machine; reports only what is certain, and leaves open what takes too long to look through.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wmagent.domain.types import Condition, Value, canonical
from wmagent.errors import InputError
from wmagent.worlds.conditions import (
    Check,
    Every,
    Expression,
    Negation,
    State,
    Test,
    compile_check,
    other_fact,
    parse,
)
from wmagent.worlds.language import Definition
from wmagent.worlds.machine import Law, assign
from wmagent.worlds.places import PlacedError
from wmagent.worlds.workflow import WorkflowWorld

_MOST = 50_000  # combinations of values looked through for one question
_STATES = 20_000  # reachable states looked through for rules that go in circles
_STARTS = 200


def contradictions(world: WorkflowWorld) -> Iterator[PlacedError]:
    """Yield everything that is certainly wrong in a world's definition, in the order of the file."""
    yield from _dead_conditions(world.definition, world.machine.domains)
    yield from _endless_rules(world)
    yield from _hopeless_goals(world)


def _dead_conditions(definition: Definition, domains: Mapping[str, tuple[Value, ...]]) -> Iterator[PlacedError]:
    for place, text in _conditions(definition):
        tree = parse(text)
        if not _possible(tree, domains):
            yield PlacedError(place, f"{' '.join(text.split())!r} can never hold, whatever the facts")
    if definition.done.strip() and not _possible(Negation(parse(definition.done)), domains):
        yield PlacedError("done", f"{definition.done!r} always holds, so every case has ended before it begins")


def _conditions(definition: Definition) -> Iterator[tuple[str, str]]:
    for key, fact in definition.facts.items():
        if isinstance(fact.start, tuple):
            yield from ((f"facts.{key}.start[{number}].when", case.when) for number, case in enumerate(fact.start))
    for name, action in definition.actions.items():
        yield f"actions.{name}.guard", action.guard
        for number, effect in enumerate(action.effects):
            yield f"actions.{name}.effects[{number}].when", effect.when
    yield from ((f"rules.{name}.when", rule.when) for name, rule in definition.rules.items())
    yield from ((f"events.{name}.when", event.when) for name, event in definition.events.items())
    yield "done", definition.done


def _hopeless_goals(world: WorkflowWorld) -> Iterator[PlacedError]:
    shown = world.machine.shown
    for number, goal in enumerate(world.goals()):
        place = f"goals[{number}].reach"
        wanted = _Part.of(goal.conditions, shown)
        never = [_Part.of((condition,), shown) for condition in goal.forbidden]
        states = _combinations(_values([wanted, *never], shown), shown)
        if states is None:
            continue
        reached = [state for state in states if wanted.check(state)]
        if not reached:
            yield PlacedError(place, f"{world.definition.goals[number].reach!r} can never hold, whatever the facts")
        elif all(any(part.check(state) for part in never) for state in reached):
            yield PlacedError(place, "wherever it holds, 'never' holds too, so the goal can never count")


def _endless_rules(world: WorkflowWorld) -> Iterator[PlacedError]:
    """Yield groups of rules that undo each other; an unreachable circle counts only where not all states are known."""
    machine, definition = world.machine, world.definition
    domains = machine.domains
    parts = [_Part.from_tree(parse(rule.when), domains) for rule in definition.rules.values()]
    laws = machine.rules
    wakes = [
        {j for j in range(len(laws)) if j != i and _wakes(laws[i], laws[j], [parts[i], parts[j]], domains)}
        for i in range(len(laws))
    ]
    for group in _rounds(wakes):
        error = _circle(world, [laws[i] for i in group], [parts[i] for i in group])
        if error is not None and not _all_states_settle(world):
            yield PlacedError(f"rules.{laws[group[0]].name}", error)


def _rounds(ahead: Sequence[set[int]]) -> list[list[int]]:
    """Return the groups of two or more from each of which a way leads to all others of the group."""
    reach = [set(after) for after in ahead]
    for middle in range(len(ahead)):  # Warshall's closure
        for after in reach:
            if middle in after:
                after |= reach[middle]
    groups = {tuple(sorted(j for j in reach[i] if i in reach[j])) for i in range(len(ahead)) if i in reach[i]}
    return [list(group) for group in sorted(groups)]


def _meet(first: Law, second: Law) -> bool:
    """Return whether some action is followed by both rules."""
    return first.after is None or second.after is None or bool(first.after & second.after)


def _wakes(first: Law, second: Law, parts: Sequence[_Part], domains: Mapping[str, tuple[Value, ...]]) -> bool:
    """Return whether the first rule can give the second, which had nothing to do, something to do; True if unsure."""
    told = {fact for fact, _ in first.assign}
    used = {*parts[1].tables, *parts[1].paired, *(fact for fact, _ in second.assign)}
    if not _meet(first, second) or not told & used:
        return False
    states = _combinations(_values(parts, domains, (first, second)), domains)
    if states is None:
        return True
    return any(
        first.when(state) and not _acts(second, state) and _acts(second, assign(state, first.assign))
        for state in states
    )


def _acts(rule: Law, state: State) -> bool:
    return rule.when(state) and assign(state, rule.assign) != state


def _circle(world: WorkflowWorld, laws: Sequence[Law], parts: Sequence[_Part]) -> str | None:
    """Return what the rules say when they go round in a circle somewhere, None if they never do or it is unsure."""
    states = _combinations(_values(parts, world.machine.domains, laws), world.machine.domains)
    moves = sorted({move for law in laws for move in law.after or ()}) or [0]
    for state in states or ():
        for move in moves:
            try:
                world.machine.settle(state, move)
            except InputError as error:
                return str(error).removeprefix("rules: ") + _where(world, state, parts)
    return None


def _where(world: WorkflowWorld, state: State, parts: Sequence[_Part]) -> str:
    used = {fact for part in parts for fact in (*part.tables, *part.paired)}
    named = [
        f"{key} is {canonical(domain[code])}"
        for (fact, (key, domain)), code in zip(enumerate(world.machine.domains.items()), state, strict=True)
        if fact in used
    ]
    return f" (where {', '.join(named[:6])})"


def _all_states_settle(world: WorkflowWorld) -> bool:
    """Return whether every reachable state is known and its rules come to an end; False if there are too many."""
    machine = world.machine
    try:
        queue = list({machine.encode(world.initial(seed)): None for seed in range(_STARTS)})
        seen = set(queue)
        for state in queue:  # grows while it is walked
            for move in machine.legal(state):
                for branch in machine.branches(state, move):
                    if branch[1] not in seen:
                        seen.add(branch[1])
                        queue.append(branch[1])
            if len(queue) > _STATES:
                return False
    except InputError:
        return False
    return True


@dataclass(frozen=True)
class _Part:
    """A condition with what it tells apart: per fact the truth of its tests by value code, and facts in comparisons."""

    check: Check
    tables: Mapping[int, list[Sequence[bool]]]
    paired: frozenset[int]

    @classmethod
    def from_tree(cls, tree: Expression, domains: Mapping[str, tuple[Value, ...]]) -> _Part:
        keys = list(domains)
        tables: dict[int, list[Sequence[bool]]] = {}
        paired: set[int] = set()
        for test in _tests(tree):
            other = other_fact(test, domains)
            fact = keys.index(test.key)
            if other is not None:
                paired |= {fact, keys.index(other)}
                continue
            check = compile_check(test, domains)
            blank = [0] * len(keys)
            truth = [check((*blank[:fact], code, *blank[fact + 1 :])) for code in range(len(domains[test.key]))]
            tables.setdefault(fact, []).append(truth)
        return cls(compile_check(tree, domains), tables, frozenset(paired))

    @classmethod
    def of(cls, found: Sequence[Condition], domains: Mapping[str, tuple[Value, ...]]) -> _Part:
        return cls.from_tree(Every(tuple(Test(c.key, c.op, (canonical(c.value),)) for c in found)), domains)


def _tests(tree: Expression) -> Iterator[Test]:
    if isinstance(tree, Test):
        yield tree
    else:
        for part in (tree.part,) if isinstance(tree, Negation) else tree.parts:
            yield from _tests(part)


def _values(
    parts: Sequence[_Part], domains: Mapping[str, tuple[Value, ...]], laws: Sequence[Law] = ()
) -> dict[int, list[int]]:
    """Return per fact that matters the value codes that matter: one of each kind that no condition tells apart."""
    sizes = [len(domain) for domain in domains.values()]
    set_to: dict[int, set[int]] = {}
    for law in laws:
        for fact, table in law.assign:
            set_to.setdefault(fact, set()).update(table)
    facts = {fact for part in parts for fact in (*part.tables, *part.paired)} | set(set_to)
    chosen = {}
    for fact in sorted(facts):
        if any(fact in part.paired for part in parts):
            chosen[fact] = list(range(sizes[fact]))
            continue
        tables = [table for part in parts for table in part.tables.get(fact, ())]
        kinds: dict[tuple[object, ...], int] = {}
        for code in range(sizes[fact]):
            own = code if code in set_to.get(fact, ()) else None
            kinds.setdefault((own, *(table[code] for table in tables)), code)
        chosen[fact] = list(kinds.values())
    return chosen


def _combinations(chosen: Mapping[int, list[int]], domains: Mapping[str, object]) -> list[State] | None:
    """Return the states of all combinations of the chosen values, other facts at their first; None if too many."""
    if math.prod(len(codes) for codes in chosen.values()) > _MOST:
        return None
    states = []
    for codes in itertools.product(*chosen.values()):
        state = [0] * len(domains)
        for fact, code in zip(chosen, codes, strict=True):
            state[fact] = code
        states.append(tuple(state))
    return states


def _possible(tree: Expression, domains: Mapping[str, tuple[Value, ...]]) -> bool:
    """Return whether some values of the facts satisfy it; True where there are too many to look through."""
    part = _Part.from_tree(tree, domains)
    states = _combinations(_values([part], domains), domains)
    return states is None or any(part.check(state) for state in states)
