"""Confounded worlds: urgency sways outcomes and decisions, the log shows it, and the truth of every action is exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from wmagent import worlds
from wmagent.domain.checks import check_world
from wmagent.domain.types import Action, Condition, Facts, Goal, Transition
from wmagent.errors import InputError
from wmagent.worlds.confounding import confounded, confounder, counterfactuals, logged
from wmagent.worlds.generator import random_workflow
from wmagent.worlds.loading import world_from
from wmagent.worlds.restricting import restricted
from wmagent.worlds.workflow import WorkflowWorld

REPAIR: dict[str, Any] = {
    "format": 1,
    "name": "repair",
    "facts": {
        "kind": {"values": ["old", "new"], "start": {"old": 0.5, "new": 0.5}, "static": True},
        "part": {"values": ["broken", "patched", "mended", "lost"], "start": "broken"},
    },
    "actions": {
        "patch": {
            "guard": "part == broken",
            "duration": 1,
            "effects": [
                {"outcomes": [{"chance": 0.6, "set": {"part": "patched"}}, {"chance": 0.4, "set": {"part": "lost"}}]}
            ],
        },
        "replace": {
            "guard": "part in (broken, patched)",
            "duration": {6: 0.5, 12: 0.5},
            "cost": 10,
            "effects": [
                {
                    "when": "kind == old",
                    "outcomes": [
                        {"chance": 0.5, "set": {"part": "mended"}},
                        {"chance": 0.3},
                        {"chance": 0.2, "set": {"part": "lost"}},
                    ],
                },
                {"outcomes": [{"set": {"part": "mended"}}]},
            ],
        },
    },
    "goals": [{"reach": "part == mended", "words": ["mend it"]}],
    "done": "part in (mended, lost)",
}
OLD: Facts = {"kind": "old", "part": "broken"}
MENDED = Goal((Condition("part", "mended"),))
PATCHED = Goal((Condition("part", "patched"),))
PATCH, REPLACE = Action("patch"), Action("replace")


def stop(facts: Facts, elapsed: float) -> Action | None:
    return None


def always_replace(facts: Facts, elapsed: float) -> Action | None:
    assert "urgency" not in facts
    return REPLACE


@pytest.fixture(scope="module")
def repair() -> WorkflowWorld:
    return confounded(world_from(REPAIR), seed=1)


def test_urgency_is_one_more_static_fact_that_half_of_the_cases_have(repair: WorkflowWorld) -> None:
    assert list(repair.domains) == ["kind", "part", "urgency"]
    assert confounder(repair) == "urgency"
    assert repair.domains["urgency"] == ("routine", "urgent")
    starts = repair.oracle().starts()
    assert sum(chance for chance, facts in starts if facts["urgency"] == "urgent") == 0.5
    assert len(starts) == 4
    check_world(repair)


@pytest.mark.parametrize("name", ["contract-approval", "random"])
def test_urgent_cases_fare_worse_wherever_there_is_chance(name: str) -> None:
    world = random_workflow(2, size="tiny") if name == "random" else worlds.load(name)
    swayed = confounded(world, 0)
    check_world(swayed, walks=2, samples=100)
    for action, part in world.definition.actions.items():
        effects = iter(swayed.definition.actions[action].effects)
        for effect in part.effects:
            if len(effect.outcomes) < 2:
                assert next(effects) == effect
                continue
            urgent, routine = next(effects), next(effects)
            assert "urgency == urgent" in urgent.when
            assert routine.when == effect.when
            odds = [e.outcomes[-1].chance / e.outcomes[0].chance for e in (routine, effect, urgent)]
            assert 3 <= odds[2] / odds[1] <= 6
            assert odds[2] / odds[1] == pytest.approx(odds[1] / odds[0])
        assert next(effects, None) is None


def test_the_best_that_can_be_done_is_worse_in_urgent_cases(repair: WorkflowWorld) -> None:
    oracle = repair.oracle()
    worth = {u: oracle.optimal({**OLD, "urgency": u}, MENDED).probability for u in ("routine", "urgent")}
    before = world_from(REPAIR).oracle().optimal(OLD, MENDED).probability
    assert worth["urgent"] < before - 0.15 < before + 0.15 < worth["routine"]


def test_a_world_with_an_urgency_of_its_own_gets_another_one(repair: WorkflowWorld) -> None:
    again = confounded(repair, 3)
    assert list(again.domains) == ["kind", "part", "urgency", "urgency 2"]
    assert confounder(again) == "urgency 2"
    check_world(again)
    assert confounded(repair, 3) == again != confounded(repair, 4)


def test_without_strength_the_log_is_plain_experience(repair: WorkflowWorld) -> None:
    rows = logged(repair, 400, seed=5, strength=0)
    assert rows == worlds.experience(repair, 400, seed=5)
    assert logged(repair, 400, 5, 0.7) == logged(repair, 400, 5, 0.7) != rows
    hidden = logged(repair, 400, 5, 0.7, hide=True)
    for shown, row in zip(logged(repair, 400, 5, 0.7), hidden, strict=True):
        for seen, whole in ((row.before, shown.before), (row.after, shown.after)):
            assert {**seen.facts, "urgency": whole.facts["urgency"]} == whole.facts
            assert "urgency" not in seen.facts
        assert (row.action, row.duration, row.error, row.case) == (
            shown.action, shown.duration, shown.error, shown.case,
        )  # fmt: skip


def test_the_stronger_the_more_urgency_tells_the_action(repair: WorkflowWorld) -> None:
    def told(strength: float) -> float:
        first = [row for row in logged(repair, 1_500, 0, strength, attempts=0) if row.before.facts["part"] == "broken"]
        urgent = [row.action == PATCH for row in first if row.before.facts["urgency"] == "urgent"]
        routine = [row.action == PATCH for row in first if row.before.facts["urgency"] == "routine"]
        return abs(sum(urgent) / len(urgent) - sum(routine) / len(routine))

    none, half, all_ = told(0), told(0.5), told(1)
    assert none < 0.1 < 0.3 < half < 0.7 < all_


def errors(world: WorkflowWorld, rows: Iterable[Transition], least: int = 60) -> dict[str, list[float]]:
    """Return how far the frequency of each action's effect on first states is from the exact truth, by action."""
    key, oracle = confounder(world), world.oracle()
    first: dict[tuple[Any, Action], list[Transition]] = defaultdict(list)
    cases: set[str] = set()
    for row in rows:
        if row.case not in cases:
            cases.add(row.case)
            seen = tuple((name, value) for name, value in row.before.facts.items() if name != key)
            first[seen, row.action].append(row)
    found: dict[str, list[float]] = defaultdict(list)
    for (seen, action), tries in first.items():
        facts = dict(seen)
        changes = {(n, v) for row in tries for n, v in row.after.facts.items() if n != key and v != facts[n]}
        for name, value in changes if len(tries) >= least else ():
            truth = counterfactuals(world, facts, Goal((Condition(name, value),)), stop, (action,), oracle)[0]
            share = sum(row.after.facts[name] == value for row in tries) / len(tries)
            found[action.name].append(abs(share - truth.probability))
    return found


