"""Makes experience: cases run by clerks of varied habits, as transitions. Knows the World protocol, no hidden truth.

A clerk sees what anyone sees: which actions are allowed, the list they stand in, and what was done before.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TypeVar

from wmagent.domain.types import Action, Transition
from wmagent.domain.world import World
from wmagent.errors import InputError

S = TypeVar("S")


@dataclass(frozen=True)
class Habits:
    """How a clerk works: the chance of a random choice, of never doing some action, and of giving a case up."""

    random: float
    skip: float
    leave: float = 0.01


# The styles cases are run in, with their weights: by the list, in a hurry, without a plan.
STYLES: tuple[tuple[float, Habits], ...] = (
    (0.4, Habits(random=0.1, skip=0.05)),
    (0.35, Habits(random=0.25, skip=0.3)),
    (0.25, Habits(random=1.0, skip=0.0)),
)


def experience(
    world: World[S],
    transitions: int = 10_000,
    seed: int = 0,
    attempts: float = 0.1,
    styles: tuple[tuple[float, Habits], ...] = STYLES,
    max_steps: int = 60,
) -> list[Transition]:
    """Return exactly `transitions` recorded steps of consecutive cases, the last case possibly cut off.

    `attempts` is the share of steps that try something not allowed; they are recorded with `error` and change
    nothing. A case ends when the world says so, when nothing is allowed, or after `max_steps`. The same arguments
    give the same transitions.
    """
    if transitions < 0:
        raise InputError(f"transitions must be 0 or more, not {transitions}")
    if not 0 <= attempts < 1:
        raise InputError(f"attempts is a share from 0 to below 1, not {attempts}")
    if max_steps < 1 or not styles or any(weight < 0 for weight, _ in styles):
        raise InputError("max_steps must be at least 1, and styles need weights of 0 or more")
    random = Random(f"{world.name} {seed}")
    found: list[Transition] = []
    number = empty = 0
    while len(found) < transitions:
        number += 1
        rows = _case(world, f"c{number}", random, attempts, styles, max_steps)
        empty = 0 if rows else empty + 1
        if empty > 1_000:
            raise InputError(f"world {world.name!r} allows no action in any first state")
        found.extend(rows)
    return found[:transitions]


def _case(
    world: World[S],
    case: str,
    random: Random,
    attempts: float,
    styles: tuple[tuple[float, Habits], ...],
    max_steps: int,
) -> list[Transition]:
    """Run one case to its end."""
    habits = random.choices([habit for _, habit in styles], [weight for weight, _ in styles])[0]
    order = {a: position + random.gauss(0, 1.5) for position, a in enumerate(world.actions)}
    shunned = {a for a in world.actions if random.random() < habits.skip}
    state = world.initial(random.getrandbits(32))
    seen = world.observe(state)
    tried: dict[Action, int] = {}
    rows: list[Transition] = []
    for _ in range(max_steps):
        legal = world.legal(state)
        if not legal or random.random() < habits.leave:
            break
        refused = [a for a in world.actions if a not in legal] if random.random() < attempts else []
        action = random.choice(refused) if refused else _choose(legal, order, shunned, tried, habits, random)
        step = world.step(state, action, random.getrandbits(32))
        after = seen if step.error else world.observe(step.state)
        rows.append(Transition(seen, action, after, step.duration, step.cost, step.events, step.done, step.error, case))
        if step.done:
            break
        if step.error is None:
            tried[action] = tried.get(action, 0) + 1
            if after.facts == seen.facts:  # nothing came of it: this clerk now does what was shunned
                shunned = set()
        state, seen = step.state, after
    return rows


def _choose(
    legal: tuple[Action, ...],
    order: dict[Action, float],
    shunned: set[Action],
    tried: dict[Action, int],
    habits: Habits,
    random: Random,
) -> Action:
    """Pick at random, or the next on the list that was done least and is not shunned."""
    if random.random() < habits.random:
        return random.choice(legal)
    wanted = [a for a in legal if a not in shunned] or list(legal)
    return min(wanted, key=lambda a: order[a] + 6.0 * tried.get(a, 0))
