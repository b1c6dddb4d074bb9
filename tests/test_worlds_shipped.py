"""The four shipped worlds of real size: their texts, sizes, cascades, events, policies and the worth of good plans."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from wmagent import worlds
from wmagent.domain.types import Action, Facts, Transition, Value
from wmagent.worlds.restricting import restricted
from wmagent.worlds.workflow import WorkflowWorld

NAMES = ("it-incident", "loan-application", "project-phases", "purchase-to-pay")

# A situation per world: what is written over the first facts of a case to get there.
REPAIRED = {"incident": "in progress", "cause": "application", "fix": "applied", "cache": "warm", "database": "running"}
REPAIRED |= {"application server": "down", "load balancer": "failing", "service": "down"}
ASSESSED = {"application": "in assessment", "documents": "complete", "credit score": 720, "affordability": "sufficient"}
TESTED = {"requirements": "signed off", "design": "done", "back end": "built", "front end": "built"}
TESTED |= {"data migration": "built", "test": "passed", "pilot": "accepted", "release": "granted"}
BILLED = {"requisition": "approved", "budget": "reserved", "approval": "department head", "order": "confirmed"}
BILLED |= {"supplier": "listed", "supplier record": "complete", "delivery": "complete", "goods receipt": "posted"}
BILLED |= {"invoice": "registered"}


load = cache(worlds.load)  # reading a file takes longer than most of these tests


@pytest.fixture(scope="module", params=NAMES)
def world(request: pytest.FixtureRequest) -> WorkflowWorld:
    return load(request.param)


@pytest.fixture(scope="module")
def rows(world: WorkflowWorld) -> list[Transition]:
    return worlds.experience(world, transitions=6_000, seed=1)


def chance(world: WorkflowWorld, facts: Facts, action: str, **wanted: Value) -> float:
    """Return the probability that the action leads to these values; `_` in a name stands for a space."""
    keys = {key.replace("_", " "): value for key, value in wanted.items()}
    outcomes = world.oracle().outcomes(facts, Action(action))
    return sum(o.probability for o in outcomes if all(o.facts[key] == value for key, value in keys.items()))


def test_everything_has_words(world: WorkflowWorld) -> None:
    definition = world.definition
    assert 12 <= len(definition.actions) <= 20
    assert 4 <= len(definition.goals) <= 8
    assert len(definition.rules) >= 3
    assert len(definition.events) >= 3
    assert any(goal.never for goal in definition.goals)
    assert 2 <= sum(goal.deadline is not None for goal in definition.goals) < len(definition.goals)
    assert all(len(goal.words) >= 2 for goal in definition.goals)
    for part in (*definition.facts.values(), *definition.actions.values()):
        assert len(part.words) >= 2
    assert all(action.role and action.guard for action in definition.actions.values())
    for key, fact in definition.facts.items():
        if not fact.static:
            assert all(len(world.texts.values[key][value]) >= 2 for value in fact.domain()), key


def test_words_are_said_of_one_thing_only(world: WorkflowWorld) -> None:
    for said in (world.texts.facts, world.texts.actions, world.texts.goals):
        all_words = [word.lower() for words in said.values() for word in words]
        assert len(all_words) == len(set(all_words))
    for key, by_value in world.texts.values.items():
        all_words = [word.lower() for words in by_value.values() for word in set(words)]
        assert len(all_words) == len(set(all_words)), key


def test_size_suits_the_exact_oracle(world: WorkflowWorld) -> None:
    """Cases with different static facts never meet, so the whole is at least the part times their number."""
    oracle = world.oracle()
    starts = sorted(oracle.starts(), key=lambda start: start[0])
    static = [key for key, fact in world.definition.facts.items() if fact.static]
    groups = {tuple(start[key] for key in static) for _, start in starts}
    likeliest = len(oracle.reachable(starts[-1][1]))
    assert 2_000 <= likeliest <= 20_000
    assert 20_000 <= likeliest * len(groups) <= 300_000
    assert oracle.unit >= 1


def test_recorded_cases_reach_goals_ends_rules_and_events(world: WorkflowWorld, rows: list[Transition]) -> None:
    seen = {event for row in rows for event in row.events}
    definition = world.definition
    told = {rule.event for rule in definition.rules.values() if rule.event}
    assert told <= seen
    assert set(definition.events) <= seen
    assert {row.action.name for row in rows if row.error is None} == set(definition.actions)
    for goal in world.goals():
        assert any(goal.reached(row.after.facts) for row in rows), goal.words
        assert not any(goal.reached(world.initial(seed)) for seed in range(50)), goal.words
    cases = {row.case for row in rows}
    ended = {row.case for row in rows if row.done}
    assert 0.6 < len(ended) / len(cases) < 0.98


def test_every_rule_changes_what_some_recorded_action_leads_to(world: WorkflowWorld, rows: list[Transition]) -> None:
    machine, definition = world.machine, world.definition
    tried = {(machine.encode(row.before.facts), world.action_index(row.action)) for row in rows if row.error is None}
    truth = {(state, move): machine.branches(state, move) for state, move in tried}
    for name in definition.rules:
        rules = {key: rule for key, rule in definition.rules.items() if key != name}
        without = WorkflowWorld(definition.model_copy(update={"rules": rules})).machine
        assert any(without.branches(*pair) != branches for pair, branches in truth.items()), name


def test_planning_beats_doing_anything_that_is_allowed(world: WorkflowWorld) -> None:
    goal = max(world.goals(), key=lambda goal: (bool(goal.forbidden), goal.deadline or 0))
    random, oracle = Random(0), world.oracle()
    best = lucky = 0.0
    for seed in range(2):
        best += oracle.optimal(world.initial(seed), goal).probability / 2
    for seed in range(100):
        facts, hours = world.initial(seed), 0.0
        while world.legal(facts) and not goal.reached(facts) and not goal.violated(facts) and hours < 10_000:
            step = world.step(facts, random.choice(world.legal(facts)), random.getrandbits(32))
            facts, hours = step.state, hours + step.duration
        lucky += (goal.reached(facts) and not goal.violated(facts) and hours <= (goal.deadline or hours)) / 100
    assert 0.4 < best <= 1
    assert lucky < best - 0.15


def test_a_restart_under_traffic_floods_the_database() -> None:
    world = load("it-incident")
    facts = {**world.initial(0), **REPAIRED}
    slow = {"cache": "cold", "database": "slow", "application server": "degraded", "service": "degraded"}
    assert chance(world, facts, "restart application", **slow, load_balancer="balanced") == pytest.approx(0.95)
    drained = facts | {"load balancer": "drained"}
    calm = {"cache": "cold", "database": "running", "application server": "running", "service": "down"}
    assert chance(world, drained, "restart application", **calm) == pytest.approx(0.95)


def test_an_invoice_without_its_receipt_is_blocked_and_returned_goods_void_the_match() -> None:
    world = load("purchase-to-pay")
    facts = {**world.initial(0), **BILLED}
    early = facts | {"goods receipt": "none"}
    assert chance(world, early, "match invoice", match="mismatch", payment_block="placed") == pytest.approx(1)
    assert chance(world, facts, "match invoice", match="matched", payment_block="none") == pytest.approx(0.98)
    broken = facts | {"delivery": "damaged", "match": "matched"}
    assert chance(world, broken, "return goods", goods_receipt="none", match="open") == pytest.approx(1)


def test_an_offer_without_a_fraud_check_is_stopped_and_expiry_voids_the_score() -> None:
    world = load("loan-application")
    facts = {**world.initial(0), **ASSESSED, "customer mood": "patient"}
    approved = facts | {"application": "approved"}
    stopped = {"application": "in assessment", "customer mood": "impatient"}
    assert chance(world, approved, "send offer", **stopped) == pytest.approx(0.93)  # else the customer withdraws
    assert chance(world, approved | {"fraud check": "clear"}, "send offer", application="offered") > 0.9
    waiting = approved | {"application": "offered", "unanswered contacts": 2}
    outcomes = world.oracle().outcomes(waiting, Action("wait for answer"))
    assert {o.facts["credit score"] for o in outcomes if o.facts["application"] == "expired"} == {0}


def test_security_findings_void_migration_test_pilot_and_release() -> None:
    world = load("project-phases")
    facts = {**world.initial(0), **TESTED}
    void = {"back end": "defective", "data migration": "defective", "test": "open", "pilot": "open", "release": "none"}
    assert chance(world, facts, "review security", **void) == pytest.approx(0.15)
    assert chance(world, facts, "review security", test="passed", security_review="passed") == pytest.approx(0.85)


CHANGE = REPAIRED | {"fix": "none", "change approval": "granted", "recent change": "release"}
REQUEST = {"order amount": 4500, "requisition": "submitted", "budget": "reserved", "supplier": "listed"}
WORSE = {"application server": "degraded", "load balancer": "balanced", "service": "degraded", "database": "slow"}
POLICIES = (
    ("it-incident", "major incident limit", 5000, 2000, CHANGE | {"affected users": 4000, "load balancer": "drained"},
     "roll back release", ("incident", "in progress")),
    ("it-incident", "change approver", "duty manager", "change board", CHANGE | {"change approval": "none"},
     "ask the duty manager", ("change approval", "granted")),
    ("it-incident", "change approver", "change board", "duty manager", CHANGE | {"change approval": "none"},
     "ask the change board", ("change approval", "granted")),
    ("it-incident", "backup rule", "optional", "required",
     CHANGE | WORSE | {"cause": "database", "load balancer": "drained", "service": "down"},
     "patch database", ("fix", "applied")),
    ("it-incident", "closing rule", "review optional", "review required",
     REPAIRED | {"incident": "resolved", "monitoring": "quiet", "application server": "running", "service": "up"}
     | {"load balancer": "balanced"}, "close incident", ("incident", "closed")),
    ("purchase-to-pay", "approval limit", 5000, 2500, REQUEST, "approve as department head",
     ("requisition", "approved")),
    ("purchase-to-pay", "price tolerance", 5, 3, BILLED | {"price difference": 4}, "match invoice",
     ("match", "matched")),
    ("purchase-to-pay", "mismatch approver", "purchaser", "finance controller",
     BILLED | {"match": "mismatch", "payment block": "placed"}, "release as purchaser", ("payment block", "none")),
    ("purchase-to-pay", "mismatch approver", "finance controller", "purchaser",
     BILLED | {"match": "mismatch", "payment block": "placed"}, "release as finance controller",
     ("payment block", "none")),
    ("purchase-to-pay", "receipt rule", "not required", "required", BILLED | {"goods receipt": "none"},
     "match invoice", ("match", "matched")),
    ("loan-application", "committee limit", 75000, 50000, ASSESSED | {"loan amount": 60000},
     "approve as underwriter", ("application", "approved")),
    ("loan-application", "minimum score", 550, 610, ASSESSED | {"loan amount": 20000, "credit score": 600},
     "approve as underwriter", ("application", "approved")),
    ("loan-application", "loan approver", "branch manager", "underwriter", ASSESSED | {"loan amount": 20000},
     "approve as branch manager", ("application", "approved")),
    ("loan-application", "fraud rule", "not required", "required", ASSESSED | {"application": "approved"},
     "send offer", ("application", "offered")),
    ("project-phases", "steering limit", 400, 200,
     {"requirements": "signed off", "design": "done", "developers": "available", "project budget": 300},
     "build back end", ("developers", "available")),
    ("project-phases", "release approver", "product owner", "head of operations", TESTED | {"release": "none"},
     "release as product owner", ("release", "granted")),
    ("project-phases", "release approver", "head of operations", "product owner", TESTED | {"release": "none"},
     "release as head of operations", ("release", "granted")),
    ("project-phases", "security rule", "not required", "required", TESTED, "roll out", ("rollout", "live")),
    ("project-phases", "pilot rule", "optional", "required",
     TESTED | {"pilot": "open", "security review": "passed"}, "roll out", ("rollout", "live")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "policy", "mild", "strict", "situation", "action", "wanted"),
    POLICIES,
    ids=[f"{name}-{policy}-{mild}".replace(" ", "-") for name, policy, mild, *_ in POLICIES],
)
def test_policies_change_what_happens(
    name: str,
    policy: str,
    mild: Value,
    strict: Value,
    situation: dict[str, Value],
    action: str,
    wanted: tuple[str, Value],
) -> None:
    def under(value: Value) -> float:
        world = restricted(load(name), {policy: [value]})
        facts = {**world.initial(0), **situation}
        return chance(world, facts, action, **{wanted[0]: wanted[1]})

    assert under(mild) > 0.6
    assert under(strict) < 0.2


def test_policies_are_sentences_with_one_value_at_first(world: WorkflowWorld) -> None:
    policies = {key: fact for key, fact in world.definition.facts.items() if fact.policy is not None}
    assert policies.keys() == {policy for name, policy, *_ in POLICIES if name == world.name}
    thresholds = [fact for fact in policies.values() if not isinstance(fact.domain()[0], str)]
    assert max(len(fact.domain()) for fact in thresholds) >= 8
    for key in policies:
        assert len({world.initial(seed)[key] for seed in range(20)}) == 1
        assert all(" " in str(sentence) for sentence in world.domains[key])
