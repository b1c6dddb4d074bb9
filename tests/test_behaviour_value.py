"""Acting once and then going on as recorded behaviour does: imagined worth against closed forms and the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wmagent.domain.types import Action, Condition, Goal
from wmagent.errors import InputError
from wmagent.planning.behaviour_value import following, imagined_behaviour_value
from wmagent.planning.tabular import TableOutcome, TabularDynamics

STATES = [{"s": "start"}, {"s": "middle"}, {"s": "won"}, {"s": "lost"}]
ACTIONS = [Action("go"), Action("risk"), Action("wait")]
GO, RISK, WAIT = range(3)
WON = (Condition("s", "won"),)


def chain(stay: float = 0.0) -> TabularDynamics:
    table = {
        (0, GO): [TableOutcome(1.0, 1, 4.0)],
        (0, RISK): [TableOutcome(0.6, 2, 4.0), TableOutcome(0.4, 3, 4.0)],
        (1, GO): [TableOutcome(0.9, 2, 4.0), TableOutcome(0.1, 3, 4.0)],
        (1, WAIT): [TableOutcome(1.0, 1, stay)],
    }
    return TabularDynamics(STATES, ACTIONS, table, [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0, 0, 0], [0, 0, 0]])


def test_the_first_action_is_done_and_behaviour_follows() -> None:
    model = chain()
    start = model.observe([STATES[0], STATES[1]])
    worth = {a: imagined_behaviour_value(model, start, a, Goal(WON)) for a in (None, GO, RISK)}
    assert worth[GO] == pytest.approx([0.9, 0.9], abs=1e-4)  # waiting only takes time
    assert worth[RISK][0] == pytest.approx(0.6, abs=1e-6)
    assert math.isnan(worth[RISK][1])  # not legal there
    assert worth[None] == pytest.approx([0.75, 0.9], abs=1e-4)


def test_a_deadline_counts_the_hours_that_behaviour_wastes() -> None:
    model = chain(stay=4.0)
    start = model.observe([STATES[0]])
    for tries in (0, 1, 2, 3):  # in the middle, half the time behaviour waits 4 hours
        found = imagined_behaviour_value(model, start, GO, Goal(WON, deadline=4.0 + 4.0 * tries))
        assert found == pytest.approx([0.9 * (1 - 0.5**tries)], abs=1e-6)


@pytest.mark.parametrize("deadline", [None, 12.0])
def test_nothing_is_found_out_twice_and_questions_do_not_change_each_other(deadline: float | None) -> None:
    model, goal = chain(stay=4.0), Goal(WON, deadline=deadline)
    start, both = model.observe([STATES[0]]), model.observe([STATES[1], STATES[0]])
    questions = [(start, RISK), (start, GO), (both, None), (both, GO), (both, WAIT)]
    alone = [imagined_behaviour_value(model, states, action, goal) for states, action in questions]
    followed = following(model, start, goal)
    for _ in range(2):
        for (states, action), expected in zip(questions, alone, strict=True):
            found = imagined_behaviour_value(model, states, action, goal, followed=followed)
            assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
    imagined, model.imagine = followed.graph.imagined, None  # type: ignore[assignment]
    model.legality = None  # type: ignore[assignment]  # nothing more is asked of the model
    for states, action in questions:
        imagined_behaviour_value(model, states, action, goal, followed=followed)
    assert followed.graph.imagined == imagined


def test_settled_states_are_worth_what_they_are() -> None:
    model = chain()
    start = model.observe([STATES[2], STATES[3]])
    assert imagined_behaviour_value(model, start, None, Goal(WON)).tolist() == [1.0, 0.0]
    assert imagined_behaviour_value(model, start, GO, Goal(WON))[0] == 1.0


def test_what_ends_on_a_forbidden_fact_fails() -> None:
    goal = Goal(WON, forbidden=(Condition("s", "middle"),))
    model = chain()
    assert imagined_behaviour_value(model, model.observe([STATES[0]]), GO, goal) == pytest.approx([0.0])
    assert imagined_behaviour_value(model, model.observe([STATES[0]]), RISK, goal) == pytest.approx([0.6])


def test_a_cost_limit_is_refused() -> None:
    model = chain()
    with pytest.raises(InputError, match="cost limit"):
        imagined_behaviour_value(model, model.observe([STATES[0]]), GO, Goal(WON, max_cost=5.0))


def test_agrees_with_simulated_behaviour_in_the_contract_world() -> None:
    from random import Random

    from wmagent import worlds

    world = worlds.load("contract-approval")
    start = world.initial(3)
    model = TabularDynamics.from_oracle(world.oracle(), world.actions, start)
    goal, deadline = next((goal, 480.0) for goal in world.goals() if goal.deadline == 480)
    first = next(i for i, action in enumerate(world.actions) if action in world.legal(start))
    found = float(imagined_behaviour_value(model, model.observe([start]), first, goal)[0])
    random, won, n = Random(0), 0, 2_000
    for _ in range(n):
        state, hours, action = start, 0.0, world.actions[first]
        while True:
            step = world.step(state, action, random.getrandbits(32))
            state, hours = step.state, hours + step.duration
            legal = world.legal(state)
            if goal.reached(state) or hours > deadline or not legal:
                break
            action = random.choice(legal)  # the table's behaviour is uniform
        won += goal.reached(state) and hours <= deadline
    assert found == pytest.approx(won / n, abs=4 * np.sqrt(0.25 / n))
