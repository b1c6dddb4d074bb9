"""The imagined world: a pure world whose steps are what a model imagines, and its record of where it began."""

from __future__ import annotations

import copy
from collections import Counter

import pytest

from wmagent.agent.doubles import REVIEW_START, review_model
from wmagent.agent.imagined import Ended, ImaginedWorld, recorded_starts
from wmagent.domain.checks import check_world
from wmagent.domain.types import Action, Condition, Goal, Observation, Transition
from wmagent.domain.world import World
from wmagent.errors import InputError, OutOfDomain
from wmagent.model.config import ModelConfig
from wmagent.model.controls import Controlled
from wmagent.model.world_model import WorldModel
from wmagent.planning import TableOutcome, TabularDynamics

SUBMIT, REVIEW, RUSH = Action("submit"), Action("legal_review"), Action("rush")
SUBMITTED = {**REVIEW_START, "status": "in review"}


@pytest.fixture
def imagined() -> ImaginedWorld:
    return ImaginedWorld(review_model(), [REVIEW_START], [Goal((Condition("status", "approved"),), words="approved")])


def test_it_keeps_what_every_world_promises(imagined: ImaginedWorld) -> None:
    assert isinstance(imagined, World)
    checked = check_world(imagined)
    assert checked.steps > 10
    assert checked.refusals > 10


def test_outcomes_are_what_the_model_says(imagined: ImaginedWorld) -> None:
    passed, changes = imagined.outcomes(SUBMITTED, REVIEW)
    assert (passed.probability, changes.probability) == pytest.approx((0.8, 0.2))
    assert (passed.facts["legal review"], passed.duration, passed.cost) == ("passed", 24.0, pytest.approx(100.0))
    assert imagined.outcomes(REVIEW_START, REVIEW) == ()
    assert sum(outcome.probability for outcome in imagined.outcomes(SUBMITTED, RUSH)) == pytest.approx(1.0)


def test_steps_are_drawn_with_the_outcomes_probabilities(imagined: ImaginedWorld) -> None:
    seen = Counter(imagined.step(SUBMITTED, REVIEW, seed).state["legal review"] for seed in range(2_000))
    assert seen["passed"] / 2_000 == pytest.approx(0.8, abs=0.03)
    one = imagined.step(SUBMITTED, REVIEW, 7)
    assert one == imagined.step(SUBMITTED, REVIEW, 7)
    assert one.probability in (pytest.approx(0.8), pytest.approx(0.2))


def test_changing_a_returned_state_changes_no_later_step(imagined: ImaginedWorld) -> None:
    first = imagined.step(REVIEW_START, SUBMIT, 0).state
    kept = copy.deepcopy(first)
    first["status"] = "burnt"  # type: ignore[index]
    assert imagined.step(REVIEW_START, SUBMIT, 0).state == kept


def test_a_refusal_says_why_and_what_is_allowed(imagined: ImaginedWorld) -> None:
    step = imagined.step(REVIEW_START, REVIEW, 0)
    assert (step.state, step.duration, step.cost, step.done) == (REVIEW_START, 0.0, 0.0, False)
    assert step.error is not None
    for said in ("legal_review", "0.0%", "50%", "allowed: submit"):
        assert said in step.error
    with pytest.raises(InputError, match="did you mean 'submit'"):
        imagined.step(REVIEW_START, Action("submitt"), 0)


def test_what_lies_outside_the_models_words_is_refused(imagined: ImaginedWorld) -> None:
    with pytest.raises(OutOfDomain, match="colour"):
        imagined.legal({**REVIEW_START, "colour": "red"})
    with pytest.raises(OutOfDomain, match="colour"):
        ImaginedWorld(review_model(), [{**REVIEW_START, "colour": "red"}])
    with pytest.raises(InputError, match="at least one start"):
        ImaginedWorld(review_model(), [])


def test_one_sees_when_one_leaves_the_record() -> None:
    imagined = ImaginedWorld(review_model(cases={"rush": 0}), [REVIEW_START])
    assert imagined.step(SUBMITTED, RUSH, 0).surprise > 1
    assert imagined.surprise(SUBMITTED, REVIEW) == 0.0
    assert imagined.surprise(REVIEW_START, REVIEW) is None
    assert imagined.evidence(SUBMITTED, RUSH).support == "extrapolated"
    assert imagined.evidence(SUBMITTED, REVIEW).n == 50


