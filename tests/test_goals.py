"""Goals in words: what phrases mean in a model's facts, and what is refused. Knows no planner."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wmagent.agent.doubles import ScriptedWorldModel
from wmagent.agent.goal_check import check_goal
from wmagent.agent.goals import understand
from wmagent.agent.matching import match_action, match_actions
from wmagent.domain.types import Action, Condition, Goal, Value
from wmagent.errors import InputError

CONTRACT = ScriptedWorldModel(
    {
        "amount": ("small", "medium", "large"),
        "counterparty": ("known", "new"),
        "contract type": ("purchase", "service"),
        "status": ("draft", "in review", "approved", "with counterparty", "signed", "on hold", "rejected", "withdrawn"),
        "documents": ("incomplete", "complete"),
        "risk rating": ("unknown", "low", "high"),
        "legal review": ("not started", "passed", "changes requested"),
        "finance check": ("not started", "passed", "budget missing"),
        "manager approval": ("not asked", "granted", "refused"),
        "compliance hold": ("none", "placed", "cleared"),
        "revision round": (0, 1, 2),
    },
    {
        Action(name): lambda facts: ()
        for name in (
            "submit for review",
            "legal review",
            "compliance review",
            "manager approval",
            "fast-track approval",
        )
    },
)
PHONE = ScriptedWorldModel(
    {
        "airplane_mode": ("True", "False"),
        "wifi_enabled": ("True", "False"),
        "wifi_connected": ("False",),
        "data_enabled": ("True", "False"),
        "data_saver_mode": ("True", "False"),
        "vpn_connected": ("True", "False"),
        "sim_card_missing": ("True", "False"),
        "sim_card_status": ("active",),
        "network_connection_status": ("connected", "no_service"),
        "battery_level": ("80", "15"),
        "line.status": ("Active", "Suspended"),
        "apn_name": ("internet",),
    },
    {
        Action("toggle_wifi"): lambda facts: (),
        Action("set_mode", {"mode": "3g"}): lambda facts: (),
        Action("set_mode", {"mode": "4g"}): lambda facts: (),
        Action("reboot_device"): lambda facts: (),
    },
)

APPROVED = ["status == approved"]
READ = [
    ("get the contract approved within 10 days", APPROVED, [], 240, None),
    ("have the contract approved in ten days", APPROVED, [], 240, None),
    ("approval within 240 hours", APPROVED, [], 240, None),
    ("bring the contract to approval", APPROVED, [], None, None),
    ("approved", APPROVED, [], None, None),
    ("get the contract signed", ["status == signed"], [], None, None),
    ("we want the deal signed quickly", ["status == signed"], [], None, None),
    ("have it signed in twenty days", ["status == signed"], [], 480, None),
    (
        "get the contract approved within 10 days without a compliance hold",
        APPROVED,
        ["compliance hold == placed"],
        240,
        None,
    ),
    ("approval in ten days and never a compliance hold", APPROVED, ["compliance hold == placed"], 240, None),
    ("approved in two weeks for less than 2,000 euros", APPROVED, [], 336, 2000),
    ("manager approval granted for under 500", ["manager approval == granted"], [], None, 500),
    ("finance check passed by 48 hours with a budget of 1k", ["finance check == passed"], [], 48, 1000),
    ("approved in 3d", APPROVED, [], 72, None),
    ("status = approved", APPROVED, [], None, None),
    ("Status=Signed", ["status == signed"], [], None, None),
    ("status: approved and legal review: passed", [*APPROVED, "legal review == passed"], [], None, None),
    ("status != rejected and legal review = passed", ["status != rejected", "legal review == passed"], [], None, None),
    ("the legal review should be passed", ["legal review == passed"], [], None, None),
    ("the finance check has passed", ["finance check == passed"], [], None, None),
    ("manager's approval granted", ["manager approval == granted"], [], None, None),
    ("complete the documents", ["documents == complete"], [], None, None),
    ("low risk", ["risk rating == low"], [], None, None),
    ("contract in review", ["status == in review"], [], None, None),
    ("get it with the counterparty", ["status == with counterparty"], [], None, None),
    ("legal review not started", ["legal review == not started"], [], None, None),
    ("not rejected and legal review passed", ["status != rejected", "legal review == passed"], [], None, None),
    ("never rejected, but approved", APPROVED, ["status == rejected"], None, None),
    ("approved but it must not be on hold", APPROVED, ["status == on hold"], None, None),
    (
        "approved and must never be rejected or withdrawn",
        APPROVED,
        ["status == rejected", "status == withdrawn"],
        None,
        None,
    ),
    ("approved without being rejected", APPROVED, ["status == rejected"], None, None),
    ("approved, avoiding changes requested", APPROVED, ["legal review == changes requested"], None, None),
    (
        "approved; keep the legal review from changes requested",
        APPROVED,
        ["legal review == changes requested"],
        None,
        None,
    ),
    ("no budget missing and approved", APPROVED, ["finance check == budget missing"], None, None),
    ("revision round below 1 and approved", ["revision round < 1", *APPROVED], [], None, None),
    ("at most 1 revision round", ["revision round <= 1"], [], None, None),
    ("revision round >= 2", ["revision round >= 2"], [], None, None),
    ("end state: contract signed", ["status == signed"], [], None, None),
    ("legal review: to be passed in 5 days", ["legal review == passed"], [], 120, None),
    ("legal review passed (not changes requested) and approved", ["legal review == passed", *APPROVED], [], None, None),
]


@pytest.mark.parametrize(("words", "conditions", "forbidden", "deadline", "cost"), READ, ids=[row[0] for row in READ])
def test_contract_goals(
    words: str, conditions: list[str], forbidden: list[str], deadline: float | None, cost: float | None
) -> None:
    goal = understand(words, CONTRACT).goal
    assert [c.words() for c in goal.conditions] == conditions
    assert [c.words() for c in goal.forbidden] == forbidden
    assert (goal.deadline, goal.max_cost, goal.words) == (deadline, cost, words)


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("airplane mode off", "airplane_mode == False"),
        ("turn off airplane mode", "airplane_mode == False"),
        ("airplane_mode = off", "airplane_mode == False"),
        ("turn on wifi", "wifi_enabled == True"),
        ("data saver off", "data_saver_mode == False"),
        ("mobile data enabled", "data_enabled == True"),
        ("vpn disconnected", "vpn_connected == False"),
        ("sim card active", "sim_card_status == active"),
        ("no service", "network_connection_status == no_service"),
        ("connected to the network", "network_connection_status == connected"),
        ("line status Active", "line.status == Active"),
        ("battery level above 50", "battery_level > 50"),
    ],
)
def test_switches_and_identifiers(words: str, condition: str) -> None:
    assert [c.words() for c in understand(words, PHONE).goal.conditions] == [condition]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "empty"),
        ("passed", r"legal review = passed \(0.85\); finance check = passed"),
        ("fly to the moon", "cannot express 'fly to the moon'; nearest facts: "),
        ("status = aproved", "did you mean 'approved'"),
        ("status: aproved", "did you mean 'approved'"),
        ("staus: aproved", "unknown fact 'staus'; did you mean 'status'"),
        ("approved and nothing incomplete", "may deny documents = incomplete"),
        ("staus = approved", "unknown fact 'staus'; did you mean 'status'"),
        ("approved and rejected", "contradicts itself"),
        ("approved and never approved", "contradicts itself"),
        ("approved within 0 hours", "deadline"),
        ("approved within 2 days and in 3 days", "two deadlines"),
        ("without a compliance hold", "does not say what should become true"),
        ("approved or signed", "two goals"),
        ("approved by friday", "by friday"),
        ("approved if legal review passed", "'if'"),
        ("amount below 5", "amount is no number here; its values are small, medium, large"),
        ("revision round below 0", "asks for what was never seen"),
        ("revision round = 7", "unknown value of revision round '7'"),
        ("x" * 3000, "2,000 are read at most"),
        ("approved within nan days", "'within nan days' is no limit"),
        ("approved within -3 days", "'within -3 days' is no limit"),
        ("approved within 3 years", "'within 3 years' is no limit"),
        ("approved for less than -5", "'for less than -5' is no limit"),
        ("approved by yesterday", "'by yesterday' is no limit"),
    ],
)
def test_refused_goals(words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        understand(words, CONTRACT)


def test_a_switch_side_never_seen_is_refused_and_not_read_as_another_fact() -> None:
    with pytest.raises(InputError, match="wifi_connected"):
        understand("wifi connected", PHONE)


def test_understanding_says_how() -> None:
    said = understand("get the contract approved within 10 days without a compliance hold", CONTRACT)
    assert "'get the contract approved' as status == approved" in said.words()
    assert "never compliance hold == placed" in said.words()
    assert "deadline 240 h" in said.words()
    assert said.limits == ("within 10 days",)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (Goal(()), "no condition"),
        (Goal((Condition("stat", "approved"),)), "unknown fact 'stat'"),
        (Goal((Condition("status", "burnt"),)), "unknown value of status 'burnt'"),
        (Goal((Condition("status", "approved"),), deadline=-1.0), "deadline is -1.0"),
        (Goal((Condition("status", "approved"),), max_cost=float("nan")), "max_cost is nan"),
        (Goal((Condition("amount", 3, "<"),)), "amount is no number"),
        (Goal((Condition("revision round", 0, ">"), Condition("revision round", 1, "<"))), "contradicts itself"),
        (Goal((Condition("status", "approved"),), (Condition("status", "draft", "!="),)), "contradicts itself"),
    ],
)
def test_goals_that_cannot_be(goal: Goal, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_goal(goal, CONTRACT)


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["get", "approved", "not", "without", "=", "<", "10", "days", "or", ":", ","])).map(
        " ".join
    )
)
def test_any_words_are_read_or_refused(words: str) -> None:
    try:
        goal = understand(words, CONTRACT).goal
    except InputError:
        return
    check_goal(goal, CONTRACT)


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ("legal review", ["legal review"]),
        ("the legal review", ["legal review"]),
        ("fast track", ["fast-track approval"]),
        ("submit", ["submit for review"]),
    ],
)
def test_actions_in_words(words: str, labels: list[str]) -> None:
    assert [action.label() for action in match_actions(words, CONTRACT)] == labels


def test_actions_that_share_a_name_are_meant_together_but_not_as_one() -> None:
    assert [a.label() for a in match_actions("set mode", PHONE)] == ["set_mode(mode=3g)", "set_mode(mode=4g)"]
    with pytest.raises(InputError, match="give one label"):
        match_action("set mode", PHONE)
    assert match_action("set mode 3g", PHONE).label() == "set_mode(mode=3g)"


@pytest.mark.parametrize(("words", "message"), [("review", "can mean"), ("dance", "unknown action 'dance'")])
def test_unclear_actions_are_refused(words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        match_actions(words, CONTRACT)


class Recorded(ScriptedWorldModel):
    """A model with a record of which steps made which facts true."""

    made: dict[tuple[str, Value], dict[str, int]]

    def entered(self) -> dict[tuple[str, Value], dict[str, int]]:
        return self.made


ORDERS = Recorded(
    {
        "customer": ("new", "existing"),
        "order": ("open", "sent", "confirmed", "cancelled"),
        "payment": ("open", "blocked", "paid"),
        "rollout": ("open", "live", "failed"),
        "scope": ("reduced", "full"),
        "design": ("open", "done"),
        "front end": ("open", "built"),
        "back end": ("open", "built"),
        "change approval": ("none", "granted", "frozen"),
    },
    {},
)
ORDERS.made = {
    ("order", "sent"): {"send order": 60},
    ("order", "confirmed"): {"await reply": 50},
    ("order", "cancelled"): {"await reply": 5},
    ("payment", "paid"): {"pay invoice": 40},
    ("payment", "blocked"): {"pay invoice": 4},
    ("rollout", "live"): {"go live": 30},
    ("rollout", "failed"): {"go live": 6},
    ("scope", "full"): {"extend": 9},
    ("scope", "reduced"): {"extend": 9},
    ("design", "done"): {"draw": 9},
    ("front end", "built"): {"build": 20},
    ("back end", "built"): {"build": 20},
    ("change approval", "granted"): {"ask the board": 10},
    ("change approval", "frozen"): {"patch": 5},
}


@pytest.mark.parametrize(
    ("words", "wanted", "never"),
    [
        ("have the invoice paid", ["payment == paid"], []),  # by the step that is done for it
        ("get the rollout done", ["rollout == live"], []),  # the one end that is no failure
        ("bring the full scope live", ["scope == full", "rollout == live"], []),
        ("have all parts built", ["back end == built", "front end == built"], []),
        ("bring the order confirmed plus payment paid", ["order == confirmed", "payment == paid"], []),
        ("go live without a change freeze", ["rollout == live"], ["change approval == frozen"]),
        ("scope full, and at no point on the way should the rollout fail", ["scope == full"], ["rollout == failed"]),
        ("scope full with the rollout not being failed at any time", ["scope == full"], ["rollout == failed"]),
        ("what we are after is a cancelled order", ["order == cancelled"], []),
    ],
)  # fmt: skip
def test_goals_are_facts_that_steps_make_true(words: str, wanted: list[str], never: list[str]) -> None:
    goal = understand(words, ORDERS).goal
    assert [condition.words() for condition in goal.conditions] == wanted
    assert [condition.words() for condition in goal.forbidden] == never


@pytest.mark.parametrize("words", ["get the customer", "have the money with the customer", "get the order done"])
def test_what_no_step_makes_true_is_not_guessed(words: str) -> None:
    with pytest.raises(InputError, match=r"cannot express|can mean"):
        understand(words, ORDERS)
