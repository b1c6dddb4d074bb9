"""A LangGraph node, and a compiled subgraph of it, that imagine before a graph's acting node.
Knows the toolbox and plain state only: what goes in and comes out is JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

from wmagent.agent.matching import match_action
from wmagent.errors import WmagentError
from wmagent.integrations.asking import ask
from wmagent.integrations.judging import Judge, Verdict
from wmagent.integrations.rules import Rules
from wmagent.service.tools import Toolbox

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph


class Imagined(TypedDict, total=False):
    """What the node reads (`goal`, `facts`, and `proposed`, a step somebody wants to do) and what it writes.

    `decision` is act, done, impossible or abstain, as of the tool `plan`, and `action` what to do next: the proposed
    step where the rules allow it, else the plan's, where they allow that. `verdict` says what was found of the proposed
    step, or of the plan's.
    """

    goal: str
    facts: dict[str, Any]
    proposed: str | None
    decision: str
    action: str | None
    because: str
    plan: list[str]
    probability: float | None
    interval: list[float] | None
    risk: float | None
    support: str | None
    warnings: list[str]
    verdict: dict[str, Any] | None


TOLD = ("decision", "action", "because", "plan", "probability", "interval", "risk", "support", "warnings")


def imagining_node(box: Toolbox, rules: Rules | None = None) -> Callable[..., dict[str, Any]]:
    """Return a function for `StateGraph.add_node`: facts and a goal in, a decision out. What cannot be used as a goal
    or as facts is a decision, too: abstain, with the reason."""
    judge = Judge(box, rules)

    def imagine(state: Imagined) -> dict[str, Any]:
        try:
            told = ask(box, "plan", {"goal": state.get("goal"), "state": state.get("facts")})
            return {key: told[key] for key in TOLD} | _judged(judge, state, told)
        except WmagentError as error:
            empty = dict.fromkeys(("action", "probability", "interval", "risk", "support", "verdict"))
            return {**empty, "decision": "abstain", "because": str(error), "plan": [], "warnings": []}

    return imagine


def imagining(box: Toolbox, rules: Rules | None = None) -> CompiledStateGraph:
    """Return a compiled graph of the one node, to be added to another graph as a node of its own."""
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(Imagined)
    graph.add_node("imagine", imagining_node(box, rules))
    graph.add_edge(START, "imagine")
    graph.add_edge("imagine", END)
    return graph.compile()


def _judged(judge: Judge, state: Imagined, told: dict[str, Any]) -> dict[str, Any]:
    """Return what the rules make of the proposed step and, where they refuse it, of the plan's."""
    found: dict[str, Any] = {"verdict": None}
    for proposed in (state.get("proposed"), told["action"]):
        if not proposed:
            continue
        verdict = judge.judge(state.get("facts", {}), match_action(proposed, judge.agent.model))
        found["verdict"] = found["verdict"] or verdict.to_dict()
        if verdict.decision == "allow":
            return found | {"decision": "act", "action": verdict.action, "because": _why(told, verdict)}
        found |= {"decision": "abstain", "action": None, "because": verdict.words()}
        if verdict.decision == "ask":
            break
    return found


def _why(told: dict[str, Any], verdict: Verdict) -> str:
    return told["because"] if verdict.action == told["action"] else f"{verdict.action} breaks no rule"
