"""The actions of a made-up workflow: ways to do checks, rework, escalation, the gates between stages, upkeep.

Knows the outline; knows no words but those it is given.
"""

from __future__ import annotations

from random import Random

from wmagent.worlds.expressions import value_text
from wmagent.worlds.making.outline import Check, Outline, Part
from wmagent.worlds.making.words import ROLES

# per way to do a check: times the usual hours, times the usual cost, chance to fail at full luck
_WAYS = ((1.0, 1.0, 0.35), (0.5, 0.6, 0.6), (2.0, 2.5, 0.15), (3.0, 4.0, 0.3))
_CAREFUL, _OUTSIDE = 2, 3
_HARDER = 0.25  # more chance to fail where the attribute that matters has its hard value


def actions_of(outline: Outline, random: Random) -> Part:
    actions: Part = {}
    for check in outline.checks:
        for way in range(outline.ways):
            name, part = _way(outline, check, way)
            actions[name] = {"role": random.choice(ROLES), **part}
    for check in outline.checks:
        name, part = _rework(outline, check)
        actions[name] = {"role": random.choice(ROLES), **part}
    actions["escalate to the board"] = _escalation(outline)
    for stage in range(1, len(outline.stages)):
        needs = [check.has(1) for check in outline.checks if check.required and check.stage == stage - 1]
        actions[f"start the {outline.stages[stage][0]}"] = {
            "role": "coordinator",
            "guard": " and ".join([outline.at(stage - 1, stage - 1), *needs]),
            "cost": 20,
            "duration": 4,
            "effects": [{"outcomes": [{"set": {"stage": outline.stages[stage][0]}}]}],
            "words": [f"begin the {said}" for said in (outline.stages[stage][0], *outline.stages[stage][1])],
        }
    actions[f"complete the {outline.subject[0]}"] = _completion(outline)
    return actions | _care(outline)


def _way(outline: Outline, check: Check, way: int) -> tuple[str, Part]:
    """Return one way to do a check: its name, and what it needs, takes and may lead to."""
    slower, dearer, risk = _WAYS[way]
    name, said = check.kind.ways[way]
    guard = [outline.at(check.stage), check.has(0)]
    if check.after is not None:
        guard.append(check.after.has(1))
    if check.resource is not None and way != _OUTSIDE:
        guard.append(f"{check.resource} == available")
    spent: Part = {}
    if way == _CAREFUL and outline.budget:
        guard.append("budget left > 0")
        spent = {"budget left": "-1"}
    good, bad = ({"set": {check.name: check.value(place), **spent}} for place in (1, 2))
    effects: list[Part] = [{"outcomes": outline.turns(risk, good, bad)}]
    if outline.luck:
        hard = f"{check.attribute[0]} == {value_text(check.attribute[3][0])}"
        effects.insert(0, {"when": hard, "outcomes": outline.turns(risk + _HARDER, good, bad)})
    return name.format(x=check.name), {
        "guard": " and ".join(guard),
        "cost": round(10 * check.hours * dearer),
        "duration": outline.hours(check.hours * slower),
        "effects": effects,
        "words": _words(check, said),
    }


def _rework(outline: Outline, check: Check) -> tuple[str, Part]:
    name, said = check.kind.rework
    guard = [check.has(2), "rework round < " + ("rework limit" if outline.policies > 2 else str(outline.rounds))]
    always: Part = {"rework round": "+1"}
    if outline.budget:
        guard.append("budget left > 0")
        always["budget left"] = "-1"
    turns = outline.turns(
        0.5, {"set": {check.name: check.value(1), **always}}, {"set": {check.name: check.value(0), **always}}
    )
    return name.format(x=check.name), {
        "guard": " and ".join(guard),
        "cost": 10 * check.hours,
        "duration": outline.hours(check.hours),
        "effects": [{"outcomes": turns}],
        "words": _words(check, said),
    }


def _words(check: Check, said: tuple[str, ...]) -> list[str]:
    return [text.format(x=check.words[0]) for text in said] + [said[0].format(x=check.name)]


def _escalation(outline: Outline) -> Part:
    """Return the way out where no more rework is allowed: the board accepts what failed, or stops the case."""
    limit = "rework limit" if outline.policies > 2 else str(outline.rounds)
    stopped = {"set": {"stage": "cancelled"}, "event": "stopped by the board"}
    return {
        "role": "board",
        "guard": f"rework round >= {limit} and ({' or '.join(check.has(2) for check in outline.checks)})",
        "cost": 600,
        "duration": outline.hours(24),
        "effects": [
            {"when": check.has(2), "outcomes": outline.turns(0.4, {"set": {check.name: check.value(1)}}, stopped)}
            for check in outline.checks
        ],
        "words": ["go to the board", "have the board decide"],
    }


def _completion(outline: Outline) -> Part:
    needs = [check.has(1) for check in outline.checks if check.required]
    if outline.holds:
        needs.append("hold != placed")
    skipped, subject = outline.optional()[0], outline.subject
    if outline.policies > 0:
        needs.append(f"({subject[0]} value <= {skipped.name} limit or {skipped.has(1)})")
    if outline.policies > 1:
        needs += [f"(completion rule != {check.name} or {check.has(1)})" for check in outline.optional()]
    done = {"set": {"stage": "completed"}}
    broken_off = {"set": {"stage": "cancelled"}, "event": "turned down at the end"}
    return {
        "role": "team lead",
        "guard": " and ".join([outline.at(len(outline.stages) - 1), *needs]),
        "cost": 50,
        "duration": outline.hours(8),
        "effects": [
            {"when": f"not {skipped.has(1)}", "outcomes": outline.turns(0.5, done, broken_off)},
            {"outcomes": outline.turns(0.1, done, broken_off)},
        ],
        "words": [f"finish the {said}" for said in subject[1]] + [f"bring the {subject[0]} to its end"],
    }


def _care(outline: Outline) -> Part:
    """Return the actions that look after budget, resources and holds."""
    actions: Part = {}
    if outline.budget:
        effect = {"outcomes": outline.turns(0.3, {"set": {"budget left": outline.budget}}, {})}
        actions["ask for more budget"] = {
            "role": "team lead",
            "guard": "budget left == 0",
            "cost": 200,
            "duration": outline.hours(24),
            "effects": [effect],
            "words": ["request additional budget", "get more money"],
        }
    for key, words in outline.resources:
        actions[f"repair the {key}"] = {
            "role": "engineer",
            "guard": f"{key} == out of order",
            "cost": 300,
            "duration": outline.hours(16),
            "effects": [{"outcomes": [{"set": {key: "available"}}]}],
            "words": [f"mend the {word}" for word in (key, *words)],
        }
    if outline.holds:
        stopped = {"set": {"stage": "cancelled"}, "event": "stopped for good"}
        actions["clear the hold"] = {
            "role": "team lead",
            "guard": "hold == placed",
            "cost": 400,
            "duration": outline.hours(24),
            "effects": [{"outcomes": outline.turns(0.5, {"set": {"hold": "cleared"}}, {}, stopped)}],
            "words": ["lift the block", "get the hold lifted"],
        }
    return actions
