"""Planning through the graph on worlds whose every number is known."""

from __future__ import annotations

import json

import pytest

from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedProposer, ScriptedWorldModel, review_model
from wmagent.agent.plain import from_plain
from wmagent.agent.proposer import BehaviourProposer
from wmagent.agent.scripted import Rule
from wmagent.domain.answers import Plan
from wmagent.domain.types import Action, Condition, Facts, Goal, Observation, Value
from wmagent.domain.world import Outcome
from wmagent.errors import CheckpointError, InputError, OutOfDomain, ProposalError
from wmagent.worlds import load

WANTED = "approved within 10 days without a hold"


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent(review_model())


def labels(plan: Plan) -> list[str]:
    return [action.label() for action in plan.actions]


def test_the_plan_of_a_known_world(agent: Agent) -> None:
    plan = agent.plan(WANTED, REVIEW_START)
    assert labels(plan) == ["submit", "legal_review", "approve"]
    # 240 h leave four negotiations after 28 h; where all of them fail there is still time to rush
    assert plan.probability == pytest.approx(0.8 + 0.2 * (1 - 0.25**4 * 0.5), abs=1e-6)
    assert plan.interval[0] < plan.probability <= plan.interval[1] <= 1.0
    review = plan.steps[1]
    assert [(c.key, c.before, c.after) for c in review.changes] == [("legal review", "not started", "passed")]
    assert review.changes[0].probability == pytest.approx(0.8)
    assert (review.duration, review.cost, review.evidence.n) == (24.0, 100.0, 50)
    assert plan.support == "observed"
    assert plan.warnings == ()
    assert plan.goal.words == WANTED
    assert plan.imagined > 0


def test_contingencies_say_what_is_done_otherwise(agent: Agent) -> None:
    (contingency,) = agent.plan(WANTED, REVIEW_START).contingencies
    assert contingency.after_step == 1
    assert [(c.key, c.after) for c in contingency.changes] == [("legal review", "changes requested")]
    assert contingency.probability == pytest.approx(0.2)
    assert [action.label() for action in contingency.actions] == ["negotiate", "approve"]


def test_a_deviations_facts_have_the_probability_of_their_step() -> None:
    def review(facts: Facts) -> tuple[Outcome, ...]:
        ends = ((0.5, "passed", "short"), (0.3, "returned", "short"), (0.2, "returned", "long"))
        open_ = facts["review"] == "open" and facts["queue"] == "short"
        return tuple(Outcome(p, {"review": r, "queue": q}, 1.0, 1.0) for p, r, q in ends) if open_ else ()

    def mend(facts: Facts) -> tuple[Outcome, ...]:
        return (
            (Outcome(1.0, {"review": "passed", "queue": "short"}, 1.0, 1.0),) if facts["review"] == "returned" else ()
        )

    rules = {Action("review"): review, Action("mend"): mend}
    domains = {"review": ("open", "returned", "passed"), "queue": ("short", "long")}
    agent = Agent(ScriptedWorldModel(domains, rules, width=3))
    plan = agent.plan(Goal((Condition("review", "passed"),)), {"review": "open", "queue": "short"})
    told = [(c.probability, [(ch.key, ch.probability) for ch in c.changes]) for c in plan.contingencies]
    assert told == [
        (pytest.approx(0.3), [("review", pytest.approx(0.5))]),
        (pytest.approx(0.2), [("review", pytest.approx(0.5)), ("queue", pytest.approx(0.2))]),
    ]
    assert "review becomes returned (was open, 50 %); queue becomes long" in agent.explain(plan).text


def test_a_short_deadline_takes_the_risky_way_and_says_why_others_lost(agent: Agent) -> None:
    plan = agent.plan("approved within 20 hours", REVIEW_START)
    assert labels(plan) == ["submit", "rush"]
    assert plan.probability == pytest.approx(0.5)
    for alternative in plan.alternatives:
        assert any(char.isdigit() for char in alternative.reason)
        assert alternative.probability <= plan.probability + 1e-9


