"""Workflow worlds: the promises of every world, the shipped one, refusals, experience, and check_world itself."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wmagent import worlds
from wmagent.domain.checks import check_world
from wmagent.domain.types import Action, Condition, Facts, Goal, Observation
from wmagent.domain.world import Step, World
from wmagent.errors import InputError
from wmagent.worlds.behaviour import Habits
from wmagent.worlds.loading import WORLDS, world_from
from wmagent.worlds.workflow import WorkflowWorld

DOOR: dict[str, Any] = {
    "format": 1,
    "name": "door",
    "facts": {
        "door": {"values": ["closed", "open", "broken"], "start": "closed", "words": ["entrance"]},
        "pushes": {"range": [0, 3], "start": 0},
        "owner": {"values": [True, False], "start": {True: 0.5, False: 0.5}, "static": True},
    },
    "actions": {
        "push": {
            "role": "guest",
            "guard": "door == closed and pushes < 3",
            "cost": 2,
            "duration": 0.5,
            "effects": [
                {"when": "owner", "outcomes": [{"set": {"door": "open", "pushes": "+1"}, "event": "lock turned"}]},
                {"outcomes": [{"chance": 0.5, "set": {"pushes": "+1"}}, {"chance": 0.5, "set": {"door": "broken"}}]},
            ],
        },
        "wait": {"duration": 1},
    },
    "goals": [{"reach": "door == open and pushes <= 2", "deadline": 5, "words": ["open the door", "get in"]}],
    "done": "door == broken",
}


@pytest.fixture(scope="module")
def door() -> WorkflowWorld:
    return world_from(DOOR)


@pytest.mark.parametrize("name", worlds.names())
def test_shipped_worlds_keep_their_promises(name: str) -> None:
    world = worlds.load(name)
    assert isinstance(world, World)
    assert world.name == name
    checked = check_world(world)
    assert min(checked.steps, checked.refusals, checked.compared) > 20


def test_registry_is_one_file_per_world(root: Path) -> None:
    assert set(worlds.names()) == set(WORLDS)
    assert {path.name for path in (root / "worlds").glob("*.yaml")} == set(WORLDS.values())
    assert worlds.load(root / "worlds" / WORLDS["contract-approval"]) == worlds.load("contract-approval")
    with pytest.raises(InputError, match="unknown world 'contract-aproval'; did you mean 'contract-approval'"):
        worlds.load("contract-aproval")


def test_names_are_imported_when_asked_for() -> None:
    code = (
        "import sys, wmagent.worlds as w; assert not {'yaml', 'pydantic', 'pyarrow', 'numpy'} & set(sys.modules);"
        "w.experience(w.load('contract-approval'), 5); w.load('contract-approval').oracle();"
        "assert not {'torch', 'polars', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert callable(worlds.experience)
    assert set(worlds.__all__) <= set(dir(worlds))
    with pytest.raises(AttributeError, match="no attribute 'loaded'"):
        worlds.loaded  # noqa: B018


def test_steps_by_hand(door: WorkflowWorld) -> None:
    mine: Facts = {"door": "closed", "pushes": 0, "owner": True}
    push = Action("push")
    opened = door.step(mine, push, seed=1)
    assert opened == Step({"door": "open", "pushes": 1, "owner": True}, 0.5, 2, ("lock turned",))
    others = [door.step(mine | {"owner": False}, push, seed) for seed in range(400)]
    assert {step.state["door"]: step.done for step in others} == {"closed": False, "broken": True}
    assert sum(step.done for step in others) == pytest.approx(200, abs=40)
    assert mine == {"door": "closed", "pushes": 0, "owner": True}
    assert door.legal(mine) == (Action("push", actor="guest"), Action("wait"))
    assert Counter(door.initial(seed)["owner"] for seed in range(400))[True] == pytest.approx(200, abs=40)
    assert door.observe(mine) == Observation(mine)
    assert door.step({"door": "closed", "pushes": 2.0, "owner": "True"}, push, 0).state["pushes"] == 3


def test_refusals_name_the_guard_and_change_nothing(door: WorkflowWorld) -> None:
    tired: Facts = {"door": "closed", "pushes": 3, "owner": True}
    refused = door.step(tired, Action("push"), 0)
    assert (refused.state, refused.duration, refused.cost) == (tired, 0, 0)
    assert refused.error == "not allowed: 'push' needs door == closed and pushes < 3"
    ended = door.step(tired | {"door": "broken"}, Action("wait"), 0)
    assert ended.done
    assert "the case has ended" in str(ended.error)
    wrong = door.step(tired | {"pushes": 0}, Action("push", actor="owner"), 0)
    assert "for the role 'guest', not 'owner'" in str(wrong.error)


def test_what_a_world_cannot_take(door: WorkflowWorld) -> None:
    mine: dict[str, Any] = {"door": "closed", "pushes": 0, "owner": True}
    for facts, message in (
        (mine | {"dor": "open"}, "unknown fact 'dor'; did you mean 'door'"),
        (mine | {"door": "opne"}, "unknown value of 'door' 'opne'; did you mean 'open'"),
        ({"door": "closed", "owner": True}, "lack 'pushes'"),
        (mine | {"pushes": 9}, "unknown value of 'pushes' '9'"),
    ):
        with pytest.raises(InputError, match=message):
            door.legal(facts)
    with pytest.raises(InputError, match="unknown action 'pull'"):
        door.step(mine, Action("pull"), 0)
    with pytest.raises(InputError, match="takes no arguments"):
        door.step(mine, Action("push", {"hard": True}), 0)


def test_goals_and_texts(door: WorkflowWorld) -> None:
    (goal,) = door.goals()
    reach = (Condition("door", "open"), Condition("pushes", "2", "<="))
    assert goal == Goal(reach, deadline=5, words="open the door")
    assert goal.reached({"door": "open", "pushes": 2})
    assert not goal.reached({"door": "open", "pushes": 3})
    assert door.texts.goals == {"open the door": ("open the door", "get in")}
    assert door.texts.facts["door"] == ("door", "entrance")
    assert door.domains["pushes"] == (0, 1, 2, 3)
    assert pickle.loads(pickle.dumps(door.definition)) == door.definition


def test_first_facts_follow_their_distribution() -> None:
    world = worlds.load("contract-approval")
    starts = world.oracle().starts()
    drawn = Counter(tuple(world.initial(seed).items()) for seed in range(3_000))
    for chance, facts in starts:
        assert drawn[tuple(facts.items())] / 3_000 == pytest.approx(chance, abs=5 * (chance / 3_000) ** 0.5 + 1e-3)
    assert all(f["template"] == "standard" for _, f in starts if f["contract type"] == "purchase")


def test_experience_is_repeatable_and_varied() -> None:
    world = worlds.load("contract-approval")
    rows = worlds.experience(world, transitions=3_000, seed=5, attempts=0.2)
    assert rows == worlds.experience(world, transitions=3_000, seed=5, attempts=0.2)
    assert rows != worlds.experience(world, transitions=3_000, seed=6, attempts=0.2)
    assert len(rows) == 3_000
    refused = [row for row in rows if row.error]
    assert len(refused) / 3_000 == pytest.approx(0.2, abs=0.03)
    assert all(row.after.facts == row.before.facts and not row.duration for row in refused)
    done = {row.action.name for row in rows if not row.error}
    assert done == {action.name for action in world.actions}
    for row, after in itertools.pairwise(rows):
        if row.case == after.case:
            assert row.after.facts == after.before.facts
            assert not row.done
    ends = Counter(str(row.after.facts["status"]) for row in rows if row.done)
    assert set(ends) == {"signed", "rejected", "withdrawn"}
    approved = [
        row for row in rows if row.after.facts["status"] == "approved" and row.action.name == "approve contract"
    ]
    assert {row.after.facts["legal review"] for row in approved} == {"passed", "not started", "changes requested"}


def test_experience_settings(door: WorkflowWorld) -> None:
    quiet = worlds.experience(door, 200, attempts=0, styles=((1.0, Habits(random=0, skip=0, leave=0)),), max_steps=3)
    assert not any(row.error for row in quiet)
    assert max(Counter(row.case for row in quiet).values()) == 3
    assert worlds.experience(door, 0) == []
    refused: tuple[dict[str, Any], ...] = (
        {"transitions": -1},
        {"attempts": 1.0},
        {"attempts": -0.1},
        {"max_steps": 0},
        {"styles": ()},
    )
    for settings in refused:
        with pytest.raises(InputError):
            worlds.experience(door, **settings)
    stuck = world_from(DOOR | {"done": "door == closed"})
    with pytest.raises(InputError, match="allows no action"):
        worlds.experience(stuck, 10)


class Bent:
    """The door world with one broken promise."""

    def __init__(self, world: WorkflowWorld, fault: str) -> None:
        self.world, self.fault, self.calls = world, fault, 0
        self.name, self.actions = world.name, world.actions

    def initial(self, seed: int) -> dict[str, Any]:
        self.calls += 1
        return dict(self.world.initial(seed + self.calls * (self.fault == "start")))

    def legal(self, state: dict[str, Any]) -> tuple[Action, ...]:
        if self.fault == "legal":
            return self.actions
        if self.fault == "hidden":
            return self.world.legal(state)[:1]
        if self.fault == "ended" and state["door"] == "broken":
            return self.actions
        return self.world.legal(state)

    def step(self, state: dict[str, Any], action: Action, seed: int) -> Step[dict[str, Any]]:
        self.calls += 1
        step = self.world.step(state, action, seed + self.calls * (self.fault == "seed"))
        if self.fault == "mutates":
            state["pushes"] = 3
        if self.fault == "duration":
            return replace(step, duration=float("nan"))  # type: ignore[return-value]
        if self.fault == "refusal" and step.error:
            return replace(step, state=dict(step.state) | {"pushes": 0})  # type: ignore[return-value]
        return step  # type: ignore[return-value]

    def observe(self, state: dict[str, Any]) -> Observation:
        return Observation(dict(state) | {"list": [1]} if self.fault == "facts" else state)  # type: ignore[dict-item]

    def goals(self) -> tuple[Goal, ...]:
        return (Goal((Condition("dor" if self.fault == "goal" else "door", "open"),)),)

    def oracle(self) -> Any:
        data = DOOR
        if self.fault == "oracle":
            opens = {"door": "open", "pushes": "+1"}
            outcomes = [{"chance": 0.5, "set": {"pushes": "+1"}}, {"chance": 0.5, "set": opens}]
            push = DOOR["actions"]["push"] | {"effects": [{"outcomes": outcomes}]}
            data = DOOR | {"actions": DOOR["actions"] | {"push": push}}
        return world_from(data).oracle()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("start", "starts differently twice"),
        ("legal", "calls 'push' legal but refuses it|still allows actions"),
        ("hidden", "does not list 'wait' as legal|refuses"),
        ("ended", "still allows actions after"),
        ("seed", "different step twice with the same seed"),
        ("mutates", "mutates the state"),
        ("duration", "a duration of nan"),
        ("refusal", "changes facts although it refuses"),
        ("facts", "the fact 'list' with a list"),
        ("goal", "unknown fact of the goal"),
        ("oracle", "what its oracle does not know|its oracle says"),
    ],
)
def test_check_world_finds_what_is_broken(door: WorkflowWorld, fault: str, message: str) -> None:
    assert check_world(Bent(door, "")).compared > 3
    with pytest.raises(InputError, match=message):
        check_world(Bent(door, fault))
