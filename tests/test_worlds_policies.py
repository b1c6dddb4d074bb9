"""Facts compared with facts, policies shown as sentences, paraphrases of values, and other starts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from wmagent.domain.checks import check_world
from wmagent.domain.types import Action, Condition, Goal
from wmagent.errors import InputError
from wmagent.worlds import restricted
from wmagent.worlds.conditions import compile_check, parse
from wmagent.worlds.loading import world_from

ORDERS: dict[str, Any] = {
    "format": 1,
    "name": "orders",
    "facts": {
        "amount": {"values": [100, 500, 1000], "start": {100: 0.5, 1000: 0.5}, "static": True},
        "approval limit": {
            "values": [100, 500, 1000],
            "start": 500,
            "static": True,
            "policy": "orders above {value} euros need the director",
        },
        "approver": {
            "values": ["clerk", "director"],
            "start": "clerk",
            "value_words": {"director": ["the boss", "head of the company"]},
        },
        "express": {
            "values": [True, False],
            "start": False,
            "static": True,
            "policy": {True: "express orders skip the check", False: "every order is checked"},
        },
        "checked": {"values": [True, False], "start": False},
        "status": {"values": ["open", "approved"], "start": "open"},
    },
    "actions": {
        "ask the director": {
            "guard": "amount > approval limit",
            "effects": [{"outcomes": [{"set": {"approver": "director"}}]}],
        },
        "check": {"guard": "not express", "effects": [{"outcomes": [{"set": {"checked": True}}]}]},
        "approve": {
            "guard": "(amount <= approval limit or approver == director) and (express or checked)",
            "effects": [{"outcomes": [{"set": {"status": "approved"}}]}],
        },
    },
    "goals": [{"reach": "status == approved", "words": ["approve it"]}],
    "done": "status == approved",
}
SENTENCE = "orders above {} euros need the director"
DOMAINS = {
    "amount": (1, 2, 3),
    "limit": (2, 3, 4),
    "urgent": (False, True),
    "word": ("true", "limit", "2"),
    "other": ("2", "x"),
}
STATES = [(a, b, u, w, o) for a in range(3) for b in range(3) for u in range(2) for w in range(3) for o in range(2)]


def changed(key: str, **parts: object) -> dict[str, Any]:
    data = copy.deepcopy(ORDERS)
    data["facts"][key] |= parts
    return data


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("amount > limit", lambda a, b, u, w, o: a + 1 > b + 2),
        ("amount >= limit and urgent", lambda a, b, u, w, o: a + 1 >= b + 2 and u),
        ("not urgent and amount < limit and limit != amount", lambda a, b, u, w, o: not u and a + 1 < b + 2),
        ("limit <= amount or amount == 1", lambda a, b, u, w, o: b + 2 <= a + 1 or a == 0),
        ("amount == limit", lambda a, b, u, w, o: a + 1 == b + 2),
        ("word == limit", lambda a, b, u, w, o: w == 1),  # a value of the left fact wins
        ("word == other", lambda a, b, u, w, o: (w, o) == (2, 0)),
        ("amount != word", lambda a, b, u, w, o: (a, w) != (1, 2)),
    ],
)
def test_what_comparisons_of_facts_mean(text: str, meaning: Any) -> None:
    check = compile_check(parse(text), DOMAINS)
    assert [bool(check(state)) for state in STATES] == [bool(meaning(*state)) for state in STATES]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("amount > word", "'word' holds words; > compares numbers"),
        ("word < amount", "'word' holds words; < compares numbers"),
        ("amount > limt", "compares 1 as a number"),
        ("amount == limt", "unknown value of 'amount' 'limt'"),
        ("amount in (limit, 2)", "unknown value of 'amount' 'limit'"),
    ],
)
def test_mistakes_in_comparisons_of_facts(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_check(parse(text), DOMAINS)


def test_policies_are_shown_as_sentences_and_compared_as_values() -> None:
    world = world_from(ORDERS)
    first = world.initial(0)
    assert first["approval limit"] == SENTENCE.format(500)
    assert world.domains["approval limit"] == tuple(SENTENCE.format(value) for value in (100, 500, 1000))
    assert world.domains["express"] == ("express orders skip the check", "every order is checked")
    large = {**first, "amount": 1000}
    assert [action.name for action in world.legal(large)] == ["ask the director", "check"]
    raw = large | {"approval limit": 1000, "express": True}
    assert [action.name for action in world.legal(raw)] == ["approve"]
    assert world.step(raw, Action("approve"), 0).state["approval limit"] == SENTENCE.format(1000)
    goal = Goal((Condition("status", "approved"),))
    assert world.oracle().optimal(raw, goal).probability == 1
    with pytest.raises(InputError, match=r"unknown value of 'approval limit' 'anything goes'.*orders above 100 euros"):
        world.legal(raw | {"approval limit": "anything goes"})
    check_world(world)


@pytest.mark.parametrize(
    ("key", "parts", "message"),
    [
        ("approval limit", {"static": False}, "facts.approval limit.policy: a policy does not change"),
        ("approval limit", {"policy": "there is a limit"}, "two values read the same"),
        ("approval limit", {"policy": {100: "low", 500: "middle"}}, "no sentence for 1000"),
        ("approval limit", {"policy": {100: "a", 500: "b", 999: "c"}}, "unknown value of 'approval limit' '999'"),
        ("express", {"policy": {True: "False", False: "True"}}, "two values read the same"),
        ("approver", {"value_words": {"boss": ["x"]}}, "facts.approver.value_words: unknown value of 'approver'"),
    ],
)
def test_mistakes_in_policies(key: str, parts: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        world_from(changed(key, **parts))


def test_goals_compare_facts_with_values_only() -> None:
    data = copy.deepcopy(ORDERS)
    data["goals"][0]["reach"] = "amount <= approval limit"
    with pytest.raises(InputError, match=r"goals\[0\].reach: amount <= approval limit compares 100 as a number"):
        world_from(data)


def test_values_have_paraphrases_as_the_world_shows_them() -> None:
    values = world_from(changed("express", value_words={False: ["nothing is skipped"]})).texts.values
    assert values["approver"] == {"director": ("director", "the boss", "head of the company")}
    assert values["express"] == {"every order is checked": ("every order is checked", "nothing is skipped")}
    assert values["status"] == {}


def test_restricted_worlds_start_elsewhere() -> None:
    world = world_from(ORDERS)
    other = restricted(world, {"approval limit": [100, 1000], "amount": {500: 0.25, 1000: 0.75}})
    starts = {(f["approval limit"], f["amount"]): chance for chance, f in other.oracle().starts()}
    assert starts == {
        (SENTENCE.format(limit), amount): pytest.approx(chance / 2)
        for limit in (100, 1000)
        for amount, chance in ((500, 0.25), (1000, 0.75))
    }
    assert world.initial(1)["approval limit"] == SENTENCE.format(500)
    assert other.definition.actions == world.definition.actions
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"limit": [100]}, "unknown fact 'limit'"),
        ({"amount": []}, "must be a list of different values"),
        ({"amount": "100"}, "must be a list of different values"),
        ({"amount": [100, 100]}, "must be a list of different values"),
        ({"amount": [7]}, "facts.amount.start: unknown value of 'amount' '7'"),
        ({"amount": {100: 0.5}}, "the chances sum to 0.5"),
    ]
    for starts, message in wrong:
        with pytest.raises(InputError, match=message):
            restricted(world, starts)
