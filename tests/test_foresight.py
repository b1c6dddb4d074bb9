"""Following ways: equal to the exact worth of open plans, times and costs by hand, waits, rules, sentences as rules."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.comparing import difference
from wmagent.agent.doubles import ScriptedWorldModel
from wmagent.agent.plans import objective_for
from wmagent.domain.types import Action, Condition, Facts, Goal, Value
from wmagent.domain.world import Outcome
from wmagent.errors import InputError, OutOfDomain
from wmagent.latent.protocols import Latent
from wmagent.planning.doubles import ERRAND_GOAL, ERRAND_OPTIMUM, ERRAND_START, errand, random_table
from wmagent.planning.foresight import Foreseen, clock_for, foresee, likeliest
from wmagent.planning.graph import ImaginedGraph
from wmagent.planning.open_plans import evaluate_on
from wmagent.planning.ways import FixedCourse, Recorded, Rules, TimedRule

BUY, WALK, WAIT, RIDE, DRIVE, SLEEP = range(6)


def errands(goal: Goal = ERRAND_GOAL) -> ImaginedGraph:
    model = errand()
    return ImaginedGraph(model, model.observe(ERRAND_START), objective_for(goal))


LIMITS: list[dict[str, float]] = [{}, {"deadline": 4.0}, {"max_cost": 5.0}, {"deadline": 4.0, "max_cost": 5.0}]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_a_fixed_course_is_worth_what_open_plans_are(limits: dict[str, float]) -> None:
    for seed in range(12):
        model, draw = random_table(seed), random.Random(seed)
        goal = Goal((Condition("s", 5),), deadline=limits.get("deadline"), max_cost=limits.get("max_cost"))
        graph = ImaginedGraph(model, model.observe({"s": 0, "half": "low"}), objective_for(goal))
        course = tuple(draw.randrange(3) for _ in range(6))
        exact = evaluate_on(graph, [course])[0]
        found = foresee(graph, FixedCourse(course), clock_for(graph, 30.0, 30.0))
        assert found.probability == pytest.approx(exact.probability)
        assert found.heads == pytest.approx(exact.head_probabilities)
        assert (found.duration, found.cost) == (pytest.approx(exact.duration), pytest.approx(exact.cost))
        assert found.chances == pytest.approx(exact.step_probabilities)


def test_times_and_costs_are_distributed_as_worked_out_by_hand() -> None:
    graph = errands()
    found = foresee(graph, FixedCourse((BUY, WALK, WAIT, WAIT, WAIT, RIDE)), clock_for(graph, 10.0, 10.0))
    assert found.probability == pytest.approx(ERRAND_OPTIMUM)
    assert dict(zip(found.hours.tolist(), found.mass.tolist(), strict=True)) == pytest.approx(
        {4: 0.6, 5: 0.24, 6: 0.096}
    )
    assert found.money.tolist() == pytest.approx([3.0, 3.0, 3.0])
    assert (found.by(4.0), found.by(3.9)) == (pytest.approx(0.6), 0.0)
    assert [found.hours_for(share) for share in (0.5, 0.8, 0.95)] == [4.0, 5.0, 6.0]


def test_the_likeliest_line_ends_at_the_goal() -> None:
    graph = errands()
    line = likeliest(graph, FixedCourse((BUY, WALK, WAIT, WAIT, RIDE, SLEEP)), clock_for(graph, 10.0, 10.0))
    assert line.actions == (BUY, WALK, WAIT, RIDE)
    assert line.reach == pytest.approx((1.0, 1.0, 1.0, 0.6))


def test_waiting_takes_time_and_is_not_split_between_hours() -> None:
    graph = errands()
    clock = clock_for(graph, 10.0, 10.0, (0.5,))
    found = foresee(graph, FixedCourse((BUY, WALK, WAIT, WAIT, WAIT, RIDE), {1: 0.5}), clock)
    assert found.probability == pytest.approx(0.84)  # the third wait would end at 6.5
    assert sorted(found.hours.tolist()) == [4.5, 5.5]
    skipped = foresee(graph, FixedCourse((RIDE, BUY, WALK, WAIT, WAIT, WAIT, RIDE), {0: 5.0}), clock)
    assert skipped.probability == pytest.approx(ERRAND_OPTIMUM)  # nobody waits for what is not allowed


def test_beyond_the_clock_there_is_no_quantile() -> None:
    graph = errands(Goal((Condition("place", "office"),)))
    found = foresee(graph, FixedCourse((BUY, WALK, WAIT, WAIT, WAIT, RIDE)), clock_for(graph, 4.0, 10.0))
    assert found.probability == pytest.approx(ERRAND_OPTIMUM)
    assert (found.hours_for(0.5), found.hours_for(0.9)) == (4.0, None)


def test_rules_on_elapsed_and_waiting_time() -> None:
    graph = errands()
    course = FixedCourse((BUY, WALK, WAIT, WAIT, WAIT, RIDE))
    late = Rules((TimedRule(SLEEP, waiting=(Condition("waiting hours", 1, ">="),)),), course, 60)
    # whoever misses the first tram sleeps for 4 h and is too late
    assert foresee(graph, late, clock_for(graph, 10.0, 10.0)).probability == pytest.approx(0.6)
    early = Rules((TimedRule(DRIVE, elapsed=(Condition("elapsed hours", 1, "<"),)),), course, 60)
    assert foresee(graph, early, clock_for(graph, 10.0, 10.0)).probability == pytest.approx(0.7)


def test_recorded_behaviour_that_never_ends_is_followed_for_a_while() -> None:
    graph = errands(Goal((Condition("place", "office"),)))
    found = foresee(graph, Recorded(3), clock_for(graph, 40.0, 40.0))
    assert found.unfinished > 0.1
    longer = foresee(graph, Recorded(60), clock_for(graph, 400.0, 400.0))
    assert longer.unfinished > 0.1  # whoever lies in a ditch sleeps for ever
    assert longer.probability > found.probability


def test_differences_are_as_sure_as_heads_and_cases_are() -> None:
    nothing = np.zeros(0)

    def at(probability: float, *heads: float) -> Foreseen:
        return Foreseen(probability, heads, nothing, nothing, nothing, 0.0, 0.0, 0.0, (), 0.0)

    surely = difference(at(0.8, 0.9, 0.7), 10_000, at(0.5, 0.6, 0.4), 10_000)
    assert surely.value == pytest.approx(0.3)
    assert surely.interval == pytest.approx((0.3, 0.3), abs=0.02)  # both heads agree about the difference
    unsure = difference(at(0.8, 0.9, 0.7), 10_000, at(0.5, 0.4, 0.6), 10_000)
    assert unsure.interval[0] < 0.0 < 0.3 < unsure.interval[1]
    few = difference(at(0.8, 0.9, 0.7), 3, at(0.5, 0.6, 0.4), 10_000)
    assert few.interval[0] < surely.interval[0] - 0.02


LOW, HIGH = "orders above 500 euros need the director", "orders above 5000 euros need the director"
HUGE = "orders above 9000 euros need the director"
TONE = "letters to customers are written in a friendly tone"


@dataclass(frozen=True)
class Reading(ScriptedWorldModel):
    """A scripted model that places sentences it has never seen by their words."""

    def observe(self, facts: Facts | list[Facts], strict: bool = True) -> Latent:  # type: ignore[override]
        if not strict:
            assert isinstance(facts, Mapping)
            new = facts["approval rule"]
            if new not in self.domains["approval rule"]:
                assert isinstance(self.domains, dict)
                self.domains["approval rule"] = (*self.domains["approval rule"], new)
        return super().observe(facts)


def ordering(kind: type[ScriptedWorldModel] = Reading, versions: tuple[str, ...] = (LOW, HIGH)) -> ScriptedWorldModel:
    """Orders of 1,000 euros: ask the director (.5) where the rule's number is lower, then order."""

    def order(facts: Facts) -> list[Outcome]:
        limit = float(next(word for word in str(facts["approval rule"]).split() if word.isdigit()))
        if facts["order"] == "open" and (limit >= 1_000 or facts["director"] == "agreed"):
            return [Outcome(1.0, {**facts, "order": "placed"}, 1.0, 1.0)]
        return []

    def ask(facts: Facts) -> list[Outcome]:
        if facts["director"] != "not asked":
            return []
        return [Outcome(0.5, {**facts, "director": answer}, 2.0, 0.0) for answer in ("agreed", "refused")]

    domains: dict[str, tuple[Value | None, ...]] = {
        "order": ("open", "placed"),
        "director": ("not asked", "agreed", "refused"),
        "approval rule": versions,
        "tone rule": (TONE,),
    }
    return kind(domains, {Action("place order"): order, Action("ask director"): ask})


