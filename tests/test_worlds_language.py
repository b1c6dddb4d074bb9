"""The workflow language: what conditions mean, and that every mistake in a file is named with its place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from wmagent import worlds
from wmagent.domain.types import Action
from wmagent.errors import InputError
from wmagent.worlds.conditions import compile_check, parse
from wmagent.worlds.loading import world_from

DOMAINS = {"legal review": ("not started", "passed"), "amount": (0, 1, 2, 3), "urgent": (False, True)}
STATES = [(legal, amount, urgent) for legal in range(2) for amount in range(4) for urgent in range(2)]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", lambda legal, amount, urgent: True),
        ("legal review == not started", lambda legal, amount, urgent: legal == 0),
        ("legal review != passed and amount >= 2", lambda legal, amount, urgent: legal == 0 and amount >= 2),
        ("urgent or amount in (0, 3)", lambda legal, amount, urgent: urgent or amount in (0, 3)),
        ("not urgent and amount not in (0, 3)", lambda legal, amount, urgent: not urgent and amount in (1, 2)),
        ("not (urgent or amount < 2)", lambda legal, amount, urgent: not urgent and amount >= 2),
        ("urgent == false and 'amount' == 2.0", lambda legal, amount, urgent: not urgent and amount == 2),
        ('legal review in ("not started", passed)', lambda legal, amount, urgent: True),
        (
            "urgent or amount == 1 and legal review == passed",
            lambda legal, amount, urgent: urgent or (amount, legal) == (1, 1),
        ),
        ("not not urgent", lambda legal, amount, urgent: urgent),
    ],
)
def test_what_conditions_mean(text: str, meaning: Any) -> None:
    check = compile_check(parse(text), DOMAINS)
    assert [bool(check(state)) for state in STATES] == [bool(meaning(*state)) for state in STATES]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status = open", "character 8 on; compare with =="),
        ("amount ==", "expected a value, found the end"),
        ("amount == 1 and", "expected a fact, found the end at character 16"),
        ("(amount == 1", r"expected '\)', found the end"),
        ("amount 1 == 1", "unknown fact 'amount 1'; did you mean 'amount'"),
        ("amount == 1 urgent", "unknown value of 'amount' '1 urgent'"),
        ("legal review < passed", "'legal review' holds words; < compares numbers"),
        ("amount < many", "compares 0 as a number"),
        ("amount == 1 == 2", "expected 'and', 'or' or the end, found '=='"),
        ("amount", "unknown value of 'amount' 'true'"),
        ("amount in ()", "expected a value"),
        ("(" * 50 + "urgent" + ")" * 50, "more than 40 nested parts"),
        ("not " * 2_000 + "urgent", "at most 2000 are allowed"),
    ],
)
def test_mistakes_in_conditions(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_check(parse(text), DOMAINS)


CONTRACT: dict[str, Any] = {
    "format": 1,
    "name": "small",
    "facts": {
        "amount": {"values": ["small", "large"], "start": {"small": 0.5, "large": 0.5}, "static": True},
        "status": {"values": ["draft", "review", "approved"], "start": "draft"},
        "round": {"range": [0, 2], "start": 0},
    },
    "actions": {
        "submit": {"guard": "status == draft", "effects": [{"outcomes": [{"set": {"status": "review"}}]}]},
        "approve": {
            "guard": "status == review",
            "duration": {4: 0.5, 8: 0.5},
            "effects": [
                {"when": "amount == large", "outcomes": [{"chance": 0.5}, {"chance": 0.5, "set": {"round": "+1"}}]},
                {"outcomes": [{"set": {"status": "approved"}}]},
            ],
        },
    },
    "rules": {"again": {"when": "round == 2", "set": {"status": "draft"}, "after": ["approve"]}},
    "events": {"lost": {"when": "status == review", "chance": 0.1, "set": {"status": "draft"}}},
    "goals": [{"reach": "status == approved", "words": ["approve it"]}],
    "done": "status == approved",
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the contract definition with one place set, or removed where the value is Ellipsis."""
    data = copy.deepcopy(CONTRACT)
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    inner: Any = data
    for part in way:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "actions/approve/effects/0/when",
            "stauts == draft",
            r"actions.approve.effects\[0\].when: unknown fact 'stauts'; did you mean 'status'",
        ),
        (
            "actions/approve/guard",
            "status == reviw",
            "actions.approve.guard: unknown value of 'status' 'reviw'; did you mean 'review'",
        ),
        (
            "actions/approve/effects/0/outcomes/1/set",
            {"rond": 1},
            r"actions.approve.effects\[0\].outcomes\[1\].set: unknown fact 'rond'",
        ),
        ("actions/approve/effects/0/outcomes/1/set", {"amount": "small"}, "'amount' is static"),
        (
            "actions/approve/effects/0/outcomes/1/chance",
            0.4,
            r"effects\[0\].outcomes: the chances sum to 0.9; they must sum to 1",
        ),
        (
            "actions/approve/effects/0/outcomes/1/chance",
            "often",
            r"actions.approve.effects\[0\].outcomes\[1\].chance: .*number",
        ),
        ("actions/approve/effects/0/outcomes/1/chance", 1.5, "less than or equal to 1"),
        ("actions/approve/effects/0/outcomes/1/chance", float("nan"), "finite number|greater than"),
        ("actions/approve/effects/0/when", "", r"effects\[0\]: has no 'when', so the effects after it never count"),
        ("actions/approve/duration", {4: 0.5}, "actions.approve.duration: the chances sum to 0.5"),
        ("actions/approve/duration", -1, "actions.approve.duration"),
        ("actions/approve/colour", "red", "actions.approve.colour: unknown key"),
        ("actions", {}, "actions: a world needs at least one action"),
        ("facts", {}, "facts: a world needs at least one fact"),
        (
            "facts/status/start",
            "drafts",
            "facts.status.start: unknown value of 'status' 'drafts'; did you mean 'draft'",
        ),
        (
            "facts/status/start",
            [{"when": "round == 0", "chances": {"draft": 1}}],
            r"facts.status.start\[0\].when: unknown fact 'round'",
        ),
        ("facts/round/start", [{"when": "status == draft", "chances": {0: 1}}], "the last case needs no 'when'"),
        ("facts/status/values", ["draft", "Draft", "review", "approved"], "facts.status: 'draft' is listed twice"),
        ("facts/status/range", [0, 1], "facts.status: give either 'values' or 'range'"),
        ("facts/round/range", [2, 0], r"facts.round: range \[2, 0\] must go up"),
        ("facts/status/values", [], "a fact needs between 1 and"),
        ("rules/again/after", ["aprove"], "rules.again.after: unknown action 'aprove'; did you mean 'approve'"),
        ("rules/again/set", {"round": "+1"}, "rules.again.set: a rule sets 'round' to a value"),
        ("events/lost/when", "status === review", "events.lost.when: cannot read"),
        (
            "goals/0/reach",
            "status == aproved",
            r"goals\[0\].reach: unknown value of 'status' 'aproved'; did you mean 'approved'",
        ),
        ("goals/0/reach", "status == approved or round == 1", r"goals\[0\].reach: a goal joins plain comparisons"),
        ("goals/0/reach", "", r"goals\[0\].reach: empty"),
        ("goals/0/words", [], r"goals\[0\].words"),
        ("done", "finished", "done: unknown fact 'finished'"),
        ("format", 2, "format: Input should be 1"),
        ("name", ..., "name: Field required"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, path: str, value: object, message: str) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(changed(path, value), sort_keys=False))
    with pytest.raises(InputError, match=message) as caught:
        worlds.load(file)
    assert str(caught.value).startswith(f"{file}, line ")


