"""wmagent in LangChain: its tools, and a middleware that imagines every tool call before it is executed.
Knows LangChain's tools and agent middleware; what is judged, and how, is `judging`'s business."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.tools import StructuredTool, ToolException
from langgraph.types import interrupt

from wmagent.domain.types import Action, Facts
from wmagent.errors import InputError, WmagentError
from wmagent.integrations.asking import ask
from wmagent.integrations.calls import action_of_call
from wmagent.integrations.judging import Judge, Verdict
from wmagent.integrations.rules import Rules
from wmagent.service.tools import Tool, Toolbox, wrong

if TYPE_CHECKING:
    from langgraph.types import Command

ONE_STEP = "one step at a time: what was imagined holds until the first step is done. Look at its result, then go on"


def tools(box: Toolbox) -> list[StructuredTool]:
    """Return a toolbox's tools; answers are JSON, and errors are messages to the model, not exceptions."""
    return [_structured(box, tool) for tool in box.listed]


def _structured(box: Toolbox, tool: Tool) -> StructuredTool:
    def run(**arguments: Any) -> str:
        try:
            return json.dumps(ask(box, tool.name, arguments))
        except WmagentError as error:
            raise ToolException(str(error)) from None

    async def arun(**arguments: Any) -> str:
        return await asyncio.to_thread(run, **arguments)

    return StructuredTool.from_function(
        func=run,
        coroutine=arun,
        name=tool.name,
        description=tool.description,
        args_schema=tool.asks,
        handle_tool_error=True,
        handle_validation_error=_said,
    )


def _said(error: Any) -> str:
    return wrong(error.errors(include_url=False))


class ImagineFirst(AgentMiddleware):
    """Imagines every tool call that is a step of the world before it is executed, for `create_agent`.

    A call that would break a rule comes back to the model as an error message with the reason, the probability and what
    to do instead (the verdict is its `artifact`); it is never executed. Where the rules say "ask", the run stops with
    an interrupt, whose value is the verdict, until it is resumed with True or False; that needs a checkpointer. Of
    several steps proposed at once only the first is done. Calls of other business pass unseen.
    """

    def __init__(
        self,
        box: Toolbox,
        facts: Callable[[Any], Facts],
        rules: Rules | None = None,
        *,
        action_of: Callable[[ToolCall], Action | None] | None = None,
        judge: Judge | None = None,
    ) -> None:
        """`facts` tells the current facts, given the agent's state. `action_of` says which action a tool call is, None
        for none (default: the same name and arguments, else by the name's words; never for the toolbox's own tools).
        `judge` is used in place of one made from the box and the rules."""
        super().__init__()
        if judge is not None and rules is not None:
            raise InputError("the judge has its rules; give one of judge and rules")
        self.tools = []
        self._box, self._facts, self._action_of = box, facts, action_of or self._own_action_of
        self._judge = judge or Judge(box, rules)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Imagine, then execute or say why not."""
        refused = self._answered(request, self._verdict(request))
        return handler(request) if refused is None else refused

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """Imagine, then execute or say why not."""
        refused = self._answered(request, await asyncio.to_thread(self._verdict, request))
        return await handler(request) if refused is None else refused

    def _verdict(self, request: ToolCallRequest) -> Verdict | None:
        """Return what is to become of a call; None where it is no step of the world."""
        action = self._action_of(request.tool_call)
        if action is None:
            return None
        if self._waits(request):
            return Verdict("block", action.name, "one step at a time", ONE_STEP)
        return self._judge.judge(self._facts(request.state), action)

    def _waits(self, request: ToolCallRequest) -> bool:
        """Return whether another step of the same message comes before this one."""
        messages = request.state.get("messages", []) if isinstance(request.state, dict) else []
        last = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
        for call in last.tool_calls if last is not None else ():
            if call["id"] == request.tool_call["id"]:
                return False
            if self._action_of(call) is not None:
                return True
        return False

    @staticmethod
    def _answered(request: ToolCallRequest, verdict: Verdict | None) -> ToolMessage | None:
        """Return the message in the place of a call's result; None where the call may be executed."""
        if verdict is None or verdict.decision == "allow":
            return None
        said = verdict.words()
        if verdict.decision == "ask":
            asked = {"question": f"may {verdict.action} be done? {verdict.because}", **verdict.to_dict()}
            if interrupt(asked) is True:
                return None
            said = f"{said} A person was asked and said no."
        call = request.tool_call
        return ToolMessage(said, tool_call_id=call["id"], name=call["name"], status="error", artifact=verdict.to_dict())

    def _own_action_of(self, call: ToolCall) -> Action | None:
        if call["name"] in self._box.tools:
            return None
        return action_of_call(call["name"], call["args"], self._judge.agent.model)