START: Facts = {"order": "open", "director": "not asked", "approval rule": LOW, "tone rule": TONE}


def test_a_rule_is_changed_to_a_known_version() -> None:
    answer = Agent(ordering()).what_if(START, rules={"approval rule": HIGH.upper()}, until="order placed")
    assert answer.baseline_probability == pytest.approx(0.5)
    assert answer.probability == pytest.approx(1.0)
    assert [action.label() for action in answer.actions] == ["place order"]
    assert not any("never recorded" in warning for warning in answer.warnings)


def test_a_sentence_never_seen_is_read_by_its_words() -> None:
    answer = Agent(ordering()).what_if(START, rules=HUGE, until="order placed")
    assert answer.probability == pytest.approx(1.0)
    assert any("was never recorded like this" in warning for warning in answer.warnings)
    assert answer.question == f"what if the rule 'approval rule' read '{HUGE}'?"


def test_a_model_that_reads_no_new_sentences_says_so() -> None:
    with pytest.raises(OutOfDomain, match="cannot read new versions of the rule 'approval rule'"):
        Agent(ordering(ScriptedWorldModel)).what_if(START, rules=HUGE, until="order placed")


BAD_RULES: list[tuple[object, str]] = [
    ("the moon is made of cheese", "is like no rule of this model; rules: approval rule"),
    ({"tone rule": "letters are rude"}, "only one version of the rule 'tone rule'"),
    ({"order": HUGE}, "'order' is no rule that is written as text"),
    ({"colour": HUGE}, "unknown fact 'colour'"),
    ({"approval rule": " "}, "needs a sentence"),
    (" ", "the rule is empty"),
]


@pytest.mark.parametrize(("rules", "message"), BAD_RULES, ids=[message for _, message in BAD_RULES])
def test_rules_that_cannot_be_changed_are_refused(rules: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Agent(ordering()).what_if(START, rules=rules, until="order placed")  # type: ignore[arg-type]


def test_a_rule_of_which_one_version_is_known_is_refused() -> None:
    with pytest.raises(InputError, match="only one version of the rule 'approval rule'"):
        Agent(ordering(versions=(LOW,))).what_if(START, rules=HIGH, until="order placed")
