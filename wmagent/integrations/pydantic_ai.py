"""wmagent's tools for pydantic-ai agents. Knows that framework's tools, which are imported where they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wmagent.errors import WmagentError
from wmagent.integrations.asking import ask
from wmagent.service.tools import Toolbox

if TYPE_CHECKING:
    from pydantic_ai import Tool


def tools(box: Toolbox) -> list[Tool]:
    """Return a toolbox's tools for `pydantic_ai.Agent(…, tools=…)`; errors are results that the model reads."""
    from pydantic_ai import Tool

    return [
        Tool.from_schema(_runner(box, tool.name), tool.name, tool.description, tool.asks.model_json_schema())
        for tool in box.listed
    ]


def _runner(box: Toolbox, name: str) -> Callable[..., dict[str, Any]]:
    from pydantic_ai.exceptions import ToolFailed

    def run(**arguments: Any) -> dict[str, Any]:
        try:
            return ask(box, name, arguments)
        except WmagentError as error:
            raise ToolFailed(str(error)) from None

    return run
