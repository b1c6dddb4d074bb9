"""A chat model that says what it was scripted to say, for tests and evaluations of agents.
Knows LangChain's messages; must not know any world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult


class ScriptedChat(BaseChatModel):
    """Says the next of `says` each time: a text, or the tool calls (name, arguments) of one message; then "done".

    `heard` holds the messages of every time it was asked.
    """

    says: list[str | list[tuple[str, dict[str, Any]]]]
    heard: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it

    def bind_tools(self, tools: Sequence[Any], **settings: Any) -> ScriptedChat:  # type: ignore[override]
        """Return itself: the script needs no schemas."""
        return self

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *given: Any, **settings: Any) -> ChatResult:
        said = self.says[len(self.heard)] if len(self.heard) < len(self.says) else "done"
        self.heard.append(list(messages))
        if isinstance(said, str):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(said))])
        calls = [
            ToolCall(name=name, args=arguments, id=f"call-{len(self.heard)}-{place}")
            for place, (name, arguments) in enumerate(said)
        ]
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=calls))])
