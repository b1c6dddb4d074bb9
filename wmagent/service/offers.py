"""Which tools and documents there are for which kind of model: names, descriptions and schemas, without a model.
Knows questions and answers; must not know what answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wmagent.service import answers as told
from wmagent.service import case_questions as case
from wmagent.service import questions as asked
from wmagent.service.tools import Answered, Document, Tool

Run = Callable[[Any, str], Answered]
Read = Callable[[], str]
PLAN = (
    "Imagine what can be done to reach a goal and return the decision: what to do next, with P(goal), its interval, "
    "the risk, and how far the record supports it. Call this before acting. `abstain` means: ask a person."
)
WHAT_IF = (
    "Imagine what becomes of a goal if something is otherwise: an action done now, skipped, inserted, swapped, "
    "replaced or delayed, other facts, another rule, or a policy. Compares with the plan without the change."
)
PREDICT = "Tell what an action (or every allowed one) does right here: outcomes with probabilities, hours, support."
ANOMALY = "Tell whether a step that happened is odd, given what the record makes of such states and actions."
WORLD = "Tell which facts (with known values) and which actions the model knows. Ask this first."
EXPLAIN = "Tell more about an earlier answer by its id: steps, evidence cases, alternatives, contingencies."
KEPT = "Return the whole of an earlier answer, for pictures and reports."
CASE_PREDICT = "Tell what comes next in an open case (a set that holds it in 90 % of cases) and the hours that remain."
CASE_ANOMALY = "Tell whether anything in a case is odd, event by event, and what was expected instead."
PROCESS = "Tell which activities the model knows and who chooses them. Ask this first."


def world_tools(runs: Mapping[str, Run]) -> tuple[Tool, ...]:
    """Return the tools of a world model; `runs` answers them by name."""
    return (
        Tool("plan", PLAN, asked.PlanQuestion, told.Decision, runs["plan"]),
        Tool("what_if", WHAT_IF, asked.WhatIfQuestion, told.Compared, runs["what_if"]),
        Tool("predict", PREDICT, asked.PredictQuestion, told.Prediction, runs["predict"]),
        Tool("check_anomaly", ANOMALY, asked.AnomalyQuestion, told.Judged, runs["check_anomaly"]),
        Tool("describe_world", WORLD, asked.WorldQuestion, told.World, runs["describe_world"], kept=False),
        Tool("explain", EXPLAIN, asked.ExplainQuestion, told.Explained, runs["explain"], kept=False),
        Tool("kept", KEPT, asked.KeptQuestion, told.Kept, runs["kept"], kept=False, listed=False),
    )


def process_tools(runs: Mapping[str, Run]) -> tuple[Tool, ...]:
    """Return the tools of an event log's model; `runs` answers them by name."""
    return (
        Tool("plan", PLAN, case.CasePlanQuestion, told.Decision, runs["plan"]),
        Tool("what_if", WHAT_IF, case.CaseWhatIfQuestion, told.Compared, runs["what_if"]),
        Tool("predict", CASE_PREDICT, case.CasePredictQuestion, told.Forecast, runs["predict"]),
        Tool("check_anomaly", CASE_ANOMALY, case.CaseAnomalyQuestion, told.CaseJudged, runs["check_anomaly"]),
        Tool("describe_world", PROCESS, case.ProcessQuestion, told.World, runs["describe_world"], kept=False),
        Tool("explain", EXPLAIN, asked.ExplainQuestion, told.Explained, runs["explain"], kept=False),
    )


def world_documents(reads: Mapping[str, Read]) -> tuple[Document, ...]:
    """Return what there is to read beside a world model's tools."""
    return (
        Document("card", "The model card.", "text/markdown", reads["card"]),
        Document("examples", "States to plan from and goals to plan for.", "application/json", reads["examples"]),
    )


def process_documents(reads: Mapping[str, Read]) -> tuple[Document, ...]:
    """Return what there is to read beside the tools of an event log's model."""
    return (
        Document("ownership", "Who chooses each activity.", "application/yaml", reads["ownership"]),
        Document("examples", "Cases to ask about and activities to reach.", "application/json", reads["examples"]),
    )
