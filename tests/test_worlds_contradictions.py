"""Contradictory and cyclic definitions are named with the line of the file; sound ones pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wmagent import worlds
from wmagent.errors import InputError
from wmagent.worlds.contradictions import contradictions
from wmagent.worlds.loading import world_from

SHOP = """\
format: 1
name: shop
facts:
  status:
    values: [open, paid, sent]
    start: open
  amount:
    range: [1, 5]
    start: 3
  limit:
    values: [2, 4]
    start: 2
    static: true
  urgent:
    values: [true, false]
    start: false
actions:
  pay:
    guard: status == open
    effects:
      - when: amount > limit
        outcomes:
          - {chance: 0.5, set: {status: paid}}
          - {chance: 0.5}
      - outcomes:
          - {set: {status: paid}}
  send:
    guard: status == paid
    effects:
      - outcomes:
          - {set: {status: sent}}
rules:
  rush:
    when: status == paid and urgent == false
    set: {urgent: true}
  calm:
    when: status == sent and urgent
    set: {urgent: false}
events:
  recall:
    when: status == sent
    chance: 0.1
    set: {status: open}
goals:
  - reach: status == sent
    never: amount == 5
    words: [send it]
done: status == sent
"""


def write(folder: Path, old: str, new: str) -> Path:
    assert old in SHOP
    path = folder / "shop.yaml"
    path.write_text(SHOP.replace(old, new))
    return path


def test_a_sound_file_loads(tmp_path: Path) -> None:
    assert worlds.load(write(tmp_path, "", "")).name == "shop"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("guard: status == open", "guard: sttus == open", "line 19: actions.pay.guard: unknown fact 'sttus'"),
        ("{chance: 0.5}", "{chance: 0.4}", r"line 22: actions.pay.effects\[0\].outcomes: the chances sum to 0.9"),
        ("chance: 0.1", "chance: 1.5", "line 42: events.recall.chance: Input should be less than or equal to 1"),
        ("guard: status == paid", "gard: status == paid", "line 28: actions.send.gard: unknown key"),
        ("    chance: 0.1\n", "", "line 40: events.recall.chance: Field required"),
        ("  limit:", "  amount:", "line 10: 'amount' is given twice"),
        ("    guard: status == open", "    guard: [status", "line 20, column .*not readable as YAML"),
        ("    guard: status == open", "\tguard: status", "line 19, column 1: not readable as YAML"),
        ("    start: 3", "    start: &x 3", "no complaint"),
        ("done: status == sent", "done: status == snt", "line 48: done: unknown value of 'status' 'snt'"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, old, new)
    if message == "no complaint":
        worlds.load(path)
        return
    with pytest.raises(InputError, match=message) as caught:
        worlds.load(path)
    assert str(caught.value).startswith(f"{path}, line ")


def test_several_mistakes_name_several_lines(tmp_path: Path) -> None:
    text = SHOP.replace("chance: 0.1", "chance: 2").replace("guard: status == paid", "gard: 1")
    (tmp_path / "shop.yaml").write_text(text)
    with pytest.raises(InputError, match=r"shop.yaml, line 28: actions.send.gard: .*; line 42: events.recall.chance"):
        worlds.load(tmp_path / "shop.yaml")


def test_json_files_name_their_lines_too(tmp_path: Path) -> None:
    import yaml

    whole = json.dumps(yaml.safe_load(SHOP), indent="\t")
    path = tmp_path / "shop.json"
    for old, new, message in (
        ('"guard": "status == open"', '"guard": "stats == open"', "actions.pay.guard: unknown fact 'stats'"),
        ('"chance": 0.1', '"chance": NaN', "NaN is no usable number"),
        ('"limit": {', '"amount": {', "the key 'amount' is given twice"),
        ('"name": "shop",', '"name": "shop"', "not readable as JSON"),
    ):
        assert old in whole
        line = whole[: whole.index(old)].count("\n") + 1 + ("name" in old)
        path.write_text(whole.replace(old, new))
        with pytest.raises(InputError, match=message) as caught:
            worlds.load(path)
        assert str(caught.value).startswith(f"{path}, line {line}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("status == open\n", "status == open and status == paid\n", "line 19: actions.pay.guard: .*can never hold"),
        ("when: amount > limit", "when: amount > 5", r"line 21: actions.pay.effects\[0\].when: 'amount > 5' can never"),
        ("amount > limit", "amount < limit and amount > 3", "'amount < limit and amount > 3' can never hold"),
        ("when: status == sent\n", "when: urgent and not urgent\n", "line 41: events.recall.when: .*can never hold"),
        ("reach: status == sent", "reach: amount > 2 and amount < 2", r"line 45: goals\[0\].reach: .*can never hold"),
        (
            "never: amount == 5",
            "never: status != open",
            r"line 45: goals\[0\].reach: .*'never' holds too",
        ),
        ("done: status == sent", "done: amount <= 5", "line 48: done: 'amount <= 5' always holds"),
        ("sent and urgent", "paid and urgent", "line 33: rules.rush: these undo each other without end: calm, rush"),
        ("{urgent: false}", "{status: paid}", "no complaint"),
    ],
)
def test_contradictions(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, old, new)
    if message == "no complaint":
        worlds.load(path)
        return
    with pytest.raises(InputError, match=message):
        worlds.load(path)


def test_all_contradictions_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "when: amount > limit", "when: amount > 5")
    path.write_text(path.read_text().replace("when: status == sent\n", "when: amount > 9\n"))
    with pytest.raises(InputError, match=r"line 21: .*'amount > 5' can never.*; line 41: .*'amount > 9' can never"):
        worlds.load(path)


def made(rules: dict[str, Any], **facts: dict[str, Any]) -> dict[str, Any]:
    known = {"a": {"range": [0, 3], "start": 0}, "b": {"range": [0, 3], "start": 0}, **facts}
    actions = {name: {"effects": [{"outcomes": [{"set": {name: "+1"}}]}]} for name in ("a", "b")}
    return {"format": 1, "name": "made", "facts": known, "actions": actions, "rules": rules}


def test_rules_that_set_one_fact_to_different_values() -> None:
    both = {"low": {"when": "a >= 2", "set": {"b": 1}}, "high": {"when": "a <= 2", "set": {"b": 2}}}
    with pytest.raises(InputError, match=r"rules.low: these undo each other .*low, high \(where a is 2"):
        world_from(made(both))
    both["high"]["when"] = "a <= 1"
    world_from(made(both))
    both["high"] = {"when": "a == 2 and b == 0", "set": {"b": 2}}  # the order settles: low first, then high has no case
    world_from(made(both))


def test_a_circle_of_three_is_found_and_one_that_nothing_reaches_is_none() -> None:
    names = {f"r{i}": {"when": f"b == {i}", "set": {"b": i % 3 + 1}} for i in (1, 2, 3)}
    with pytest.raises(InputError, match=r"rules.r1: these undo each other without end: r1, r2, r3"):
        world_from(made(names))
    still = {"start": 0, "values": [0, 1]}
    for rule in names.values():
        rule["when"] += " and c == 1"
    assert list(contradictions(world_from(made(names, c=still)))) == []
    with pytest.raises(InputError, match="undo each other"):
        world_from(made(names, c=still | {"start": 1}))


def test_questions_that_are_too_large_are_left_open() -> None:
    many = {f"f{i}": {"range": [0, 99], "start": 0} for i in range(4)}
    wide = " and ".join(f"f{i} < f{(i + 1) % 4}" for i in range(4))  # impossible, but nobody looks through 10^8
    world_from(made({"wide": {"when": wide, "set": {"a": 1}}}, **many))
