"""A workflow definition compiled for speed: states are tuples of value codes, conditions are closures over them.

Knows legality, effects, rules, events and durations, sampled and enumerated; knows no goals and no planning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from wmagent.domain.types import Facts, Value, canonical
from wmagent.errors import InputError, unknown
from wmagent.worlds.conditions import Check, State

Assignment = tuple[tuple[int, tuple[int, ...]], ...]  # (fact, new code per old code)
Spread = tuple[tuple[float, float], ...]  # (hours, chance)
Branch = tuple[float, State, float, float, tuple[str, ...]]  # chance, next state, hours, cost, events


@dataclass(frozen=True)
class Turn:
    """One way an effect can turn out, compiled."""

    chance: float
    assign: Assignment
    event: str | None
    hours: Spread


@dataclass(frozen=True)
class Case:
    """The effect that counts where `when` holds."""

    when: Check
    turns: tuple[Turn, ...]
    cost: float


@dataclass(frozen=True)
class Move:
    """One action, compiled."""

    name: str
    role: str
    guard: Check
    guard_text: str
    cases: tuple[Case, ...]
    hours: Spread
    cost: float


@dataclass(frozen=True)
class Law:
    """A rule or an event, compiled; `after` holds action indices, None for any action."""

    name: str
    when: Check
    assign: Assignment
    after: frozenset[int] | None
    event: str | None
    chance: float = 1.0


@dataclass(frozen=True)
class Draw:
    """How one fact starts: cases of (condition on earlier facts, ((code, chance), …))."""

    cases: tuple[tuple[Check, tuple[tuple[int, float], ...]], ...]


@dataclass(frozen=True)
class Machine:
    """Everything a workflow world does, over coded states. Pure: randomness comes in as a generator."""

    domains: Mapping[str, tuple[Value, ...]]
    shown: Mapping[str, tuple[Value, ...]]  # as the world shows them: the sentences of policies
    draws: tuple[Draw, ...]
    moves: tuple[Move, ...]
    rules: tuple[Law, ...]
    events: tuple[Law, ...]
    done: Check
    ends: bool  # whether the definition has an end condition at all
    codes: tuple[dict[str, int], ...] = field(repr=False, default=())

    def encode(self, facts: Facts) -> State:
        """Return the coded state; InputError where a fact is missing, unknown or has an unknown value.

        A policy may be given as its sentence or as the value behind it.
        """
        try:
            state = tuple([codes[canonical(facts[key])] for key, codes in zip(self.domains, self.codes, strict=True)])
        except KeyError:
            raise self._misfit(facts) from None
        if len(facts) != len(self.domains):
            raise self._misfit(facts)
        return state

    def _misfit(self, facts: Facts) -> InputError:
        for key in facts:
            if key not in self.domains:
                return unknown("fact", str(key), self.domains)
        for (key, domain), codes in zip(self.shown.items(), self.codes, strict=True):
            if key not in facts:
                return InputError(f"the facts lack {key!r}; it is one of {', '.join(map(canonical, domain))}")
            if canonical(facts[key]) not in codes:
                return unknown(f"value of {key!r}", canonical(facts[key]), codes)
        return InputError("the facts do not fit this world")

    def decode(self, state: State) -> Facts:
        """Return the facts of a coded state, policies as their sentences."""
        values = zip(self.shown.items(), state, strict=True)
        return {key: domain[code] for (key, domain), code in values}

    def legal(self, state: State) -> list[int]:
        """Return the indices of the actions that are allowed; none once the case has ended."""
        if self.done(state):
            return []
        return [index for index, move in enumerate(self.moves) if move.guard(state)]

    def refusal(self, state: State, move: int) -> str | None:
        """Return why an action is not allowed here, or None if it is."""
        chosen = self.moves[move]
        if self.done(state):
            return f"not allowed: the case has ended, so {chosen.name!r} is no longer possible"
        if not chosen.guard(state):
            return f"not allowed: {chosen.name!r} needs {chosen.guard_text}"
        return None

    def settle(self, state: State, move: int | None) -> tuple[State, tuple[str, ...]]:
        """Apply the rules until nothing changes; InputError naming the rules that chase each other in a circle."""
        fired: list[Law] = []
        seen = {state}
        changed = True
        while changed:
            changed = False
            for rule in self.rules:
                if (rule.after is not None and move not in rule.after) or not rule.when(state):
                    continue
                after = assign(state, rule.assign)
                if after == state:
                    continue
                fired.append(rule)
                if after in seen:
                    names = ", ".join(dict.fromkeys(law.name for law in fired))
                    raise InputError(f"rules: these undo each other without end: {names}")
                seen.add(after)
                state, changed = after, True
        return state, tuple(law.event for law in fired if law.event)

    def branches(self, state: State, move: int) -> list[Branch]:
        """Return every possible result of an allowed action, equal results merged; the chances sum to 1."""
        merged: dict[tuple[State, float, float, tuple[str, ...]], float] = {}
        turns, cost = self._turns(state, move)
        for turn in turns:
            ahead, told = self.settle(assign(state, turn.assign), move)
            told = ((turn.event,) if turn.event else ()) + told
            for chance, final, more in self._happenings(ahead, move):
                for hours, share in turn.hours:
                    key = (final, hours, cost, told + more)
                    merged[key] = merged.get(key, 0.0) + turn.chance * chance * share
        return [(chance, *key) for key, chance in merged.items() if chance > 0]

    def sample(self, state: State, move: int, random: Random) -> Branch:
        """Draw one result of an allowed action; the chance in it is 1."""
        turns, cost = self._turns(state, move)
        turn = turns[_pick([turn.chance for turn in turns], random)]
        hours = turn.hours[_pick([share for _, share in turn.hours], random)][0]
        state, told = self.settle(assign(state, turn.assign), move)
        told = ((turn.event,) if turn.event else ()) + told
        for event in self._open(state, move):
            if random.random() < event.chance:
                state, more = self.settle(assign(state, event.assign), move)
                told += (event.name, *more)
                break
        return 1.0, state, hours, cost, told

    def _turns(self, state: State, move: int) -> tuple[tuple[Turn, ...], float]:
        chosen = self.moves[move]
        for case in chosen.cases:
            if case.when(state):
                return case.turns, case.cost
        return (Turn(1.0, (), None, chosen.hours),), chosen.cost

    def _open(self, state: State, move: int) -> list[Law]:
        if self.done(state):
            return []
        return [e for e in self.events if (e.after is None or move in e.after) and e.when(state)]

    def _happenings(self, state: State, move: int) -> Iterator[tuple[float, State, tuple[str, ...]]]:
        """Yield (chance, state, events): each open event as the one that fires, and none."""
        quiet = 1.0
        for event in self._open(state, move):
            after, more = self.settle(assign(state, event.assign), move)
            yield quiet * event.chance, after, (event.name, *more)
            quiet *= 1 - event.chance
        yield quiet, state, ()

    def all_hours(self) -> list[float]:
        """Return every duration the definition names."""
        spreads = [move.hours for move in self.moves]
        spreads += [turn.hours for move in self.moves for case in move.cases for turn in case.turns]
        return sorted({hours for spread in spreads for hours, _ in spread})

    def starts(self) -> list[tuple[float, State]]:
        """Return every first state with its probability."""
        open_: list[tuple[float, State]] = [(1.0, ())]
        for draw in self.draws:
            open_ = [(p * share, (*s, code)) for p, s in open_ for code, share in _first(draw, self._pad(s))]
        merged: dict[State, float] = {}
        for chance, state in open_:
            settled = self.settle(state, None)[0]
            merged[settled] = merged.get(settled, 0.0) + chance
        return [(chance, state) for state, chance in merged.items() if chance > 0]

    def sample_start(self, random: Random) -> State:
        """Draw a first state."""
        state: State = ()
        for draw in self.draws:
            options = _first(draw, self._pad(state))
            state = (*state, options[_pick([share for _, share in options], random)][0])
        return self.settle(state, None)[0]

    def _pad(self, state: State) -> State:
        return state + (0,) * (len(self.draws) - len(state))


def assign(state: State, changes: Assignment) -> State:
    """Return the state after the changes."""
    if not changes:
        return state
    after = list(state)
    for at, table in changes:
        after[at] = table[after[at]]
    return tuple(after)


def _first(draw: Draw, state: State) -> tuple[tuple[int, float], ...]:
    return next(options for when, options in draw.cases if when(state))


def _pick(chances: list[float], random: Random) -> int:
    """Return an index drawn by its chance; the chances sum to 1."""
    left = random.random()
    for index, chance in enumerate(chances):
        left -= chance
        if left < 0:
            return index
    return max(index for index, chance in enumerate(chances) if chance > 0)
