"""Small worlds with known answers, for testing planners and models: shipped so that third parties test with them too.

Knows the table; must not know any planner.
"""

from __future__ import annotations

import numpy as np

from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.planning.tabular import TableOutcome, TabularDynamics

ERRAND_START: Facts = {"place": "home", "ticket": "no"}
ERRAND_GOAL = Goal((Condition("place", "office"),), deadline=6.0)
ERRAND_OPTIMUM = 0.936  # three waits for the tram: 1 - 0.4 ** 3


def errand(drive_first: bool = False) -> TabularDynamics:
    """Return a known loop with a deadline: getting from home to the office within 6 hours.

    Buy a ticket (1 h, sure), then wait for the tram (1 h, arrives with .6, else wait again) and ride it (2 h). Or
    drive (1 h): with .7 at the office, else in a ditch, from where nothing helps. Or sleep (4 h), which changes
    nothing. The best policy buys, waits up to three times and rides: 1 - .4 ** 3 = .936. With `drive_first` recorded
    behaviour almost always sleeps or drives, an adversarial prior.
    """
    places = ("home", "platform", "tram", "office", "ditch")
    states = [{"place": place, "ticket": ticket} for place in places for ticket in ("no", "yes")]
    at = {(facts["place"], facts["ticket"]): row for row, facts in enumerate(states)}
    actions = tuple(Action(name) for name in ("buy", "walk", "wait", "ride", "drive", "sleep"))
    table: dict[tuple[int, int], list[TableOutcome]] = {}
    table[at["home", "no"], 0] = [TableOutcome(1.0, at["home", "yes"], 1.0, 3.0)]
    table[at["home", "yes"], 1] = [TableOutcome(1.0, at["platform", "yes"], 0.0)]
    arrives, waits = at["tram", "yes"], at["platform", "yes"]
    table[waits, 2] = [
        TableOutcome(0.6, arrives, 1.0, heads=(0.7, 0.5)),
        TableOutcome(0.4, waits, 1.0, heads=(0.3, 0.5)),
    ]
    table[arrives, 3] = [TableOutcome(1.0, at["office", "yes"], 2.0)]
    for ticket in ("no", "yes"):
        office, ditch = at["office", ticket], at["ditch", ticket]
        table[at["home", ticket], 4] = [TableOutcome(0.7, office, 1.0, 9.0), TableOutcome(0.3, ditch, 1.0, 9.0)]
        for place in ("home", "platform", "ditch"):
            table[at[place, ticket], 5] = [TableOutcome(1.0, at[place, ticket], 4.0)]
    if not drive_first:
        return TabularDynamics(states, actions, table)
    liked = [[1e-6, 1e-6, 1e-6, 1e-6, 0.5, 0.5] for _ in states]
    return TabularDynamics(states, actions, table, liked)


def random_table(
    seed: int,
    states: int = 6,
    actions: int = 3,
    outcomes: int = 2,
    durations: tuple[float, ...] = (0.0, 1.0, 2.0),
    heads: int = 2,
    legal: float = 0.8,
) -> TabularDynamics:
    """Return a random small world: fact `s` is the state, `half` says in which half it lies; the last is the goal."""
    random = np.random.default_rng(seed)
    facts = [{"s": row, "half": "low" if row < states / 2 else "high"} for row in range(states)]
    table: dict[tuple[int, int], list[TableOutcome]] = {}
    for state in range(states - 1):
        for action in range(actions):
            if random.random() > legal:
                continue
            probs = random.dirichlet(np.ones(outcomes))
            opinions = random.dirichlet(np.ones(outcomes), heads)
            table[state, action] = [
                TableOutcome(
                    float(probs[k]),
                    int(random.integers(states)),
                    float(random.choice(durations)),
                    float(random.integers(4)),
                    float(random.choice([0.0, 0.0, 0.0, 0.5])),
                    tuple(float(p) for p in opinions[:, k]),
                )
                for k in range(outcomes)
            ]
    return TabularDynamics(facts, tuple(Action(f"a{i}") for i in range(actions)), table)