def test_mistakes_in_the_file_itself(tmp_path: Path) -> None:
    for name, content, message in (
        ("a.yaml", b"facts: {a: 1}\nfacts: {b: 2}\n", "a.yaml, line 2: 'facts' is given twice"),
        ("a.json", b'{"facts": {}, "facts": {}}', "a.json, line 1: the key 'facts' is given twice"),
        ("b.yaml", b"a: &x [1]\nb: *x\n", "b.yaml, line 2: aliases"),
        ("c.yaml", b"a: [1\nb: 2", "c.yaml, line 2, column 2: not readable as YAML"),
        ("d.yaml", b"", "a workflow is a mapping"),
        ("e.yaml", b"name: \xff", "byte 6 is not UTF-8"),
        ("f.json", b'{"name": ', "f.json, line 1, column 10: not readable as JSON"),
        ("g.yaml", b"a: !!python/object/apply:os.getcwd []", "not readable as YAML"),
        ("h.yaml", b"[" * 5_000, "nested too deeply|not readable"),
        ("i.yaml", b"x" * 2_000_001, "larger than"),
        ("j.txt", b"", "ends in .yaml"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            worlds.load(str(tmp_path / name))
        assert str(caught.value).startswith(str(tmp_path / name))
    with pytest.raises(InputError, match="no such file; shipped worlds: contract-approval"):
        worlds.load("nowhere.yaml")


def test_json_and_yaml_are_the_same_world(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(CONTRACT, sort_keys=False))
    (tmp_path / "a.json").write_text(json.dumps(CONTRACT))
    assert worlds.load(tmp_path / "a.yaml") == worlds.load(tmp_path / "a.json") == world_from(CONTRACT)


def test_rules_apply_after_their_actions_only() -> None:
    world = world_from(changed("facts/round/start", 2))
    first = world.initial(0)
    assert first["status"] == "draft"
    submitted = {"amount": "small", "status": "review", "round": 2}
    assert {o.facts["status"] for o in world.oracle().outcomes(first, Action("submit"))} == {"review", "draft"}
    assert {o.facts["status"] for o in world.oracle().outcomes(submitted, Action("approve"))} == {"draft"}


def test_rules_that_chase_each_other_are_named() -> None:
    data = changed(
        "rules", {name: {"when": f"round == {a}", "set": {"round": b}} for name, a, b in [("up", 0, 1), ("down", 1, 0)]}
    )
    with pytest.raises(InputError, match=r"rules.up: these undo each other without end: up, down"):
        world_from(data)


def test_worlds_of_many_states_stay_fast() -> None:
    facts = {f"f{i}": {"range": [0, 9], "start": 0} for i in range(4)}
    actions = {}
    for key in facts:
        outcomes = [{"chance": 0.5}, {"chance": 0.5, "set": {key: "+1"}}]
        actions[f"raise {key}"] = {"guard": f"{key} < 9", "duration": 1, "effects": [{"outcomes": outcomes}]}
    oracle = world_from({"format": 1, "name": "counters", "facts": facts, "actions": actions}).oracle()
    assert len(oracle.reachable(dict.fromkeys(facts, 0))) == 10_000
