"""The parts of the what-if evaluation on a small exact world: questions, scores, success by regret, rollouts, flips."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

import wmagent.worlds as worlds
from wmagent.agent.doubles import ScriptedWorldModel
from wmagent.domain.types import Action, Condition, Facts, Goal, Transition, key_of
from wmagent.errors import InputError
from wmagent.evals.flips import flip_scores, flips
from wmagent.evals.interventions import RARE, Answered, Question, questions, scores
from wmagent.evals.metrics import auroc
from wmagent.evals.outcomes import recorded_pairs
from wmagent.evals.rollouts import courses, exact, imagined, persistence, rollout_scores
from wmagent.evals.rule_shift import policies, split_rules
from wmagent.evals.success import simulate, success

DOOR = """
format: 1
name: door
about: A door that must be unlocked before it is opened, and a hammer that breaks it.
facts:
  lock: {values: [shut, open], start: {shut: 0.7, open: 0.3}}
  colour: {values: [red, green, blue], static: true, start: {red: 0.4, green: 0.4, blue: 0.2}}
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
goals: [{reach: door == open, deadline: 6, words: [open the door]}]
done: door != closed
"""
START = {"lock": "shut", "colour": "red", "door": "closed"}
GOAL = Goal((Condition("door", "open"),), deadline=6.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("worlds") / "door.yaml"
    path.write_text(DOOR)
    return worlds.load(path)


@pytest.fixture(scope="module")
def cases(world: Any) -> list[Transition]:
    return worlds.experience(world, transitions=300, seed=1)


def test_questions_are_about_what_was_hardly_recorded_and_know_the_truth(world: Any, cases: list[Transition]) -> None:
    oracle, training = world.oracle(), worlds.experience(world, transitions=60, seed=2)
    counts = recorded_pairs(training)
    assert max(counts.values()) >= RARE  # so that rare is not all there is
    asked = questions(world, oracle, training, cases, 20, seed=0)
    assert asked
    for one in asked:
        assert one.seen == counts[key_of(one.start), one.actions[0].label()] < RARE
        assert one.actions[0] in world.legal(one.start)
        assert one.truth == oracle.plan_value(one.start, one.actions, one.goal).probability
    assert asked == questions(world, oracle, training, cases, 20, seed=0)


def answered(said: float, truth: float, support: str, illegal: bool = False) -> Answered:
    question = Question(START, (Action("open"),), GOAL, "do", 0, truth)
    return Answered(question, said, (said - 0.1, said + 0.1), support, illegal=illegal)


def test_scores_are_the_arithmetic_they_say() -> None:
    found = scores([
        answered(0.5, 0.45, "observed"),
        answered(0.9, 0.6, "interpolated"),  # a large error that was not refused
        answered(0.9, 0.2, "extrapolated"),  # a large error that was
        answered(0.3, 0.3, "extrapolated"),  # refused without need
        answered(0.0, 0.4, "extrapolated", illegal=True),
    ])  # fmt: skip
    assert (found["n"], found["answered"], found["refused"], found["illegal"]) == (5, 2, 3, 1)
    assert found["mae"] == pytest.approx((0.05 + 0.3) / 2)
    assert (found["large_errors"], found["caught"]) == (3, pytest.approx(2 / 3))
    assert found["needless"] == pytest.approx(1 / 3)
    assert found["coverage"] == 0.5
    assert found["by_support"]["extrapolated"] == {"n": 3, "mae": pytest.approx((0.7 + 0.0 + 0.4) / 3)}


def test_success_by_regret_is_the_exact_value_where_what_is_lost_is_lost_at_once(world: Any) -> None:
    """Hammering first loses the same in every case, so three runs suffice for the exact value."""
    oracle = world.oracle()

    def hammering(facts: Facts, elapsed: float) -> Action:
        return Action("hammer")

    runs = simulate(world, oracle, lambda start, goal: hammering, [(START, GOAL)], 3, seed=0)
    found = success(runs, 3)
    assert found["success"] == pytest.approx(oracle.policy_value(START, hammering, GOAL).probability) == 0.2
    assert found["optimal"] == pytest.approx(oracle.optimal(START, GOAL).probability)
    assert found["relative"] == pytest.approx(found["success"] / found["optimal"])


def test_the_best_policy_loses_nothing_and_a_worse_one_what_it_is_worth_less(world: Any) -> None:
    oracle = world.oracle()
    best = success(simulate(world, oracle, oracle.optimal_policy, [(START, GOAL)], 20, seed=0), 20)
    assert best["success"] == pytest.approx(best["optimal"])

    def hasty(facts: Facts, elapsed: float) -> Action:
        return Action("open") if facts["lock"] == "open" else Action("unlock" if elapsed < 1 else "hammer")

    value = oracle.policy_value(START, hasty, GOAL).probability
    found = success(simulate(world, oracle, lambda start, goal: hasty, [(START, GOAL)], 400, seed=0), 400)
    assert found["success"] == pytest.approx(value, abs=0.03)
    assert value < best["success"] - 0.05


def test_what_is_not_allowed_ends_a_case(world: Any) -> None:
    runs = simulate(world, world.oracle(), lambda start, goal: lambda f, t: Action("open"), [(START, GOAL)], 2, seed=0)
    found = success(runs, 2)
    assert (found["success"], found["refused"]) == (pytest.approx(0.0), 1.0)


def test_rollouts_of_the_truths_own_table_are_exact(world: Any, cases: list[Transition]) -> None:
    oracle = world.oracle()
    asked = [(start, actions) for start, actions in courses(cases, 12, seed=0) if start["colour"] == "red"]
    assert len({action for _, actions in asked for action in actions}) == 3
    model = ScriptedWorldModel.from_oracle(oracle, world.actions, START)
    found = rollout_scores(exact(oracle), {"own": imagined(model), "persistence": persistence}, asked)
    for steps in ("1", "5", "20"):
        assert found["own"][steps]["accuracy"] == 1.0
        assert found["own"][steps]["uncertain_facts"] > 0
        assert found["own"][steps]["distance"] == pytest.approx(0.0, abs=1e-3)
        assert found["persistence"][steps]["distance"] > 0.3


def test_auroc_is_the_chance_of_the_right_order_with_ties_half() -> None:
    assert auroc([1.0, 2.0], [3.0, 4.0]) == 1.0
    assert auroc([3.0, 4.0], [1.0, 2.0]) == 0.0
    assert auroc([1.0, 2.0], [2.0, 1.5]) == pytest.approx((1.5 + 1.0) / 4)


@dataclass(frozen=True)
class Suspicious:
    """Scores steps that change the colour as odd, and names the colour; notices nothing else."""

    def score(self, rows: list[Transition]) -> list[Any]:
        moved = [row.before.facts["colour"] != row.after.facts["colour"] for row in rows]
        return [SimpleNamespace(nll=float(m), odd=(SimpleNamespace(key="colour"),) if m else ()) for m in moved]


def test_flips_are_impossible_and_scored_by_what_is_noticed(world: Any, cases: list[Transition]) -> None:
    oracle = world.oracle()
    found = flips(cases, world.domains, oracle, 60, seed=0)
    for flip in found:
        possible = [dict(o.facts) for o in oracle.outcomes(flip.odd.before.facts, flip.odd.action)]
        assert dict(flip.normal.after.facts) in possible
        assert dict(flip.odd.after.facts) not in possible
        changed = [k for k, v in flip.odd.after.facts.items() if flip.normal.after.facts[k] != v]
        assert changed == [flip.key]
    share = sum(flip.key == "colour" for flip in found) / len(found)
    assert 0 < share < 1
    result = flip_scores(Suspicious(), found)
    assert result["localised"] == pytest.approx(share)
    assert result["auroc"] == pytest.approx(share + (1 - share) / 2)


def test_rules_with_numbers_keep_their_ends_and_hold_out_inner_values() -> None:
    world = worlds.load("purchase-to-pay")
    rules, (old, new) = policies(world), split_rules(world, seed=3)
    assert new
    assert old.keys() == rules.keys()
    for key, values in rules.items():
        held = new.get(key, [])
        assert sorted([*old[key], *held], key=str) == sorted(values, key=str)
        if held:
            kept, inner = sorted(map(float, old[key])), sorted(map(float, held))
            assert kept[0] < inner[0] <= inner[-1] < kept[-1]
    assert (old, new) == split_rules(world, seed=3)


def test_a_world_without_rules_as_text_is_refused(world: Any) -> None:
    with pytest.raises(InputError, match="no rules that are shown as text"):
        split_rules(world, 0)
