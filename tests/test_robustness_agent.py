"""Any facts, goals, settings: the agent answers or says what is wrong; no other failure, no number out of nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wmagent import Action, Agent, Condition, Goal, InputError, Observation, Transition, WorldModel
from wmagent.errors import WmagentError
from wmagent.model.config import ModelConfig

TINY = ModelConfig(width=16, layers=1, heads=2, steps=20, batch=32, ensemble=2)
KNOWN = {"status": "draft", "round: =1": 1, "größe 🙂": "ü", "flag": True}


def row(number: int) -> Transition:
    facts = KNOWN | {"status": ("draft", "sent")[number % 2], "round: =1": number % 3}
    if number % 4 == 0:
        del facts["flag"]  # a fact that comes and goes
    name = ("send", "reset", "hold")[number % 3]
    after = KNOWN | {"status": "sent" if name == "send" else "draft", "round: =1": number % 3}
    return Transition(Observation(facts), Action(name, {"to": "ä=b"}), Observation(after), case=str(number // 4))


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent(WorldModel.learn([row(n) for n in range(60)], config=TINY, text="learned"))


VALUES = st.sampled_from(
    [*KNOWN.values(), "sent", 0, 2, 1.0, float("nan"), float("inf"), 10**400, "", "\x00", "x" * 5_000]
)
STATES = st.dictionaries(st.sampled_from([*KNOWN, "unheard of", "", "\ud800"]), VALUES, max_size=5)


@settings(max_examples=120, deadline=None)
@given(changes=STATES, dropped=st.sets(st.sampled_from(sorted(KNOWN))))
def test_any_state_is_planned_from_or_refused(agent: Agent, changes: dict[str, Any], dropped: set[str]) -> None:
    state = {key: value for key, value in KNOWN.items() if key not in dropped} | changes
    try:
        plan = agent.plan("status = sent", state)
    except WmagentError:
        return
    assert 0 <= plan.probability <= 1
    foreign = set(state) - set(KNOWN)  # taken for a known fact only if that is said
    assert all(any(warning.startswith(f"read '{key}: ") for warning in plan.warnings) for key in foreign)
    assert foreign or agent.model.read(agent.model.observe(state)) == [state]


@settings(max_examples=150, deadline=None)
@given(
    words=st.text(max_size=40)
    | st.from_regex(r"(status|flag|round)? ?(=|is|not|<|>=|:)? ?(sent|draft|3|nan)?( within -?\w+ days)?")
)
def test_any_goal_is_understood_or_refused(agent: Agent, words: str) -> None:
    try:
        plan = agent.plan(words, KNOWN)
    except WmagentError:
        return
    assert plan.goal.conditions
    if re.search(r" within \S+ days$", words):  # never silently left out
        assert plan.goal.deadline is not None


@pytest.mark.parametrize("goal", [None, 3, b"sent", ["status"]])
def test_goals_of_another_kind(agent: Agent, goal: Any) -> None:
    with pytest.raises(InputError, match="a goal is words or a Goal"):
        agent.plan(goal, KNOWN)


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), -1.0, 0.0])
def test_limits_that_are_none(agent: Agent, limit: float) -> None:
    for goal in (
        Goal((Condition("status", "sent"),), deadline=limit),
        Goal((Condition("status", "sent"),), max_cost=limit),
    ):
        with pytest.raises(InputError, match="must be above 0"):
            agent.plan(goal, KNOWN)


def test_keys_and_actions_of_another_kind(agent: Agent) -> None:
    with pytest.raises(InputError, match="the fact key 3 is no text"):
        agent.plan("status = sent", KNOWN | {3: 1})  # type: ignore[operator]
    with pytest.raises(InputError, match="not int"):
        agent.model.action_index(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [[row(1)], [row(n) for n in range(4)], [row(1)] * 20], ids=["row", "case", "same"])
def test_the_smallest_data_makes_a_model_that_claims_nothing(rows: list[Transition]) -> None:
    model = WorldModel.learn(rows, config=TINY, text="learned")
    assert model.card["data"]["held_out"] == 0
    assert model.card["held_out"]["exact"] is None
    assert "| – |" in model.card_markdown()
    assert model.score(rows)[0].p_value == 1  # nothing was held out, so nothing can be rare
    Agent(model).plan(Goal((Condition("status", "draft"),)), rows[0].before.facts)


@pytest.mark.parametrize(("name", "value"), [("heads", 5), ("outcomes", 0), ("width", 10**9), ("layers", 10**9)])
def test_settings_that_make_no_network(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        ModelConfig(**{name: value})  # type: ignore[arg-type]


def test_a_text_backend_without_a_name() -> None:
    with pytest.raises(InputError, match="has no name"):
        WorldModel.learn([row(n) for n in range(8)], config=TINY, text=" ")