def test_everything_is_asked_once(imagined: ImaginedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    model = type(imagined.model)
    imagine = model.imagine
    monkeypatch.setattr(model, "imagine", lambda self, z, a: asked.append(len(a)) or imagine(self, z, a))
    for seed in range(20):
        for action in (REVIEW, RUSH):
            imagined.step(SUBMITTED, action, seed)
    assert asked == [2]  # both allowed actions in one batch


def test_a_case_ends_where_the_model_says_so() -> None:
    states = [{"x": "a"}, {"x": "b"}, {"x": "c"}]
    go = {(0, 0): [TableOutcome(0.7, 1, done=1.0), TableOutcome(0.3, 2, done=0.4)], (2, 0): [TableOutcome(1.0, 0)]}
    go[1, 0] = [TableOutcome(1.0, 0)]  # allowed for the same facts while the case is open
    model = TabularDynamics(states, [Action("go")], go)
    words = WordedTable(model, states)
    imagined = ImaginedWorld(words, [states[0]])  # type: ignore[arg-type]
    ended, open_ = imagined.outcomes(states[0], Action("go"))
    assert (isinstance(ended.facts, Ended), ended.facts) == (True, {"x": "b"})
    assert not isinstance(open_.facts, Ended)
    assert imagined.legal(ended.facts) == ()
    assert imagined.legal({"x": "b"}) == (Action("go"),)
    again = imagined.step(ended.facts, Action("go"), 0)
    assert again.done
    assert "the case has ended" in (again.error or "")
    check_world(imagined)


class WordedTable:
    """A TabularDynamics with the words that an imagined world asks for."""

    def __init__(self, table: TabularDynamics, states: list[dict[str, str]]) -> None:
        self.table, self.states, self.actions = table, states, table.actions
        self.legality, self.imagine, self.duration_values = table.legality, table.imagine, table.duration_values

    def observe(self, facts):
        one = isinstance(facts, dict)
        return self.table.observe(facts) if one else [self.table.observe(each) for each in facts]

    def read(self, latent):
        return [dict(self.states[code - 1]) for code in latent.codes[:, 0].tolist()]

    def action_index(self, action: Action | str) -> int:
        return 0


def test_a_control_imagines_in_the_models_place() -> None:
    model = review_model()
    imagined = ImaginedWorld(model, [REVIEW_START], dynamics=Controlled(model, "none"))
    assert len(imagined.legal(REVIEW_START)) == len(model.actions)
    assert imagined.step(REVIEW_START, RUSH, 0).state == REVIEW_START


def _log(cases: int) -> list[Transition]:
    world, rows = review_model(), []
    for case in range(cases):
        facts = dict(REVIEW_START) if case % 4 else dict(SUBMITTED)
        for number in range(4):
            legal = [action for action in world.actions if world.rules[action](facts)]
            if not legal:
                break
            outcomes = world.rules[legal[(case + number) % len(legal)]](facts)
            outcome = outcomes[case % len(outcomes)]
            action = legal[(case + number) % len(legal)]
            seen = Observation(facts), Observation(outcome.facts)
            rows.append(Transition(seen[0], action, seen[1], outcome.duration, outcome.cost, case=f"c{case}"))
            facts = dict(outcome.facts)
    return rows


def test_a_learned_model_is_a_place_too() -> None:
    config = ModelConfig(width=32, layers=1, steps=40, batch=64, warmup=5, ensemble=2)
    model = WorldModel.learn(_log(60), config=config, text="learned")
    starts = recorded_starts(model)
    assert len(starts) == 60
    assert Counter(start["status"] for start in starts) == {"draft": 45, "in review": 15}
    imagined = ImaginedWorld(model, starts)
    checked = check_world(imagined)
    assert checked.steps > 5
    step = imagined.step(REVIEW_START, SUBMIT, 0)
    assert (step.state["status"], step.duration) == ("in review", 4.0)
    assert imagined.evidence(REVIEW_START, SUBMIT).support == "observed"
    model.memory = None
    with pytest.raises(InputError, match="give the facts to start from"):
        recorded_starts(model)
