"""Evaluation against an exact oracle: a perfect model scores perfectly, and controls and cuts behave as said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import wmagent.worlds as worlds
from wmagent.domain.types import Action, Condition, Facts, Goal, Transition
from wmagent.evals.closed_loop import Replanning, closed_loop, handed_over, policy_worth, random_worth
from wmagent.evals.goals import behaviour_questions, goal_errors, interval_coverage, planner_questions
from wmagent.evals.latency import plan_latency
from wmagent.evals.outcomes import legal_pairs, outcome_errors
from wmagent.evals.tight import tightened
from wmagent.model.controls import Controlled
from wmagent.planning import TabularDynamics, planner

WORLD = """
format: 1
name: door
about: A door that must be unlocked before it is opened, and a hammer that breaks it.
facts:
  lock: {values: [shut, open], start: {shut: 0.7, open: 0.3}}
  door: {values: [closed, open, broken], start: closed}
actions:
  hammer:
    guard: door == closed
    duration: 1
    effects: [{outcomes: [{chance: 0.2, set: {door: open}}, {chance: 0.8, set: {door: broken}}]}]
  unlock:
    guard: lock == shut and door == closed
    duration: {1: 0.5, 2: 0.5}
    effects: [{outcomes: [{chance: 0.8, set: {lock: open}}, {chance: 0.2}]}]
  open:
    guard: lock == open and door == closed
    duration: 1
    effects: [{outcomes: [{chance: 0.9, set: {door: open}}, {chance: 0.1}]}]
goals:
  - {reach: door == open, deadline: 6, words: [open the door in six hours]}
  - {reach: door == open, words: [open the door]}