@pytest.mark.parametrize("dear", ["left", "right"])
def test_the_chosen_line_runs_through_the_tree_without_a_break(dear: str) -> None:
    """Two steps in either order lead to the same state, one order is cheaper: whichever was imagined first."""

    def rule(mine: str, other: str) -> Rule:
        def outcomes(facts: Facts) -> tuple[Outcome, ...]:
            cost = 500.0 if mine == dear and facts[other] == "open" else 1.0
            return (Outcome(1.0, {**facts, mine: "done"}, 1.0, cost),) if facts[mine] == "open" else ()

        return outcomes

    domains: dict[str, tuple[Value | None, ...]] = dict.fromkeys(("left", "right"), ("open", "done"))
    rules = {Action("left"): rule("left", "right"), Action("right"): rule("right", "left")}
    model = ScriptedWorldModel(domains, rules)
    goal = Goal((Condition("left", "done"), Condition("right", "done")))
    plan = Agent(model).plan(goal, {"left": "open", "right": "open"})
    assert [action.name for action in plan.actions][-1] == dear
    chosen = [node for node in plan.tree if node.chosen]
    assert [node.action for node in chosen] == ["", *(action.name for action in plan.actions)]
    assert all(plan.tree[node.parent].chosen for node in chosen[1:])


def test_the_tree_starts_at_the_state_and_holds_the_chosen_line(agent: Agent) -> None:
    tree = agent.plan(WANTED, REVIEW_START).tree
    assert tree[0].parent == -1
    assert all(0 <= node.parent < i for i, node in enumerate(tree) if i)
    assert {"submit", "legal_review", "approve"} <= {node.action for node in tree if node.chosen}
    assert any(node.goal for node in tree)


def test_the_same_question_twice(agent: Agent) -> None:
    first, again = (agent.plan(WANTED, REVIEW_START, seed=3).to_dict() for _ in range(2))
    assert {k: v for k, v in first.items() if k != "milliseconds"} == {
        k: v for k, v in again.items() if k != "milliseconds"
    }


def test_a_goal_that_holds_needs_nothing(agent: Agent) -> None:
    plan = agent.plan("approved", {**REVIEW_START, "status": "approved"})
    assert (plan.steps, plan.probability, plan.warnings) == ((), 1.0, ("the goal already holds",))


def test_no_way_is_said_with_the_nearest_reachable(agent: Agent) -> None:
    goal = Goal((Condition("status", "approved"), Condition("hold", "placed")))
    plan = agent.plan(goal, REVIEW_START)
    assert (plan.steps, plan.probability) == ((), 0.0)
    assert any("never all at once" in warning for warning in plan.warnings)
    assert any("nearest reachable" in warning for warning in plan.warnings)


def test_no_way_within_the_limits(agent: Agent) -> None:
    plan = agent.plan("approved within 3 hours", REVIEW_START)
    assert plan.probability == 0.0
    assert any("not within 3 h" in warning for warning in plan.warnings)


def test_limits_that_are_nearly_used_up_are_mentioned(agent: Agent) -> None:
    assert any(
        "deadline is tight" in w for w in agent.plan("legal review passed within 29 hours", REVIEW_START).warnings
    )
    assert any("budget is tight" in w for w in agent.plan("in review for under 11", REVIEW_START).warnings)


def test_steps_without_experience_are_mentioned() -> None:
    plan = Agent(review_model(cases={"legal_review": 0, "approve": 3})).plan(WANTED, REVIEW_START)
    assert plan.support == "extrapolated"
    assert any("step 2 (legal_review) is outside recorded experience" in warning for warning in plan.warnings)


