"""From a definition to its machine: every name and value is looked up once, with the place in every error.

Knows the meaning of the language's words; knows no files and no simulation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from wmagent.domain.types import Value, canonical
from wmagent.errors import InputError, unknown
from wmagent.worlds.conditions import Check, compile_check, find_code, parse
from wmagent.worlds.language import ActionPart, Definition, Duration, Effect, EventPart, Fact, Result, Rule
from wmagent.worlds.machine import Assignment, Case, Draw, Law, Machine, Move, Spread, Turn
from wmagent.worlds.places import PlacedError, at

_CHANGE = re.compile(r"[+-]\d{1,6}")
_SUM = 1e-6  # how far chances may be from 1 before it is an error; they are normalised after
_MAX_VALUES = 10_000  # of one fact


def compile_definition(definition: Definition) -> Machine:
    """Return the machine of a definition; PlacedError says where, what is wrong and what is known."""
    return _Compiler(definition).machine()


class _Compiler:
    """Holds the definition and its domains while its parts are compiled."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        if not definition.facts:
            raise PlacedError("facts", "a world needs at least one fact")
        if not definition.actions:
            raise PlacedError("actions", "a world needs at least one action")
        self.domains: dict[str, tuple[Value, ...]] = {}
        for key, fact in definition.facts.items():
            with at(f"facts.{key}"):
                self.domains[key] = _domain(key, fact)
        self.shown = {key: self._shown(key, fact) for key, fact in definition.facts.items()}
        self.index = {key: index for index, key in enumerate(self.domains)}

    def machine(self) -> Machine:
        definition = self.definition
        draws = tuple(self._draw(key, fact) for key, fact in definition.facts.items())
        moves = tuple(self._move(name, action) for name, action in definition.actions.items())
        return Machine(
            domains=self.domains,
            shown=self.shown,
            draws=draws,
            moves=moves,
            rules=tuple(self._rule(name, rule) for name, rule in definition.rules.items()),
            events=tuple(self._event(name, event) for name, event in definition.events.items()),
            done=self._check("done", definition.done) if definition.done.strip() else lambda state: False,
            ends=bool(definition.done.strip()),
            codes=tuple(_codes(self.domains[key]) | _codes(self.shown[key]) for key in self.domains),
        )

    def _check(self, place: str, text: str, known: Mapping[str, tuple[Value, ...]] | None = None) -> Check:
        with at(place):
            return compile_check(parse(text), self.domains if known is None else known)

    def _shown(self, key: str, fact: Fact) -> tuple[Value, ...]:
        """Return the fact's values as the world shows them: the sentences of a policy."""
        domain = self.domains[key]
        with at(f"facts.{key}.value_words"):
            for value in fact.value_words:
                find_code(key, value, domain)
        with at(f"facts.{key}.policy"):
            return domain if fact.policy is None else _sentences(key, fact, domain)

    def _draw(self, key: str, fact: Fact) -> Draw:
        place = f"facts.{key}.start"
        earlier = dict(list(self.domains.items())[: self.index[key]])
        if not isinstance(fact.start, tuple):
            chances = fact.start if isinstance(fact.start, dict) else {fact.start: 1.0}
            return Draw(((_always, self._chances(place, key, chances)),))
        cases = []
        for number, case in enumerate(fact.start):
            here = f"{place}[{number}]"
            cases.append((self._check(f"{here}.when", case.when, earlier), self._chances(here, key, case.chances)))
        if not fact.start or fact.start[-1].when.strip():
            raise PlacedError(place, "the last case needs no 'when', so that every case starts somewhere")
        return Draw(tuple(cases))

    def _chances(self, place: str, key: str, chances: Mapping[Value, float]) -> tuple[tuple[int, float], ...]:
        with at(place):
            shares = _normal(chances.values())
            codes = [find_code(key, value, self.domains[key]) for value in chances]
        return tuple(zip(codes, shares, strict=True))

    def _move(self, name: str, action: ActionPart) -> Move:
        place = f"actions.{name}"
        hours = _spread(f"{place}.duration", action.duration)
        for number, effect in enumerate(action.effects[:-1]):
            if not effect.when.strip():
                raise PlacedError(f"{place}.effects[{number}]", "has no 'when', so the effects after it never count")
        return Move(
            name=name,
            role=action.role,
            guard=self._check(f"{place}.guard", action.guard),
            guard_text=" ".join(action.guard.split()) or "nothing",
            cases=tuple(
                self._case(f"{place}.effects[{number}]", effect, action, hours)
                for number, effect in enumerate(action.effects)
            ),
            hours=hours,
            cost=action.cost,
        )

    def _case(self, place: str, effect: Effect, action: ActionPart, hours: Spread) -> Case:
        if effect.duration is not None:
            hours = _spread(f"{place}.duration", effect.duration)
        with at(f"{place}.outcomes"):
            chances = _normal(result.chance for result in effect.outcomes)
        turns = tuple(
            self._turn(f"{place}.outcomes[{number}]", result, chance, hours)
            for number, (result, chance) in enumerate(zip(effect.outcomes, chances, strict=True))
        )
        cost = action.cost if effect.cost is None else effect.cost
        return Case(self._check(f"{place}.when", effect.when), turns, cost)

    def _turn(self, place: str, result: Result, chance: float, hours: Spread) -> Turn:
        own = hours if result.duration is None else _spread(f"{place}.duration", result.duration)
        return Turn(chance, self._assignment(f"{place}.set", result.set), result.event, own)

    def _rule(self, name: str, rule: Rule) -> Law:
        place = f"rules.{name}"
        changes = self._assignment(f"{place}.set", rule.set, moves=False)
        return Law(name, self._check(f"{place}.when", rule.when), changes, self._after(place, rule.after), rule.event)

    def _event(self, name: str, event: EventPart) -> Law:
        place = f"events.{name}"
        changes = self._assignment(f"{place}.set", event.set)
        when = self._check(f"{place}.when", event.when)
        return Law(name, when, changes, self._after(place, event.after), name, event.chance)

    def _after(self, place: str, names: tuple[str, ...]) -> frozenset[int] | None:
        order = list(self.definition.actions)
        for name in names:
            if name not in self.definition.actions:
                with at(f"{place}.after"):
                    raise unknown("action", name, order)
        return frozenset(order.index(name) for name in names) or None

    def _assignment(self, place: str, changes: Mapping[str, Value], moves: bool = True) -> Assignment:
        found = []
        for key, value in changes.items():
            with at(place):
                if key not in self.domains:
                    raise unknown("fact", key, self.domains)
                if self.definition.facts[key].static:
                    raise InputError(f"{key!r} is static and cannot be set")
                found.append((self.index[key], self._table(key, value, moves)))
        return tuple(found)

    def _table(self, key: str, value: Value, moves: bool) -> tuple[int, ...]:
        """Return the new code for every old code: a constant, or a move within a numeric range."""
        domain = self.domains[key]
        numeric = self.definition.facts[key].range is not None
        if numeric and isinstance(value, str) and _CHANGE.fullmatch(value):
            if not moves:
                raise InputError(f"a rule sets {key!r} to a value; {value!r} would cascade without end")
            return tuple(min(max(code + int(value), 0), len(domain) - 1) for code in range(len(domain)))
        return (find_code(key, value, domain),) * len(domain)