@pytest.mark.parametrize("name", ["repair", "random"])
def test_a_naive_reading_of_the_confounded_log_is_wrong_and_of_the_randomised_log_right(name: str) -> None:
    base = world_from(REPAIR) if name == "repair" else random_workflow(0, size="tiny", branching=3)
    world = confounded(base, 0)

    def worst_on_average(strength: float) -> tuple[float, float]:
        found = errors(world, logged(world, 4_000, 0, strength, hide=True, attempts=0))
        of_all = [error for many in found.values() for error in many]
        return max(of_all), sum(of_all) / len(of_all)

    worst, average = worst_on_average(0)
    assert worst < 0.16
    assert average < 0.05
    worst, average = worst_on_average(0.9)
    assert worst > 0.2
    assert average > 0.12


def test_with_the_urgency_logged_the_confounded_log_tells_the_truth(repair: WorkflowWorld) -> None:
    rows = [row for row in logged(repair, 4_000, 0, 0.9, attempts=0) if row.before.facts["part"] == "broken"]
    truth = counterfactuals(repair, OLD, PATCHED, stop, (PATCH,))[0]
    of_patch = [row for row in rows if row.action == PATCH]
    mixed = 0.0
    for value, chance in truth.chances.items():
        mine = [row.after.facts["part"] == "patched" for row in of_patch if row.before.facts["urgency"] == value]
        assert sum(mine) / len(mine) == pytest.approx(truth.by_value[value], abs=0.08)
        mixed += chance * sum(mine) / len(mine)
    naive = sum(row.after.facts["part"] == "patched" for row in of_patch) / len(of_patch)
    assert abs(mixed - truth.probability) < 0.5 * abs(naive - truth.probability)


