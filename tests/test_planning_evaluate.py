"""`evaluate` and planners against brute-force enumeration on random small worlds. Knows public names only."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wmagent.domain.types import Condition, Goal
from wmagent.errors import InputError
from wmagent.latent.protocols import Budget, Objective
from wmagent.planning import TabularDynamics, evaluate, objective_for, planner
from wmagent.planning.doubles import ERRAND_GOAL, ERRAND_START, errand, random_table

GOAL, BAD = (Condition("s", 5),), (Condition("s", 4),)


def brute_force(
    model: TabularDynamics, start: int, plan: Sequence[int], objective: Objective, head: int | None = None
) -> tuple[float, float, float]:
    """Return P(goal), hours and cost of an open plan by walking every path, one at a time."""
    probability = hours = cost = 0.0

    def walk(state: int, step: int, chance: float, left: float, money: float) -> None:
        nonlocal probability, hours, cost
        facts = model.states[state]
        if any(condition.holds(facts) for condition in objective.forbidden):
            return
        if all(condition.holds(facts) for condition in objective.conditions):
            probability += chance
            return
        if step == len(plan):
            return
        outcomes = model.table.get((state, plan[step]))
        if outcomes is None:
            walk(state, step + 1, chance, left, money)
            return
        price = sum(o.probability * o.cost for o in outcomes)
        for outcome in outcomes:
            share = chance * (outcome.probability if head is None else outcome.heads[head])
            hours += share * outcome.duration
            cost += share * price
            after, rest = left - outcome.duration, money - price
            if after < -1e-9 or rest < -1e-9:
                continue
            won = all(condition.holds(model.states[outcome.state]) for condition in objective.conditions)
            walk(outcome.state, step + 1, share * (1.0 if won else 1.0 - outcome.done), after, rest)

    infinite = float("inf")
    deadline, limit = objective.deadline, objective.max_cost
    walk(start, 0, 1.0, infinite if deadline is None else deadline, infinite if limit is None else limit)
    return probability, hours, cost


def optimum(model: TabularDynamics, start: int, objective: Objective) -> float:
    """Return the best closed-loop P(goal) within the deadline, by plain recursion over (state, hours) to a fixpoint."""
    assert objective.deadline is not None
    top = int(objective.deadline)
    value = {(s, t): 0.0 for s in range(len(model.states)) for t in range(top + 1)}
    change = 1.0
    while change > 1e-13:
        change = 0.0
        for state, left in value:
            facts = model.states[state]
            if any(c.holds(facts) for c in objective.forbidden):
                continue
            if all(c.holds(facts) for c in objective.conditions):
                change = max(change, 1.0 - value[state, left])
                value[state, left] = 1.0
                continue
            for action in range(len(model.actions)):
                worth = 0.0
                for o in model.table.get((state, action), ()):
                    after = left - int(o.duration)
                    won = all(c.holds(model.states[o.state]) for c in objective.conditions)
                    if after >= 0:
                        worth += o.probability * value[o.state, after] * (1.0 if won else 1.0 - o.done)
                change = max(change, worth - value[state, left])
                value[state, left] = max(value[state, left], worth)
    return value[start, top]


plans = st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), some=plans, deadline=st.sampled_from([None, 0.0, 1.0, 3.0, 5.0]))
def test_evaluate_equals_brute_force(seed: int, some: list[list[int]], deadline: float | None) -> None:
    model = random_table(seed)
    objective = Objective(GOAL, BAD, deadline)
    found = evaluate(model, model.observe(model.states[0]), some, objective)
    for plan, candidate in zip(some, found, strict=True):
        probability, hours, cost = brute_force(model, 0, plan, objective)
        assert candidate.probability == pytest.approx(probability, abs=1e-9)
        assert candidate.duration == pytest.approx(hours, abs=1e-9)
        assert candidate.cost == pytest.approx(cost, abs=1e-9)
        heads = candidate.head_probabilities
        for head in range(len(heads) if any(candidate.step_probabilities) else 0):
            assert heads[head] == pytest.approx(brute_force(model, 0, plan, objective, head)[0], abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), plan=st.lists(st.integers(0, 2), max_size=6))
def test_evaluate_knows_a_cost_limit(seed: int, plan: list[int]) -> None:
    model = random_table(seed, outcomes=1)  # one outcome: costs are whole numbers, so the grid of costs is exact
    objective = Objective(GOAL, (), 4.0, max_cost=5.0)
    candidate = evaluate(model, model.observe(model.states[0]), [plan], objective)[0]
    assert candidate.probability == pytest.approx(brute_force(model, 0, plan, objective)[0], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(["best-first", "mcts", "beam", "greedy", "random-shooting"]),
    simulations=st.sampled_from([2, 6, 200]),
)
def test_no_planner_beats_the_optimum(seed: int, name: str, simulations: int) -> None:
    model = random_table(seed)
    objective = Objective(GOAL, BAD, 5.0)
    search = planner(name).plan(model, model.observe(model.states[0]), objective, budget=Budget(simulations))
    assert search.candidates[0].probability <= optimum(model, 0, objective) + 1e-9


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(["best-first", "simulator"]))
def test_exhaustive_search_is_optimal(seed: int, name: str) -> None:
    model = random_table(seed, durations=(1.0, 2.0))
    objective = Objective(GOAL, BAD, 5.0, cost_weight=0.0, hour_weight=0.0, step_weight=1e-7)
    settings = {"enough": 0.0} if name == "best-first" else {}
    search = planner(name, **settings).plan(model, model.observe(model.states[0]), objective, budget=Budget(5_000))
    assert search.candidates[0].probability == pytest.approx(optimum(model, 0, objective), abs=1e-5)


def test_durations_off_the_grid_are_split() -> None:
    model = errand()
    start = model.observe(ERRAND_START)
    plan = [[0, 1, 2, 2, 2, 3]]
    exact = evaluate(model, start, plan, objective_for(ERRAND_GOAL))[0]
    assert exact.probability == pytest.approx(0.936)
    late = evaluate(model, start, plan, objective_for(Goal(ERRAND_GOAL.conditions, deadline=5.999)))[0]
    assert late.probability == pytest.approx(0.84)  # the third wait comes too late


def test_a_plan_skips_what_is_not_legal() -> None:
    model = errand()
    start = model.observe(ERRAND_START)
    objective = objective_for(ERRAND_GOAL)
    plain, padded = evaluate(model, start, [[0, 1, 2, 3], [3, 0, 2, 1, 2, 3]], objective)
    assert padded.probability == plain.probability == pytest.approx(0.6)
    assert padded.step_probabilities == pytest.approx((0.0, 1.0, 0.0, 1.0, 1.0, 0.6))


def test_a_pruned_belief_counts_as_failure() -> None:
    model = random_table(4, states=8, outcomes=4)
    objective = Objective((Condition("s", 7),))
    start, plan = model.observe(model.states[0]), [[0, 1, 2, 0, 1, 2]]
    exact, pruned = (evaluate(model, start, plan, objective, max_states=n)[0].probability for n in (512, 1))
    assert pruned <= exact


def test_unknown_actions_are_refused() -> None:
    model = errand()
    with pytest.raises(InputError, match=r"plan 1 has action index 9; the model has 0\.\.5"):
        evaluate(model, model.observe(ERRAND_START), [[0], [9]], objective_for(ERRAND_GOAL))