def test_actions_can_be_restricted(agent: Agent) -> None:
    assert labels(agent.plan("approved", REVIEW_START, actions=["submit", "rush"])) == ["submit", "rush"]
    plan = agent.plan(WANTED, REVIEW_START, actions=["submit", "legal review", "approve"])
    assert plan.probability == pytest.approx(0.8)
    with pytest.raises(InputError, match="unknown action 'dance'"):
        agent.plan("approved", REVIEW_START, actions=["dance"])


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({**REVIEW_START, "legal_review": "passed"}, OutOfDomain, "did you mean 'legal review'"),
        ({**REVIEW_START, "status": "burnt"}, OutOfDomain, "unknown value of status 'burnt'"),
        ({**REVIEW_START, "status": None}, InputError, "'status' is None"),
        (["status"], InputError, "mapping"),
    ],
)
def test_states_the_model_does_not_know(agent: Agent, state: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        agent.plan("approved", state)  # type: ignore[arg-type]


def test_unknown_planners_are_named() -> None:
    with pytest.raises(InputError, match="best-first"):
        Agent(review_model(), planner="bestfirst")


def test_events_are_plain_json_in_the_order_of_the_graph(agent: Agent) -> None:
    events = list(agent.stream(WANTED, Observation(REVIEW_START)))
    assert [event["stage"] for event in events] == ["perceive", "propose", "imagine", "check", "explain"]
    assert json.loads(json.dumps(events)) == events
    assert "Step 1: submit" in events[-1]["explanation"]["text"]


def test_a_plan_survives_its_json_form(agent: Agent) -> None:
    plan = agent.plan(WANTED, REVIEW_START)
    again = from_plain(Plan, json.loads(json.dumps(plan.to_dict())))
    assert again == plan


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("probability",), "high", "Plan.probability"),
        (("steps", 0, "action", "name"), 7, r"Plan.steps\[0\].action.name"),
        (("support",), "guessed", "Plan.support"),
        (("goal", "conditions", 0, "op"), "=~", "op"),
        (("extra",), 1, "unknown fields: extra"),
        (("interval",), [0.1], "1 items"),
    ],
)
def test_forged_plans_are_refused(agent: Agent, path: tuple[str | int, ...], value: object, message: str) -> None:
    data = json.loads(json.dumps(agent.plan(WANTED, REVIEW_START).to_dict()))
    place = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(CheckpointError, match=message):
        from_plain(Plan, data)


def test_a_proposer_is_asked_and_checked() -> None:
    model = review_model()
    proposer = ScriptedProposer([{"submit": 1.0, "rush": 1.0}, {"submit": -1.0}, {}])
    agent = Agent(model, proposer=proposer)
    events = list(agent.stream("approved", REVIEW_START))
    assert events[1]["weights"] == [1.0, 0.0, 0.0, 0.0, 1.0]
    assert proposer.asked[0].words == "approved"
    with pytest.raises(ProposalError, match=r"-1.0 to 'submit'"):
        agent.plan("approved", REVIEW_START)
    with pytest.raises(ProposalError, match="weight 0"):
        agent.plan("approved", REVIEW_START)
    weights = BehaviourProposer(model).propose(Observation(REVIEW_START), Goal(()), model.actions)
    assert weights[0] == max(weights) > min(weights) > 0.0


def test_a_forbidden_value_never_seen_is_mentioned(agent: Agent) -> None:
    goal = Goal((Condition("status", "approved"),), (Condition("hold", "lost"),))
    assert any("hold == lost is forbidden but was never seen" in w for w in agent.plan(goal, REVIEW_START).warnings)
    with pytest.raises(InputError, match="unknown fact 'holt'"):
        agent.plan(Goal((Condition("status", "approved"),), (Condition("holt", "lost"),)), REVIEW_START)


@pytest.mark.parametrize("goal_index", [0, 2, 4])
def test_plans_over_exact_dynamics_reach_the_oracle_optimum(goal_index: int) -> None:
    world = load("contract-approval")
    oracle, start = world.oracle(), world.observe(world.initial(3)).facts
    goal = world.goals()[goal_index]
    plan = Agent(ScriptedWorldModel.from_oracle(oracle, world.actions, start)).plan(goal, start)
    assert plan.probability == pytest.approx(oracle.optimal(start, goal).probability, abs=0.01)
