"""The agent as a LangGraph graph: perceive, propose, imagine, check, ask, explain, act, observe, and again.

Knows the order of the steps and what enters a checkpoint; must not know how any step does its work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from wmagent.agent.episode import AgentState, Run

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

Context = Runtime[Run]
Update = dict[str, Any]


class Stages(Protocol):
    """What the graph calls: every method gets the state and the run's live parts and returns what changes."""

    def perceive(self, state: AgentState, run: Run) -> Update: ...
    def propose(self, state: AgentState, run: Run) -> Update: ...
    def imagine(self, state: AgentState, run: Run) -> Update: ...
    def check(self, state: AgentState, run: Run) -> Update: ...
    def question(self, state: AgentState, run: Run) -> dict[str, Any] | None: ...
    def asked(self, state: AgentState, run: Run) -> Any | None: ...
    def answered(self, state: AgentState, run: Run, answer: Any) -> Update: ...
    def explain(self, state: AgentState, run: Run) -> Update: ...
    def doubt(self, state: AgentState, run: Run) -> dict[str, Any] | None: ...
    def act(self, state: AgentState, run: Run, told: Any) -> Update: ...
    def observe(self, state: AgentState, run: Run) -> Update: ...


STAGES = ("perceive", "propose", "imagine", "check", "ask", "explain", "act", "observe")


def build_graph(
    stages: Stages, checkpointer: BaseCheckpointSaver[Any] | None = None
) -> CompiledStateGraph[AgentState, Run, AgentState, AgentState]:
    """Return the compiled graph; interrupts and resuming need a checkpointer."""
    graph: StateGraph[AgentState, Run, AgentState, AgentState] = StateGraph(AgentState, context_schema=Run)

    def perceive(state: AgentState, runtime: Context) -> Update:
        return _told(runtime, "perceive", stages.perceive(state, runtime.context))

    def propose(state: AgentState, runtime: Context) -> Update:
        return _told(runtime, "propose", stages.propose(state, runtime.context))

    def imagine(state: AgentState, runtime: Context) -> Update:
        return _told(runtime, "imagine", stages.imagine(state, runtime.context))

    def check(state: AgentState, runtime: Context) -> Update:
        return _told(runtime, "check", stages.check(state, runtime.context))

    def ask(state: AgentState, runtime: Context) -> Update:
        question = stages.question(state, runtime.context)
        if question is None:
            return {}
        answer = stages.asked(state, runtime.context)
        answer = interrupt(question) if answer is None else answer
        return _told(runtime, "ask", stages.answered(state, runtime.context, answer))

    def explain(state: AgentState, runtime: Context) -> Update:
        return _told(runtime, "explain", stages.explain(state, runtime.context))

    def act(state: AgentState, runtime: Context) -> Update:
        doubt = stages.doubt(state, runtime.context)
        told = interrupt(doubt) if doubt is not None else None
        return _told(runtime, "act", stages.act(state, runtime.context, told))

    def observe(state: AgentState, runtime: Context) -> Update:
        return _told(runtime, "observe", stages.observe(state, runtime.context))

    for name, node in zip(STAGES, (perceive, propose, imagine, check, ask, explain, act, observe), strict=True):
        graph.add_node(name, node)
    graph.add_edge(START, "perceive")
    graph.add_conditional_edges("perceive", _after_perceive, ["propose", "explain", END])
    graph.add_edge("propose", "imagine")
    graph.add_edge("imagine", "check")
    graph.add_conditional_edges("check", _after_check, ["ask", "explain"])
    graph.add_edge("ask", "explain")
    graph.add_conditional_edges("explain", _after_explain, ["act", END])
    graph.add_edge("act", "observe")
    graph.add_conditional_edges("observe", _after_observe, ["perceive", END])
    return graph.compile(checkpointer=checkpointer)


def _told(runtime: Context, stage: str, update: Update) -> Update:
    """Send what a stage found to whoever streams the run; plain JSON."""
    runtime.stream_writer({"stage": stage, **update})
    return update


def _running(state: AgentState) -> bool:
    return state.get("status") == "running"


def _after_perceive(state: AgentState) -> str:
    if state.get("status") in ("outside", "exhausted"):
        return END
    return "propose" if _running(state) else "explain"


def _after_check(state: AgentState) -> str:
    return "ask" if state.get("acting") and _running(state) else "explain"


def _after_explain(state: AgentState) -> str:
    return "act" if state.get("acting") and _running(state) else END


def _after_observe(state: AgentState) -> str:
    return "perceive" if _running(state) else END