def _always(state: tuple[int, ...]) -> bool:
    return True


def _domain(key: str, fact: Fact) -> tuple[Value, ...]:
    if (fact.values is None) == (fact.range is None):
        raise InputError("give either 'values' or 'range'")
    if fact.range is not None and not fact.range[0] <= fact.range[1] < fact.range[0] + _MAX_VALUES:
        raise InputError(f"range [{fact.range[0]}, {fact.range[1]}] must go up and hold at most {_MAX_VALUES} values")
    domain = fact.domain()
    if not domain or len(domain) > _MAX_VALUES:
        raise InputError(f"a fact needs between 1 and {_MAX_VALUES} values")
    for value in domain:
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{value} is no usable value")
    spelled = [canonical(value).lower() for value in domain]
    twice = sorted({text for text in spelled if spelled.count(text) > 1}) if len(spelled) < 1_000 else []
    if twice:
        raise InputError(f"{twice[0]!r} is listed twice (values compare as text, whatever their case)")
    return domain


def _sentences(key: str, fact: Fact, domain: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the sentence of every value of a policy; all differ, so that a sentence tells the value."""
    if not fact.static:
        raise InputError("a policy does not change during a case; add 'static: true'")
    if isinstance(fact.policy, dict):
        of_code = {find_code(key, value, domain): text for value, text in fact.policy.items()}
        missing = [canonical(value) for code, value in enumerate(domain) if code not in of_code]
        if missing:
            raise InputError(f"no sentence for {', '.join(missing[:5])}; every value of a policy needs one")
        sentences = tuple(of_code[code] for code in range(len(domain)))
    else:
        sentences = tuple(str(fact.policy).replace("{value}", canonical(value)) for value in domain)
    if len({*sentences, *map(canonical, domain)}) < 2 * len(domain):
        raise InputError("two values read the same; put {value} into the sentence, or give one sentence per value")
    return sentences


def _codes(domain: tuple[Value, ...]) -> dict[str, int]:
    return {canonical(value): code for code, value in enumerate(domain)}


def _normal(chances: Iterable[float]) -> tuple[float, ...]:
    """Return chances that sum to exactly 1; InputError if they are not close to it."""
    given = tuple(chances)
    total = math.fsum(given)
    if not given or abs(total - 1) > _SUM:
        raise InputError(f"the chances sum to {total:g}; they must sum to 1")
    return tuple(chance / total for chance in given)


def _spread(place: str, duration: Duration) -> Spread:
    if not isinstance(duration, dict):
        return ((float(duration), 1.0),)
    with at(place):
        return tuple(zip(map(float, duration), _normal(duration.values()), strict=True))
