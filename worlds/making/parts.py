"""From the outline of a made-up workflow to its definition: facts, rules, events, goals and their words.

Knows the outline and the workflow language; what can be done is `actions`' business.
"""

from __future__ import annotations

from random import Random
from typing import Any

from wmagent.worlds.making.actions import actions_of
from wmagent.worlds.making.outline import Check, Outline, Part
from wmagent.worlds.making.words import CANCELLED, COMPLETED, Paraphrased

_AMOUNTS = (1000, 5000, 20000)


def compose(name: str, outline: Outline, random: Random) -> Part:
    """Return the definition as the plain dicts and lists of a workflow file."""
    return {
        "format": 1,
        "name": name,
        "about": f"A made-up workflow: one {outline.subject[0]} on its way through {len(outline.stages)} stages.",
        "facts": _facts(outline, random),
        "actions": actions_of(outline, random),
        "rules": _rules(outline),
        "events": _events(outline) if outline.luck else {},
        "goals": _goals(outline),
        "done": "stage in (completed, cancelled)",
    }


def _facts(outline: Outline, random: Random) -> Part:
    facts: Part = {}
    for key, words, easy, hard in outline.attributes:
        share = random.choice((0.5, 0.6, 0.7))
        facts[key] = _fact((easy, hard), words, start={easy[0]: share, hard[0]: round(1 - share, 3)}, static=True)
    facts |= _policy_facts(outline)
    stages = (*outline.stages, COMPLETED, CANCELLED)
    facts["stage"] = _fact(stages, ("phase", "step of the way"), start=stages[0][0])
    for check in outline.checks:
        facts[check.name] = _fact(check.kind.values, check.words, start=check.value(0))
    facts["rework round"] = {"range": [0, outline.rounds], "start": 0, "words": ["round of rework", "second tries"]}
    if outline.budget:
        facts["budget left"] = {"range": [0, outline.budget], "start": outline.budget, "words": ["remaining budget"]}
    for key, words in outline.resources:
        facts[key] = _fact((("available", ("ready",)), ("out of order", ("broken",))), words, start="available")
    if outline.holds:
        values = (("none", ("not there",)), ("placed", ("in force",)), ("cleared", ("lifted",)))
        facts["hold"] = _fact(values, ("block", "stop from above"), start="none")
    return facts


def _fact(values: tuple[Paraphrased, ...], words: tuple[str, ...], **rest: Any) -> Part:
    spoken = {value: list(said) for value, said in values}
    return {"values": list(spoken), "words": list(words), "value_words": spoken, **rest}


def _policy_facts(outline: Outline) -> Part:
    """Return the rules that can be read, with the amount that the first of them compares."""
    first, optional = outline.subject[0], outline.optional()
    kinds: list[Part] = [
        {
            f"{first} value": {
                "values": list(_AMOUNTS),
                "start": dict.fromkeys(_AMOUNTS, 1 / 3),
                "words": [f"worth of the {first}"],
            },
            f"{optional[0].name} limit": {
                "values": [0, *_AMOUNTS],
                "start": 5000,
                "words": [f"amount without a {optional[0].name}"],
                "policy": f"above {{value}} euros nothing is completed unless {_said(optional[0])}",
            },
        },
        {
            "completion rule": {
                "values": [check.name for check in optional] + ["nothing more"],
                "start": optional[0].name,
                "words": ["rule for the end"],
                "policy": {check.name: f"nothing is completed unless {_said(check)}" for check in optional}
                | {"nothing more": "what is optional need not be done before completion"},
            }
        },
        {
            "rework limit": {
                "values": list(range(outline.rounds + 1)),
                "start": outline.rounds,
                "words": ["most rounds of rework"],
                "policy": "after {value} rounds of rework only the board decides",
            }
        },
    ]
    return {key: part | {"static": True} for kind in kinds[: outline.policies] for key, part in kind.items()}


def _said(check: Check) -> str:
    return f"the {check.name} is {check.value(1)}"


def _rules(outline: Outline) -> Part:
    """Return the hidden rules: a hold where a check was left out, and what is void once something else is."""
    if not outline.holds:
        return {}
    skipped = outline.optional()[0]
    attribute = skipped.attribute
    left_out = f"{outline.at(skipped.stage + 1)} and not {skipped.has(1)} and hold == none"
    rules: Part = {
        f"no way past the {skipped.name}": {
            "when": f"{left_out} and {attribute[0]} == {attribute[3][0]}",
            "set": {"hold": "placed"},
            "event": "hold placed",
        }
    }
    cause, because = "hold == placed", "a hold"
    for check in outline.chain:
        rules[f"{because} voids the {check.name}"] = {
            "when": f"{cause} and {check.has(1)}",
            "set": {check.name: check.value(0)},
            "event": f"{check.name} void",
        }
        cause, because = check.has(0), f"an open {check.name}"
    return rules


def _events(outline: Outline) -> Part:
    """Return what happens from outside, with chances that luck scales."""
    luck, last = outline.luck, len(outline.stages) - 1
    events: Part = {
        f"{outline.subject[0]} withdrawn": {
            "when": outline.at(last),
            "chance": round(0.02 * luck, 4),
            "set": {"stage": "cancelled"},
        }
    }
    for key, _ in outline.resources:
        events[f"breakdown of the {key}"] = {
            "when": f"{key} == available",
            "chance": round(0.1 * luck, 4),
            "set": {key: "out of order"},
        }
    reopened = outline.chain[0] if outline.chain else outline.checks[0]
    events[f"new facts about the {reopened.name}"] = {
        "when": f"{outline.at(reopened.stage + 1)} and {reopened.has(1)}",
        "chance": round(0.1 * luck, 4),
        "set": {reopened.name: reopened.value(0)},
    }
    return events


def _goals(outline: Outline) -> list[Part]:
    subject, others = outline.subject
    usual = sum(check.hours for check in outline.checks) + 4 * len(outline.stages) + 8
    days = -(-round((1.25 + 0.75 * outline.luck) * usual) // 24)
    first = next(check for check in outline.checks if check.required)
    said = [f"get the {subject} completed", *(f"have the {other} finished" for other in others)]
    goals = [
        {"reach": "stage == completed", "words": said},
        {
            "reach": "stage == completed",
            "deadline": 24 * days,
            "words": [f"{words} within {days} days" for words in said],
        },
        {
            "reach": first.has(1),
            "words": [f"get the {first.name} to be {first.value(1)}", f"bring the {first.name} through"],
        },
    ]
    if outline.holds:
        without = {"never": "hold == placed", "words": [f"{words} without a hold" for words in said]}
        goals.append({"reach": "stage == completed", **without})
    return goals