def test_counterfactuals_are_exact(repair: WorkflowWorld) -> None:
    oracle = repair.oracle()
    found = {one.action.name: one for one in counterfactuals(repair, OLD, MENDED, always_replace, oracle=oracle)}
    assert set(found) == {"patch", "replace"}
    for name, one in found.items():
        assert one.chances == {"routine": 0.5, "urgent": 0.5}
        assert one.probability == pytest.approx(sum(one.by_value.values()) / 2)
        for value, worth in one.by_value.items():
            # whoever replaces again and again replaces up to fifty times here
            plan = [Action(name), *[REPLACE] * 50]
            assert worth == pytest.approx(oracle.plan_value({**OLD, "urgency": value}, plan, MENDED).probability)
    assert found["patch"].by_value["routine"] > found["patch"].by_value["urgent"]


def test_time_and_money_go_on_after_the_first_action(repair: WorkflowWorld) -> None:
    oracle = repair.oracle()
    for goal in (Goal(MENDED.conditions, deadline=13), Goal(MENDED.conditions, max_cost=15)):
        for one in counterfactuals(repair, OLD, goal, always_replace, oracle=oracle):
            for value, worth in one.by_value.items():
                plan = [Action(one.action.name), *[REPLACE] * 5]
                assert worth == pytest.approx(oracle.plan_value({**OLD, "urgency": value}, plan, goal).probability)

    def until_noon(facts: Facts, elapsed: float) -> Action | None:
        return REPLACE if elapsed < 1 else None

    goal = Goal(MENDED.conditions, deadline=100)
    assert counterfactuals(repair, OLD, goal, until_noon, (PATCH,), oracle)[0].probability == 0
    assert counterfactuals(repair, OLD, Goal(MENDED.conditions, deadline=0.5), always_replace)[0].probability == 0


def test_what_is_reached_or_lost_already_stays_so(repair: WorkflowWorld) -> None:
    broken = Goal((Condition("part", "broken"),))
    assert {one.probability for one in counterfactuals(repair, OLD, broken, stop)} == {1.0}
    lost = Goal(MENDED.conditions, forbidden=(Condition("part", "broken"),))
    assert {one.probability for one in counterfactuals(repair, OLD, lost, always_replace)} == {0.0}


def test_the_urgency_of_the_facts_is_not_looked_at_and_starts_count(repair: WorkflowWorld) -> None:
    for value in ("routine", "urgent"):
        given = counterfactuals(repair, {**OLD, "urgency": value}, MENDED, stop)
        assert given == counterfactuals(repair, OLD, MENDED, stop)
    rare = restricted(repair, {"urgency": {"routine": 0.9, "urgent": 0.1}})
    one = counterfactuals(rare, OLD, PATCHED, stop, (PATCH,))[0]
    assert one.probability == pytest.approx(0.9 * one.by_value["routine"] + 0.1 * one.by_value["urgent"])
    only = counterfactuals(restricted(repair, {"urgency": ["urgent"]}), OLD, PATCHED, stop, (PATCH,))[0]
    assert only.by_value == {"urgent": one.by_value["urgent"]}


def test_bad_questions_are_refused(repair: WorkflowWorld) -> None:
    plain = world_from(REPAIR)
    for ask in (
        lambda: confounder(plain),
        lambda: logged(plain, 10, 0, 0.5),
        lambda: counterfactuals(plain, OLD, MENDED, stop),
    ):
        with pytest.raises(InputError, match="world 'repair' has no urgency as its last fact"):
            ask()
    with pytest.raises(InputError, match="'patch' is not allowed in this state; allowed: replace"):
        counterfactuals(repair, {**OLD, "part": "patched"}, MENDED, stop, (PATCH,))
    with pytest.raises(InputError, match="unknown value of 'part' 'brokn'"):
        counterfactuals(repair, {**OLD, "part": "brokn"}, MENDED, stop)
    with pytest.raises(InputError, match="no case starts with these static facts"):
        counterfactuals(restricted(repair, {"kind": ["new"]}), OLD, MENDED, stop)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), "0.5", True, None])
def test_bad_strengths_are_refused(repair: WorkflowWorld, strength: Any) -> None:
    with pytest.raises(InputError, match="strength is a number from 0 to 1"):
        logged(repair, 10, 0, strength)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "x"])
def test_bad_seeds_are_refused(repair: WorkflowWorld, seed: Any) -> None:
    with pytest.raises(InputError, match="a seed is a whole number"):
        confounded(repair, seed)
    with pytest.raises(InputError, match="a seed is a whole number"):
        logged(repair, 10, seed, 0.5)
