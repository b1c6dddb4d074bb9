"""Planning to be watched: one question with growing budgets, the tree after each, then the decision. Knows
FastAPI, tools and plans as plain data; must not know models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import anyio
from fastapi import Body, FastAPI
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

from wmagent.domain.answers import Plan, TreeNode
from wmagent.serve.http import FAILURES
from wmagent.serve.measuring import Measures
from wmagent.serve.streaming import Say, streamed
from wmagent.service.kept import kept
from wmagent.service.tools import Tool, Toolbox, Watch

BUDGETS = (3, 12, 48, 150, 500, 1_500, 6_000)  # imagined steps after which the tree is shown
MOST_NODES = 150  # of a tree that is sent


def add_growing(app: FastAPI, box: Toolbox, measures: Measures, limiter: anyio.CapacityLimiter) -> None:
    """Add `/v1/plan/grow`, where plans are searched for; the cases of an event log are planned without a tree."""
    tool = box.tools["plan"]
    if "simulations" not in tool.asks.model_fields:
        return

    async def grow(question: Any) -> EventSourceResponse:
        """Plan with more and more imagined steps: events `tree` and `progress`, then `answer` or `error`."""
        watch = Watch()
        return streamed(lambda say: grown(box, tool, question, watch, say), watch, measures.call(tool.name), limiter)

    grow.__annotations__["question"] = Annotated[tool.asks, Body()]
    app.post("/v1/plan/grow", operation_id="plan_grow", summary="Plan, as a growing tree", responses=FAILURES)(grow)


def grown(box: Toolbox, tool: Tool, question: Any, watch: Watch, say: Say) -> BaseModel:
    """Return the answer to the question as it was asked, after saying the trees of smaller budgets and its own.

    A search that ended before its budget was spent would end so again: what lies between is left out.
    """
    most, imagined = question.simulations, -1
    steps = [*(budget for budget in BUDGETS if budget < most), most]
    while steps:
        budget = steps.pop(0)

        def progress(so_far: int, _: int, budget: int = budget) -> None:
            say("progress", {"imagined": so_far, "of": budget}, must=False)

        part = Watch(progress=progress, stop=watch.stop, until=watch.until)
        asked = question.model_copy(update={"simulations": budget})
        told = box.answer(tool, asked, part)
        watch.until = part.until  # the seconds are those of the whole question
        if getattr(told, "probability", None) is None:  # an abstention stays one
            steps = steps[-1:]
        elif (plan := kept(box, box.key_of(tool.name, asked), Plan)).imagined != imagined:
            imagined = plan.imagined
            say("tree", pictured(plan, budget))
            if imagined < budget:
                steps = steps[-1:]
    return told


def pictured(plan: Plan, budget: int) -> dict[str, Any]:
    """Return the most important part of a plan's tree, parents first, with what the search has come to."""
    nodes = [_node(node) for node in cut(plan.tree, MOST_NODES)]
    return {"budget": budget, "imagined": plan.imagined, "probability": round(plan.probability, 4), "nodes": nodes}


def cut(nodes: tuple[TreeNode, ...], most: int) -> list[tuple[TreeNode, int]]:
    """Return the chosen course and the nodes that are reached most likely, each with its parent's new place."""
    order = sorted(range(len(nodes)), key=lambda i: (not nodes[i].chosen, -nodes[i].reach, i))
    kept: set[int] = set()
    for index in order:
        way, here = [], index
        while here >= 0 and here not in kept:
            way.append(here)
            here = nodes[here].parent
        if len(kept) + len(way) <= most:
            kept.update(way)
    place = {old: new for new, old in enumerate(sorted(kept))}
    return [(nodes[i], place.get(nodes[i].parent, -1)) for i in sorted(kept)]


def _node(placed: tuple[TreeNode, int]) -> Mapping[str, Any]:
    node, parent = placed
    return {
        "parent": parent,
        "action": node.action,
        "probability": round(node.probability, 4),
        "reach": round(node.reach, 4),
        "value": round(node.value, 4),
        "goal": node.goal,
        "chosen": node.chosen,
        "changes": [
            {"fact": one.key, "before": one.before, "after": one.after, "probability": round(one.probability, 4)}
            for one in node.changes
        ],
    }
