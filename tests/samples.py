"""Answers made by hand, for the tests of surfaces: a plan with a tree, what-ifs, anomalies, a card."""

from __future__ import annotations

from wmagent import (
    Action,
    Alternative,
    Anomaly,
    Case,
    Change,
    Condition,
    Contingency,
    Evidence,
    Goal,
    OddFact,
    Plan,
    PlanStep,
    TreeNode,
    WhatIf,
)

SUBMIT = Action("submit", {"channel": "portal"})
REVIEW = Action("legal review", {}, "legal")
APPROVE = Action("approve")
ESCALATE = Action("escalate")

APPROVED = Goal((Condition("status", "approved"),), deadline=240.0, words="get the contract approved within 10 days")


def plan(hostile: str = "submitted") -> Plan:
    """Return a two-step plan; `hostile` is a fact value that appears everywhere values appear."""
    submitted = Change("status", "draft", hostile, 1.0)
    approved = Change("status", hostile, "approved", 0.8)
    rejected = Change("status", hostile, "rejected", 0.2)
    evidence = Evidence("observed", 120, (Case("c17", "submit", 0.0, (submitted,)),))
    return Plan(
        goal=APPROVED,
        steps=(
            PlanStep(SUBMIT, 1.0, (submitted,), 2.0, 10.0, evidence),
            PlanStep(APPROVE, 0.97, (approved,), 30.0, 0.0, Evidence("interpolated", 4)),
        ),
        probability=0.874,
        interval=(0.81, 0.92),
        duration=40.0,
        cost=1234.0,
        support="observed",
        contingencies=(Contingency(1, (rejected,), 0.2, (REVIEW, APPROVE)),),
        alternatives=(Alternative((REVIEW, APPROVE), 0.6, 80.0, 2000.0, "P(goal) 0.60 against 0.87"),),
        tree=(
            TreeNode(-1, "", 1.0, 1.0, 0.874, (), chosen=True),
            TreeNode(0, "submit(channel=portal)", 1.0, 1.0, 0.874, (submitted,), chosen=True),
            TreeNode(1, "approve", 0.8, 0.8, 1.0, (approved,), goal=True, chosen=True),
            TreeNode(1, "approve", 0.2, 0.2, 0.37, (rejected,)),
            TreeNode(0, "legal review", 0.6, 0.6, 0.6, ()),
        ),
        warnings=("the deadline is tight",),
        planner="best-first",
        imagined=512,
        milliseconds=38.2,
    )


def what_if() -> WhatIf:
    """Return a what-if that has a number."""
    return WhatIf(
        question="What if legal review is skipped?",
        until=APPROVED,
        actions=(SUBMIT, APPROVE),
        probability=0.31,
        interval=(0.25, 0.4),
        baseline_actions=(SUBMIT, REVIEW, APPROVE),
        baseline_probability=0.874,
        replanned_actions=(ESCALATE,),
        replanned_probability=0.5,
    )


def refused() -> WhatIf:
    """Return a what-if without a number: outside what the model knows."""
    return WhatIf(
        question="What if the office burns?",
        until=APPROVED,
        actions=(),
        probability=None,
        interval=None,
        baseline_actions=(SUBMIT,),
        baseline_probability=0.9,
        support="extrapolated",
    )


def anomaly() -> Anomaly:
    """Return a flagged transition with one odd fact."""
    return Anomaly(7, APPROVE, 9.2, 0.0004, True, (OddFact("status", "approved", 0.98, "draft", 0.001),))


CARD: dict[str, object] = {
    "data": {"transitions": 12000, "cases": 900},
    "held_out": {"exact": 0.991, "ece": 0.011, "calibration": [[0.1, 0.12, 40], [0.5, 0.48, 20], [0.95, 0.96, 300]]},
    "text": "minilm",
}

# A world in which the quick way mostly fails; a definition file.
DOOR = """
format: 1
name: door
about: A lock and a door; hammering is quick and mostly ruins the door.
facts:
  lock: {values: [shut, open], start: shut}
  door: {values: [closed, open, broken], start: closed}
actions:
  hammer:
    guard: door == closed
    duration: 1
    effects: [{outcomes: [{chance: 0.2, set: {door: open}}, {chance: 0.8, set: {door: broken}}]}]
  unlock:
    guard: lock == shut and door == closed
    duration: 1
    effects: [{outcomes: [{chance: 0.8, set: {lock: open}}, {chance: 0.2}]}]
  open:
    guard: lock == open and door == closed
    duration: 1
    effects: [{outcomes: [{set: {door: open}}]}]
goals: [{reach: door == open, deadline: 8, words: [open the door]}]
done: door != closed
"""
