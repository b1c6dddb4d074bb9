"""Renamed worlds are the same worlds: same starts, choices, outcomes and worth under the map; bad names are refused."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import pytest

from wmagent import worlds
from wmagent.domain.checks import check_world
from wmagent.domain.types import Action, Facts
from wmagent.errors import InputError
from wmagent.worlds.conditions import parse
from wmagent.worlds.expressions import text_of
from wmagent.worlds.generator import random_workflow
from wmagent.worlds.loading import world_from
from wmagent.worlds.paraphrasing import synonyms
from wmagent.worlds.renaming import Names, renamed
from wmagent.worlds.workflow import WorkflowWorld

MIXED: dict[str, Any] = {
    "format": 1,
    "name": "mixed",
    "facts": {
        "urgent": {"values": [True, False], "start": {True: 0.5, False: 0.5}, "static": True},
        "amount": {"values": [100, 900], "start": {100: 0.5, 900: 0.5}, "static": True},
        "limit": {
            "values": [500, 1000],
            "start": 500,
            "static": True,
            "policy": "above {value} euros a director signs",
            "value_words": {500: ["directors sign above five hundred"]},
        },
        "asked": {"values": ["none", "clerk", "director"], "start": "none", "words": ["who was asked"]},
        "due": {
            "values": ["clerk", "director"],
            "start": [{"when": "urgent and amount > 500", "chances": {"director": 1}}, {"chances": {"clerk": 1}}],
            "static": True,
        },
        "state and stage": {
            "values": ["not begun", "in work", "done (or not)"],
            "start": "not begun",
            "words": ["stage"],
            "value_words": {"not begun": ["fresh"], "in work": ["under way"]},
        },
        "tries": {"range": [0, 2], "start": 0},
    },
    "actions": {
        "ask the clerk": {
            "guard": "asked == none and not amount > limit",
            "effects": [
                {
                    "when": "urgent",
                    "outcomes": [{"chance": 0.5, "set": {"asked": "clerk"}}, {"chance": 0.5, "set": {"tries": "+1"}}],
                },
                {"outcomes": [{"set": {"asked": "clerk", "state and stage": "in work"}}]},
            ],
            "words": ["put it to the clerk"],
        },
        "ask the director": {
            "guard": "asked in (none, clerk)",
            "effects": [{"outcomes": [{"set": {"asked": "director"}}]}],
        },
    },
    "rules": {
        "agreed": {
            "when": "asked == due and 'state and stage' in (not begun, in work)",
            "set": {"state and stage": "done (or not)"},
            "after": ["ask the clerk", "ask the director"],
        }
    },
    "events": {
        "noise": {"when": "tries < 2 and (asked != clerk or not urgent)", "chance": 0.1, "set": {"tries": "+1"}}
    },
    "goals": [{"reach": "'state and stage' == 'done (or not)' and tries <= 1", "words": ["have it done", "end it"]}],
    "done": "'state and stage' == 'done (or not)'",
}
GIBBERISH = Names(
    facts={"state and stage": "in or out", "asked": "blorp", "due": "not zim", "amount": "quux", "limit": "cap"},
    values={
        "urgent": {True: "hot", False: "cold"},
        "asked": {"clerk": "x == y", "director": "it's"},
        "due": {"clerk": "x == y", "director": "it's"},
        "state and stage": {"not begun": "and", "done (or not)": "(over)"},
        "tries": {},
        "limit": {"above 500 euros a director signs": "five hundred and the boss comes"},
    },
    actions={"ask the clerk": "snork", "ask the director": "snork twice"},
    goals={"have it done": "make it so"},
)


def small() -> WorkflowWorld:
    return world_from(MIXED)


def assert_same(world: WorkflowWorld, other: WorkflowWorld, names: Names) -> int:
    """Compare starts, legal actions and outcomes of all reachable states; return how many there are."""
    mine, theirs = world.oracle(), other.oracle()
    starts = [(chance, names.state(facts)) for chance, facts in mine.starts()]
    assert starts == list(theirs.starts())
    queue: deque[Facts] = deque(facts for _, facts in mine.starts())
    seen = {tuple(facts.items()) for facts in queue}
    while queue:
        facts = queue.popleft()
        state = names.state(facts)
        assert [names.action(action) for action in world.legal(facts)] == list(other.legal(state))
        for action in world.legal(facts):
            found = mine.outcomes(facts, action)
            wanted = [(o.probability, names.state(o.facts), o.duration, o.cost, o.events) for o in found]
            given = theirs.outcomes(state, names.action(action))
            assert wanted == [(o.probability, o.facts, o.duration, o.cost, o.events) for o in given]
            for outcome in found:
                key = tuple(outcome.facts.items())
                if key not in seen:
                    seen.add(key)
                    queue.append(outcome.facts)
    return len(seen)


def test_everything_that_can_happen_is_the_same_under_the_map() -> None:
    world = small()
    other = renamed(world, GIBBERISH)
    assert assert_same(world, other, GIBBERISH) == 18
    check_world(other)
    assert set(other.domains) == {"urgent", "quux", "cap", "blorp", "not zim", "in or out", "tries"}
    assert other.domains["cap"][0] == "five hundred and the boss comes"
    assert "above" not in str(other.initial(0))
    goal = world.goals()[0]
    assert other.goals()[0] == GIBBERISH.goal(goal)
    assert other.goals()[0].words == "make it so"
    for _, start in world.oracle().starts():
        truth = world.oracle().optimal(start, goal)
        assert truth == other.oracle().optimal(GIBBERISH.state(start), other.goals()[0])


def test_the_way_back_gives_the_world_itself() -> None:
    other = renamed(small(), GIBBERISH)
    back = renamed(other, GIBBERISH.back())
    assert assert_same(small(), back, Names()) == 18
    for row in worlds.experience(small(), 100, seed=3, attempts=0):
        there = GIBBERISH.transition(row)
        assert there != row
        assert GIBBERISH.back().transition(there) == row


def test_the_log_of_the_renamed_world_is_the_renamed_log() -> None:
    world = small()
    assert world.name == renamed(world, GIBBERISH).name
    mine = [GIBBERISH.transition(row) for row in worlds.experience(world, 200, seed=5, attempts=0)]
    assert mine == worlds.experience(renamed(world, GIBBERISH), 200, seed=5, attempts=0)


@pytest.mark.parametrize("policies", [0, 3])
def test_synonyms_say_the_same_in_other_words(policies: int) -> None:
    world = random_workflow(1, size="tiny", policies=policies)
    names = synonyms(world, 4)
    other = renamed(world, names)
    assert assert_same(world, other, names) > 100
    assert set(names.facts) == {key for key, said in world.texts.facts.items() if len(said) > 1}
    assert set(names.actions) == set(world.texts.actions)
    for old, new in names.actions.items():
        assert new in world.texts.actions[old]
        assert set(other.texts.actions[new]) == set(world.texts.actions[old])
    for old, new in names.facts.items():
        assert set(other.texts.facts[new]) == set(world.texts.facts[old])
    assert not set(names.facts.values()) & set(world.domains)
    assert sum(map(len, names.values.values())) > 10
    assert {goal.words for goal in other.goals()} == set(names.goals.values())
    assert synonyms(world, 4) == names != synonyms(world, 5)


def test_synonyms_of_a_shipped_world_and_of_facts_that_are_compared() -> None:
    contract = worlds.load("contract-approval")
    for seed in range(5):
        check_world(renamed(contract, synonyms(contract, seed)), walks=1, samples=50)
    names = synonyms(small(), 0)
    assert names.facts == {"asked": "who was asked", "state and stage": "stage"}
    assert names.values["state and stage"] == {"not begun": "fresh", "in work": "under way"}
    assert "asked" not in names.values
    assert_same(small(), renamed(small(), names), names)


def test_synonyms_never_give_two_things_one_name() -> None:
    data = copy.deepcopy(MIXED)
    for key in ("amount", "tries"):
        data["facts"][key]["words"] = ["number", "Asked"]
    data["facts"]["state and stage"]["value_words"] = {"not begun": ["in work", "open"], "in work": ["open"]}
    world = world_from(data)
    for seed in range(5):
        names = synonyms(world, seed)
        assert names.facts["amount"] == "number"
        assert "tries" not in names.facts
        assert names.values["state and stage"] == {"not begun": "open"}
        renamed(world, names)


def test_paraphrases_stay_only_with_names_of_the_same_meaning() -> None:
    said = renamed(small(), Names(facts={"asked": "who was asked"})).texts.facts
    assert said["who was asked"] == ("who was asked", "asked")
    assert renamed(small(), Names(facts={"asked": "blorp"})).texts.facts["blorp"] == ("blorp",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (Names(facts={"askd": "x"}), "unknown fact 'askd'; did you mean 'asked'"),
        (Names(facts={"asked": "due"}), "two facts would be called 'due'"),
        (Names(facts={"asked": ""}), "a text of 1 to 200 characters"),
        (Names(facts={"asked": "both ' and \""}), "both kinds of quotation marks"),
        (Names(actions={"ask": "x"}), "unknown action 'ask'"),
        (Names(actions={"ask the clerk": "ask the director"}), "two actions would be called"),
        (Names(goals={"win": "x"}), "unknown goal 'win'"),
        (Names(values={"due date": {}}), "unknown fact 'due date'"),
        (Names(values={"asked": {"boss": "x"}}), "unknown value of 'asked' 'boss'"),
        (Names(values={"amount": {100: "few"}}), "numbers and empty texts are no new names"),
        (Names(values={"urgent": {True: 3}}), "numbers and empty texts are no new names"),
        (Names(values={"urgent": {True: "same", False: "same"}}), "'same' is listed twice"),
        (Names(values={"asked": {"clerk": "x"}}), "compared with each other; rename 'clerk' in both alike"),
        (Names(facts={"due": "none"}), "'asked == none' would no longer mean 'asked == due'"),
        (Names(facts={"limit": "500"}), "would no longer mean 'amount > limit'"),
    ],
)
def test_bad_names_are_refused(names: Names, message: str) -> None:
    with pytest.raises(InputError, match=message):
        renamed(small(), names)


@pytest.mark.parametrize("seed", [-1, True, 0.5])
def test_bad_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(InputError, match="a seed is a whole number"):
        synonyms(small(), seed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a == not b",
        "not (a == 1 and b != 2) or c in (x y, 'and', \"it's\")",
        "'in' == 'or' and not not 'a (b)' not in ('', x)",
        "urgent",
        "a < 2 and (b == 1 or c == 2 and d >= -3)",
    ],
)
def test_conditions_survive_being_written_back(text: str) -> None:
    assert parse(text_of(parse(text))) == parse(text)


def test_actions_keep_their_roles() -> None:
    assert Names(actions={"a": "b"}).action(Action("a", actor="boss")) == Action("b", actor="boss")
