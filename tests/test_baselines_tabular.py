"""The counted baselines against numbers known exactly: optimal policies, analytic successors, hand-made back-off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from wmagent.domain.types import Action, Condition, Facts, Goal, Observation, Transition
from wmagent.errors import InputError
from wmagent.evals.floors import goal_probability, own_policies, own_policy
from wmagent.model.baselines import NAMES, Baseline, Markov, RankedPolicy, Solver, baseline
from wmagent.model.baselines.dynamics import BaselineDynamics
from wmagent.model.baselines.successor import SuccessorRepresentation
from wmagent.model.baselines.tabular_mdp import TabularMDP
from wmagent.worlds import experience, load
from wmagent.worlds.loading import world_from
from wmagent.worlds.workflow import WorkflowWorld

A, B = Action("a"), Action("b")

# Post is slow and sure, a courier fast and risky; a lost parcel ends the case, a damaged one may be repaired.
PARCEL: dict[str, Any] = {
    "format": 1,
    "name": "parcel",
    "facts": {"parcel": {"values": ["open", "packed", "damaged", "delivered", "lost"], "start": "open"}},
    "actions": {
        "pack": {
            "guard": "parcel == open",
            "duration": 2,
            "effects": [{"outcomes": [{"chance": 0.8, "set": {"parcel": "packed"}}, {"chance": 0.2}]}],
        },
        "post": {
            "guard": "parcel == packed",
            "duration": {24: 0.75, 48: 0.25},
            "effects": [
                {
                    "outcomes": [
                        {"chance": 0.9, "set": {"parcel": "delivered"}},
                        {"chance": 0.1, "set": {"parcel": "damaged"}},
                    ]
                }
            ],
        },
        "courier": {
            "guard": "parcel == packed",
            "duration": 6,
            "effects": [
                {
                    "outcomes": [
                        {"chance": 0.75, "set": {"parcel": "delivered"}},
                        {"chance": 0.25, "set": {"parcel": "lost"}},
                    ]
                }
            ],
        },
        "repair": {
            "guard": "parcel == damaged",
            "duration": 4,
            "effects": [{"outcomes": [{"set": {"parcel": "packed"}}]}],
        },
    },
    "goals": [{"reach": "parcel == delivered", "words": ["get it delivered"]}],
    "done": "parcel in (delivered, lost)",
}


def step(before: Facts, action: Action, after: Facts, **more: Any) -> Transition:
    return Transition(Observation(before), action, Observation(after), **more)


def delivered(deadline: float | None = None) -> Goal:
    return Goal((Condition("parcel", "delivered"),), deadline=deadline)


@pytest.fixture(scope="module")
def parcel() -> WorkflowWorld:
    return world_from(PARCEL)


@pytest.fixture(scope="module")
def parcel_rows(parcel: WorkflowWorld) -> list[Transition]:
    return experience(parcel, transitions=6_000, seed=1)


@pytest.fixture(scope="module")
def contract_rows() -> list[Transition]:
    return experience(load("contract-approval"), transitions=4_000, seed=3)


@pytest.mark.parametrize("deadline", [None, 10.0, 30.0, 60.0, 100.0])
def test_from_plenty_of_data_the_tabular_mdp_reaches_the_optimum(
    parcel: WorkflowWorld, parcel_rows: list[Transition], deadline: float | None
) -> None:
    oracle, start, goal = parcel.oracle(), parcel.initial(0), delivered(deadline)
    policy = TabularMDP().fit(parcel_rows).solve(goal)
    best = oracle.optimal(start, goal).probability
    assert 0.7 < best <= 1.0
    assert oracle.policy_value(start, policy, goal).probability == pytest.approx(best, abs=0.005)
    assert policy.value(start) == pytest.approx(best, abs=0.03)


def test_the_time_left_decides_between_courier_and_post(parcel_rows: list[Transition]) -> None:
    policy = TabularMDP().fit(parcel_rows).solve(delivered(100.0))
    assert policy({"parcel": "packed"}, 0.0) == Action("post")
    assert policy({"parcel": "packed"}, 90.0) == Action("courier")
    assert policy({"parcel": "packed"}, 101.0) is None
    assert policy({"parcel": "delivered"}, 0.0) is None
    forbidden = Goal((Condition("parcel", "delivered"),), (Condition("parcel", "damaged"),))
    careful = TabularMDP().fit(parcel_rows).solve(forbidden)
    assert careful({"parcel": "damaged"}, 0.0) is None
    assert careful.value({"parcel": "packed"}) == pytest.approx(0.9, abs=0.02)


def test_a_coarse_clock_is_right_on_average(parcel: WorkflowWorld, parcel_rows: list[Transition]) -> None:
    goal, start = delivered(60.0), parcel.initial(0)
    exact = TabularMDP(cells=256).fit(parcel_rows).solve(goal)
    coarse = TabularMDP(cells=9).fit(parcel_rows).solve(goal)
    assert (exact.clock.unit, exact.clock.top) == (2.0, 30)
    assert coarse.clock.unit == pytest.approx(60 / 9)
    assert coarse.value(start) == pytest.approx(exact.value(start), abs=0.1)


def test_pairs_never_seen_back_off_as_documented() -> None:
    rows = [step({"x": 0, "y": 0}, A, {"x": 1, "y": 0}, duration=1.0)] * 3
    rows += [step({"x": 0, "y": 0}, A, {"x": 2, "y": 0}, duration=1.0)]
    rows += [step({"x": 0, "y": 0}, B, {"x": 0, "y": 0}, error="no")]
    mdp = TabularMDP().fit(rows)
    assert mdp.fact_probabilities([{"x": 0, "y": 0}], [A])[0]["x"] == {1: 0.75, 2: 0.25}
    assert mdp.predict([{"x": 0, "y": 9}], [A]) == [{"x": 1, "y": 9}]  # the action's usual change
    assert mdp.predict([{"x": 1, "y": 0}], [Action("new")]) == [{"x": 1, "y": 0}]
    nothing = TabularMDP(unseen="nothing").fit(rows)
    assert nothing.predict([{"x": 0, "y": 9}, {"x": 0, "y": 0}], [A, A]) == [{"x": 0, "y": 9}, {"x": 1, "y": 0}]
    # legality: one attempt of the action's overall share, (1 + 0) / (1 + 1), joins the recorded attempts
    assert mdp.legality([{"x": 0, "y": 0}, {"x": 7, "y": 0}], [B, B]) == [0.25, 0.5]
    assert mdp.legality([{"x": 0, "y": 0}], [A]) == [1.0]


def test_in_a_state_never_seen_the_policy_guesses_one_step_ahead() -> None:
    rows = [step({"x": "start", "note": n}, A, {"x": "middle", "note": "n"}, duration=2.0) for n in "pqr"]
    rows += [step({"x": "middle", "note": "n"}, A, {"x": "middle", "note": "n"}, duration=1.0)] * 9
    rows += [step({"x": "middle", "note": "n"}, B, {"x": "end", "note": "n"}, duration=1.0)]
    goal = Goal((Condition("x", "end"),), deadline=4.0)
    policy = TabularMDP().fit(rows).solve(goal)
    assert policy({"x": "middle", "note": "n"}, 0.0) == B
    assert policy({"x": "odd", "note": "?"}, 0.0) == B  # b usually ends it, whatever the state
    assert policy.value({"x": "odd", "note": "?"}, 0.0) > 0.9
    assert policy.value({"x": "odd", "note": "?"}, 3.5) == 0.0  # b takes an hour
    assert policy({"x": "odd", "note": "?"}, 3.5) == A  # then by habit
    ignorant = TabularMDP(unseen="nothing").fit(rows).solve(goal)
    assert ignorant({"x": "odd", "note": "?"}, 0.0) == A


def test_a_case_that_ended_short_of_the_goal_goes_no_further() -> None:
    rows = [step({"x": 0}, A, {"x": 1}, done=True), step({"x": 1}, B, {"x": 2}, case="other")]
    policy = TabularMDP(unseen="nothing").fit(rows).solve(Goal((Condition("x", 2),)))
    assert policy.value({"x": 0}) == 0.0
    assert policy.value({"x": 1}) == pytest.approx(1.0, abs=1e-3)


def chain(n: int, right: int, left: int) -> list[Transition]:
    """A walk on 0..n-1 in exact proportions: right and left moves from inner places, only right from 0, stay at n-1."""
    rows = []
    for place in range(n - 1):
        ways = [(A, place + 1)] * right + ([(B, place - 1)] * left if place else [])
        rows += [step({"place": place}, action, {"place": to}) for action, to in ways]
    return rows + [step({"place": n - 1}, A, {"place": n - 1})] * 4


def test_the_successor_representation_is_the_analytic_one_on_a_chain() -> None:
    n, discount = 6, 0.9
    learner = SuccessorRepresentation(discount=discount, ridge=1e-9).fit(chain(n, right=3, left=1))
    p = np.zeros((n, n))
    for place in range(1, n - 1):
        p[place, place + 1], p[place, place - 1] = 0.75, 0.25
    p[0, 1] = p[n - 1, n - 1] = 1.0
    analytic = np.linalg.inv(np.eye(n) - discount * p)
    assert learner.learned.codes.values == (tuple(range(n)),)
    assert learner.learned.matrix == pytest.approx(analytic, abs=1e-6)
    states: Sequence[Facts] = [{"place": place} for place in range(1, n - 1)]
    psi = learner.successor_features(states, [B] * len(states))
    assert psi == pytest.approx(analytic[: n - 2], abs=1e-6)  # b leads one place to the left, then as recorded
    goal = Goal((Condition("place", n - 1),))
    assert learner.values(states, [A] * len(states), goal) == pytest.approx(analytic[2:, n - 1].tolist(), abs=1e-5)
    assert learner.solve(goal)({"place": 2}, 0.0) == A
    assert learner.solve(Goal((Condition("place", 0),)))({"place": 2}, 0.0) == B


def test_nothing_follows_the_end_of_a_case() -> None:
    rows = [step({"x": 0}, A, {"x": 1}), step({"x": 1}, A, {"x": 2}, done=True), step({"x": 2}, B, {"x": 0})]
    matrix = SuccessorRepresentation(discount=0.5, ridge=1e-9).fit(rows).learned.matrix
    assert matrix[1] == pytest.approx([0.0, 1.0, 0.5], abs=1e-6)
    assert matrix[0] == pytest.approx([1.0, 0.5, 0.25], abs=1e-6)


def test_the_successor_representation_says_what_it_cannot_do() -> None:
    with pytest.raises(InputError, match="at least one transition"):
        SuccessorRepresentation().fit([])
    with pytest.raises(InputError, match=r"call fit\(transitions\)"):
        SuccessorRepresentation().solve(Goal((Condition("x", 1),)))
    with pytest.raises(InputError, match=r"call fit\(transitions\)"):
        TabularMDP().solve(Goal((Condition("x", 1),)))
    rows = [step({"x": i % 2, "id": f"n{i}"}, A, {"x": 1 - i % 2, "id": f"n{i}"}) for i in range(100)]
    learner = SuccessorRepresentation().fit(rows)
    assert learner.learned.codes.keys == ("x",)  # an id in every row is no feature
    assert learner.predict([{"x": 1, "id": "new"}, {"x": "odd", "id": "n1"}], [A, B]) == [
        {"x": 0, "id": "new"},
        {"x": "odd", "id": "n1"},
    ]


def test_markov_interpolates_as_witten_and_bell_did() -> None:
    rows = [step({"x": "off"}, A, {"x": "on"}, case="1"), step({"x": "on"}, A, {"x": "off"}, case="1")]
    rows += [step({"x": "on"}, A, {"x": "off"}, case="1"), step({"x": "on"}, A, {"x": "on"}, case="1", error="no")]
    model = Markov(order=1, least=0.0).fit(rows)
    on, off = (("x", "on"),), (("x", "off"),)
    # action alone: 4 rows, 3 kinds (on 1, off 2, nothing 1 and the bottom's mass); after x = on: 3 rows, 2 kinds
    alone = {on: 1 / 7, off: 2 / 7, (): (1 + 3) / 7}
    seen = {change: (n + 2 * alone[change]) / 5 for change, n in ((off, 2), ((), 1), (on, 0))}
    assert dict(model.shares({"x": "on"}, A)) == pytest.approx(seen)
    assert next(iter(model.shares({"x": "on"}, A))) == off
    legal_alone = (3 + 2 * 1.0) / 6
    assert model.legality([{"x": "on"}], [A]) == [pytest.approx((2 + 2 * legal_alone) / 5)]
    assert dict(model.shares({"x": "never seen"}, A)) == pytest.approx(alone)
    assert dict(model.shares({"x": "on"}, B)) == {(): 1.0}


def test_markov_reads_the_latest_changes_off_the_facts() -> None:
    walk: list[Facts] = [{"s": "new", "t": "no", "size": 3}, {"s": "sent", "t": "no", "size": 3}]
    walk += [{"s": "sent", "t": "yes", "size": 3}]
    rows = [step(walk[0], A, walk[1], case="c"), step(walk[1], A, walk[2], case="c")]
    model = Markov().fit(rows)
    assert model.history(walk[2]) == (("t", "yes"), ("s", "sent"))
    assert model.history(walk[0]) == ()
    assert model.predict(walk[:2], [A, A]) == [walk[1], walk[2]]


def test_markov_sums_to_one_and_beats_persistence_in_likelihood(contract_rows: list[Transition]) -> None:
    train, held_out = contract_rows[:3_000], contract_rows[3_000:]
    models: dict[str, Baseline] = {"markov": Markov(least=0.0).fit(train), "order 0": Markov(order=0).fit(train)}
    models["persistence"] = baseline("persistence").fit(train)
    facts, actions = [row.before.facts for row in held_out], [row.action for row in held_out]
    for row, outcomes in zip(held_out, models["markov"].outcomes(facts, actions), strict=True):
        assert sum(o.probability for o in outcomes) == pytest.approx(1.0), row.action
    fits = {name: likelihood(model, held_out) for name, model in models.items()}
    assert fits["markov"] > fits["order 0"] > fits["persistence"]


def likelihood(model: Baseline, rows: Sequence[Transition]) -> float:
    """Mean log probability of the facts that may change; what a model leaves unsaid is spread over ten values."""
    total = 0.0
    said = model.fact_probabilities([row.before.facts for row in rows], [row.action for row in rows])
    keys = ("status", "documents", "risk rating", "legal review", "finance check", "manager approval")
    for row, shares in zip(rows, said, strict=True):
        for key in keys:
            values = shares.get(key, {row.before.facts[key]: 1.0})
            rest = max(1.0 - sum(values.values()), 1e-4) / 10
            total += math.log(values.get(row.after.facts[key], 0.0) + rest)
    return total / len(rows)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "copy_gated_mlp"])
def test_every_baseline_gives_a_goal_probability_and_maybe_a_policy(
    parcel: WorkflowWorld, parcel_rows: list[Transition], name: str
) -> None:
    fitted = baseline(name).fit(parcel_rows)
    dynamics, start = BaselineDynamics(fitted, parcel_rows), parcel.initial(0)
    plan = [Action("pack"), Action("teleport"), Action("courier")]
    said = goal_probability(dynamics, start, plan, delivered())
    assert 0.0 <= said <= 1.0
    if name == "tabular_mdp":
        assert said == pytest.approx(0.8 * 0.75, abs=0.03)
        assert goal_probability(dynamics, start, plan, delivered(7.0)) == 0.0
        assert goal_probability(dynamics, start, [], delivered()) == 0.0
    rows = own_policies(fitted, parcel.legal, parcel.oracle(), [(start, delivered())])
    assert bool(rows) == isinstance(fitted, Solver) == (own_policy(fitted, delivered(), parcel.legal) is not None)
    assert all(0.5 < row["worth"] <= row["optimal"] + 1e-9 for row in rows)


class Stubborn(RankedPolicy):
    """Wants the impossible first."""

    def choices(self, facts: Facts, elapsed: float) -> tuple[Action, ...]:
        return (Action("courier"), Action("pack"))

    def value(self, facts: Facts, elapsed: float = 0.0) -> float:
        return 1.0


def test_a_refused_choice_gives_way_to_the_next(parcel: WorkflowWorld) -> None:
    from wmagent.evals.floors import Allowed

    policy = Allowed(Stubborn(), parcel.legal)
    assert policy({"parcel": "open"}, 0.0) == Action("pack")
    assert policy({"parcel": "packed"}, 0.0) == Action("courier")
    assert policy({"parcel": "damaged"}, 0.0) is None