done: door != closed
"""


@dataclass(frozen=True)
class Said:
    probability: float
    facts: Facts
    duration: float


@dataclass(frozen=True)
class Told:
    outcomes: tuple[Said, ...]
    fact_probabilities: dict[str, dict[Any, float]]


class Known:
    """A forecaster that tells the oracle's outcomes; with `wrong` it moves that mass to a state out of reach."""

    def __init__(self, oracle: Any, wrong: float = 0.0) -> None:
        self.oracle, self.wrong = oracle, wrong

    def forecast(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[Told]:
        found = []
        for state, action in zip(facts, actions, strict=True):
            outcomes = self.oracle.outcomes(state, action)
            said = [Said((1 - self.wrong) * o.probability, o.facts, o.duration) for o in outcomes]
            said.append(Said(self.wrong, {"lock": "melted"}, outcomes[0].duration))
            shares: dict[Any, float] = {}
            for outcome in said:
                value = outcome.facts.get("door")
                shares[value] = shares.get(value, 0.0) + outcome.probability
            found.append(Told(tuple(said), {"door": shares}))
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("worlds") / "door.yaml"
    path.write_text(WORLD)
    return worlds.load(path)


@pytest.fixture(scope="module")
def oracle(world: Any) -> Any:
    return world.oracle()


@pytest.fixture(scope="module")
def starts(world: Any) -> list[Facts]:
    return [{"lock": "shut", "door": "closed"}, {"lock": "open", "door": "closed"}]


@pytest.fixture(scope="module")
def table(world: Any, oracle: Any, starts: list[Facts]) -> TabularDynamics:
    return TabularDynamics.from_oracle(oracle, world.actions, starts)


@pytest.fixture(scope="module")
def rows(world: Any) -> list[Transition]:
    return worlds.experience(world, transitions=200, seed=1)


def test_a_model_that_knows_the_truth_has_no_error(
    world: Any, oracle: Any, starts: list[Facts], rows: list[Transition]
) -> None:
    pairs = legal_pairs(oracle, world.actions, starts, rows[:40], rows)
    assert len(pairs) == 4  # shut: unlock, hammer; open: open, hammer
    assert sum(pair.visits for pair in pairs) == sum(row.error is None for row in rows)
    found: Any = outcome_errors(Known(oracle), pairs)
    for scope in ("uniform", "visited", "uncertain"):
        assert found[scope]["mae"] == pytest.approx(0.0, abs=1e-12)
        assert found[scope]["tv"] == pytest.approx(0.0, abs=1e-12)
        assert found[scope]["hours_mae"] == pytest.approx(0.0, abs=1e-12)
    assert found["calibration"]["uniform"]["ece"] == pytest.approx(0.0, abs=1e-12)


def test_mass_on_impossible_states_counts_in_full(
    world: Any, oracle: Any, starts: list[Facts], rows: list[Transition]
) -> None:
    pairs = legal_pairs(oracle, world.actions, starts, rows, rows)
    found: Any = outcome_errors(Known(oracle, wrong=0.1), pairs)
    assert found["uniform"]["tv"] == pytest.approx(0.1)
    assert found["uniform"]["mae"] == pytest.approx(0.05)  # two true outcomes a pair, each a tenth too small
    assert found["calibration"]["uniform"]["ece"] > 0.05


def test_policy_worth_is_the_oracles(world: Any, oracle: Any, starts: list[Facts]) -> None:
    for goal in world.goals():
        for start in starts:
            policy = oracle.optimal_policy(start, goal)
            assert policy_worth(oracle, start, policy, goal).probability == pytest.approx(
                oracle.policy_value(start, policy, goal).probability
            )
    reached = Goal((Condition("door", "closed"),))
    assert policy_worth(oracle, starts[0], lambda facts, elapsed: None, reached).probability == 1.0
    assert policy_worth(oracle, starts[0], lambda facts, elapsed: None, world.goals()[1]).probability == 0.0


def replanning(dynamics: Any, table: TabularDynamics, world: Any, goal: Goal) -> Replanning:
    return Replanning(dynamics, table.observe, planner("best-first"), goal, world.legal)


def test_replanning_on_the_true_table_is_optimal_and_none_is_not(
    world: Any, oracle: Any, starts: list[Facts], table: TabularDynamics
) -> None:
    cases = [(start, goal) for start in starts for goal in world.goals()]
    real = closed_loop(lambda goal: replanning(Controlled(table, "real"), table, world, goal), oracle, cases, rare=0.0)
    assert [row["worth"] for row in real] == pytest.approx([row["optimal"] for row in real], abs=0.02)
    none = closed_loop(lambda goal: replanning(Controlled(table, "none"), table, world, goal), oracle, cases)
    assert all(0.0 <= row["worth"] <= row["optimal"] + 1e-9 for row in none)
    assert sum(row["worth"] for row in none) < sum(row["worth"] for row in real)
    assert [row["firm"] for row in real] == [row["worth"] for row in real]  # the truth is never refused


def test_a_refusal_may_be_free_or_the_end(world: Any, oracle: Any, starts: list[Facts], table: TabularDynamics) -> None:
    class Stubborn(Controlled):
        """Sees no way to the goal, and believes that opening is what everybody does."""

        def behaviour(self, latent: Any) -> Any:
            import torch

            likes = torch.tensor([float(action.name == "open") for action in self.actions])
            return likes.expand(len(latent), -1)

    cases = [(starts[0], world.goals()[1])]  # the lock is shut: opening is refused
    rows = closed_loop(lambda goal: replanning(Stubborn(table, "none"), table, world, goal), oracle, cases)
    assert rows[0]["firm"] == 0.0
    assert rows[0]["worth"] > 0.1


def test_a_refused_action_is_struck_out_and_decisions_are_remembered(
    world: Any, starts: list[Facts], table: TabularDynamics
) -> None:
    policy = replanning(Controlled(table, "none"), table, world, world.goals()[0])
    first = policy(starts[1], 0.0)
    assert first in world.legal(starts[1])
    assert policy(starts[1], 0.0) == first
    assert policy.decisions == 1
    assert policy({"lock": "open", "door": "broken"}, 0.0) is None


def test_handed_over_plans_are_worth_what_the_oracle_says(
    world: Any, oracle: Any, starts: list[Facts], table: TabularDynamics
) -> None:
    cases = [(start, goal) for start in starts for goal in world.goals()]
    real = handed_over(table, table.observe, planner("best-first"), oracle, cases)
    assert all(row["worth"] <= row["optimal"] + 1e-9 for row in real)
    assert all(row["worth"] > 0.5 for row in real)
    none = handed_over(Controlled(table, "none"), table.observe, planner("best-first"), oracle, cases)
    assert [row["worth"] for row in none] == [0.0] * len(cases)  # no way is seen, so there is no plan


def test_random_choice_is_the_floor(world: Any, oracle: Any, starts: list[Facts]) -> None:
    goal = world.goals()[1]
    worth = random_worth(world, starts[0], goal, seed=0)
    # from shut: unlock or hammer evenly until one works out; from open: open or hammer evenly
    opened = (0.5 * 0.9 + 0.5 * 0.2) / (1 - 0.5 * 0.1)
    assert worth == pytest.approx((0.5 * 0.8 * opened + 0.5 * 0.2) / (1 - 0.5 * 0.2), abs=0.08)
    assert worth < oracle.optimal(starts[0], goal).probability


def test_tight_goals_leave_what_was_asked_for(world: Any, oracle: Any, starts: list[Facts]) -> None:
    goal = world.goals()[1]
    tight = tightened(oracle, starts[0], goal, keep=0.8, step=1.0)
    assert tight is not None
    assert tight.deadline is not None
    best = oracle.optimal(starts[0], goal).probability
    assert oracle.optimal(starts[0], tight).probability >= 0.8 * best
    shorter = Goal(goal.conditions, deadline=tight.deadline - 1.0)
    assert oracle.optimal(starts[0], shorter).probability < 0.8 * best
    assert "tight" in tight.words
    broken = Goal((Condition("door", "open"),))
    assert tightened(oracle, {"lock": "open", "door": "broken"}, broken) is None


def test_goal_probabilities_of_the_true_table_are_exact(
    world: Any, oracle: Any, starts: list[Facts], table: TabularDynamics, rows: list[Transition]
) -> None:
    asked = behaviour_questions(rows, world.goals(), oracle, 20, seed=0)
    asked += planner_questions(table, planner("best-first"), starts, world.goals(), oracle, 6, seed=0)
    assert [q.source for q in asked].count("behaviour") == 20
    assert {q.source for q in asked} == {"behaviour", "planner"}
    found: Any = goal_errors(table, asked)
    assert found["all"]["mae"] == pytest.approx(0.0, abs=1e-4)
    assert found["all"]["mae_of_the_mean"] > 0.05
    blind: Any = goal_errors(_Blind(table), asked)
    assert blind["all"]["mae"] == pytest.approx(blind["all"]["mean_truth"])  # nothing happens: P(goal) = 0


class _Blind(Controlled):
    """Nothing ever happens, but states can still be observed."""

    def __init__(self, table: TabularDynamics) -> None:
        super().__init__(table, "none")
        self.observe = table.observe


class Sure:
    """An agent double: intervals around the truth where it answers, none where it refuses."""

    def __init__(self, width: float, oracle: Any) -> None:
        self.width, self.oracle, self.calls = width, oracle, 0

    def what_if(self, state: Facts, *, actions: Sequence[Action], until: Goal, force: bool = False) -> Any:
        self.calls += 1
        truth = self.oracle.plan_value(state, actions, until).probability
        answered = None if self.calls % 4 == 0 else (truth + 0.01, truth + 0.01 + self.width)
        return type("Answer", (), {"interval": answered})()


def test_coverage_counts_what_is_inside_and_what_is_refused(world: Any, oracle: Any, rows: list[Transition]) -> None:
    asked = behaviour_questions(rows, world.goals(), oracle, 12, seed=2)
    found = interval_coverage(Sure(0.1, oracle), asked)
    assert (found["n"], found["refused"], found["coverage"]) == (9, 3, 0.0)
    assert found["mean_width"] == pytest.approx(0.1)


def test_latency_reports_quantiles_and_restores_threads(world: Any, starts: list[Facts]) -> None:
    import torch

    class Quick:
        def plan(self, goal: Goal, state: Facts) -> Any:
            return type("Plan", (), {"imagined": 7})()

    before = torch.get_num_threads()
    found: Any = plan_latency(Quick(), [(starts[0], world.goals()[0])] * 5, threads=1)
    assert torch.get_num_threads() == before
    assert found["n"] == 5
    assert 0 <= found["p50_ms"] <= found["p95_ms"]
    assert found["imagined"] == 7
