"""Makes experience: cases run by clerks of varied habits, as transitions. Knows the World protocol, no hidden truth.

A clerk sees what anyone sees: which actions are allowed, the list they stand in, and what was done before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from wmagent.domain.types import Action, Facts, Transition
from wmagent.domain.world import World
from wmagent.errors import InputError

S = TypeVar("S")

# Decides before the clerk does: what is seen, what is allowed, how often each action was done in this case.
# None leaves the choice to the clerk.
Lead = Callable[[Facts, tuple[Action, ...], Mapping[Action, int]], "Action | None"]


@dataclass(frozen=True)
class Habits:
    """How a clerk works, as chances: to choose at random, to never do some action in a case, to give the case up.

    `curious` is the chance of choosing what has been recorded least so far instead of the next on the list.
    """

    random: float
    skip: float
    leave: float = 0.01
    curious: float = 0.0


# The styles cases are run in, with their weights: by the list, in a hurry, without a plan, out of curiosity.
STYLES: tuple[tuple[float, Habits], ...] = (
    (0.3, Habits(random=0.1, skip=0.05)),
    (0.3, Habits(random=0.2, skip=0.4)),
    (0.15, Habits(random=1.0, skip=0.0)),
    (0.25, Habits(random=0.2, skip=0.15, curious=1.0)),
)


def experience(
    world: World[S],
    transitions: int = 10_000,
    seed: int = 0,
    attempts: float = 0.1,
    styles: tuple[tuple[float, Habits], ...] = STYLES,
    max_steps: int = 60,
    lead: Lead | None = None,
) -> list[Transition]:
    """Return exactly `transitions` recorded steps of consecutive cases, the last case possibly cut off.

    `attempts` is the share of steps that try something not allowed; they are recorded with `error` and change
    nothing. A case ends when the world says so, when nothing is allowed, or after `max_steps`. `lead` may decide in
    the clerk's place. The same arguments give the same transitions.
    """
    if transitions < 0:
        raise InputError(f"transitions must be 0 or more, not {transitions}")
    if not 0 <= attempts < 1:
        raise InputError(f"attempts is a share from 0 to below 1, not {attempts}")
    if max_steps < 1 or not styles or any(weight < 0 for weight, _ in styles):
        raise InputError("max_steps must be at least 1, and styles need weights of 0 or more")
    log = _Log(world, Random(f"{world.name} {seed}"), attempts, max_steps, lead)
    number = empty = 0
    while len(log.rows) < transitions:
        number += 1
        known = len(log.rows)
        habits = log.random.choices([habit for _, habit in styles], [weight for weight, _ in styles])[0]
        log.run(f"c{number}", habits)
        empty = empty + 1 if len(log.rows) == known else 0
        if empty > 1_000:
            raise InputError(f"world {world.name!r} allows no action in any first state")
    return log.rows[:transitions]


class _Log(Generic[S]):
    """The log while it is written: its rows, and how often every action was recorded."""

    def __init__(self, world: World[S], random: Random, attempts: float, max_steps: int, lead: Lead | None) -> None:
        self.world, self.random, self.attempts, self.max_steps = world, random, attempts, max_steps
        self.lead = lead
        self.actions = world.actions
        self.rows: list[Transition] = []
        self.recorded: Counter[Action] = Counter()

    def run(self, case: str, habits: Habits) -> None:
        """Run one case to its end."""
        random, world = self.random, self.world
        clerk = _Clerk(self, habits)
        state = world.initial(random.getrandbits(32))
        seen = world.observe(state)
        for _ in range(self.max_steps):
            legal = world.legal(state)
            if not legal or random.random() < habits.leave:
                return
            refused = [a for a in self.actions if a not in legal] if random.random() < self.attempts else []
            action = random.choice(refused) if refused else self._chosen(clerk, seen.facts, legal)
            step = world.step(state, action, random.getrandbits(32))
            after = seen if step.error else world.observe(step.state)
            took = (step.duration, step.cost, step.events, step.done, step.error)
            self.rows.append(Transition(seen, action, after, *took, case=case))
            if step.error is None:
                self.recorded[action] += 1
                clerk.did(action, after.facts != seen.facts)
            if step.done:
                return
            state, seen = step.state, after

    def _chosen(self, clerk: _Clerk[S], facts: Facts, legal: tuple[Action, ...]) -> Action:
        led = None if self.lead is None else self.lead(facts, legal, clerk.tried)
        return clerk.choose(legal) if led is None else led


class _Clerk(Generic[S]):
    """Who runs one case: with a list in his own order, and some actions he does not do unless he is stuck."""

    def __init__(self, log: _Log[S], habits: Habits) -> None:
        self.log, self.habits = log, habits
        random = log.random
        self.order = {action: place + random.gauss(0, 1.5) for place, action in enumerate(log.actions)}
        self.shunned = {action for action in log.actions if random.random() < habits.skip}
        self.tried: Counter[Action] = Counter()

    def choose(self, legal: tuple[Action, ...]) -> Action:
        """Return what to do next: anything, or the least recorded, or the next on the list that was done least."""
        random = self.log.random
        if random.random() < self.habits.random:
            return random.choice(legal)
        wanted = [action for action in legal if action not in self.shunned] or list(legal)
        if random.random() < self.habits.curious:
            return min(wanted, key=lambda action: self.log.recorded[action])
        return min(wanted, key=lambda action: self.order[action] + 6.0 * self.tried[action])

    def did(self, action: Action, changed: bool) -> None:
        """Remember what was done; where it came to nothing more than once, do what was shunned."""
        self.tried[action] += 1
        if not changed and self.tried[action] > 1:
            self.shunned = set()
