"""wmagent's tools for smolagents. Knows that framework's tools, which are imported where they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo

from wmagent.errors import WmagentError
from wmagent.integrations.asking import ask
from wmagent.service import tools as service

if TYPE_CHECKING:
    from smolagents import Tool

KINDS = {"string", "boolean", "integer", "number", "array", "object"}


def tools(box: service.Toolbox) -> list[Tool]:
    """Return a toolbox's tools for smolagents; an answer is a mapping, an error one with `error` in it."""
    from smolagents import Tool

    class Asked(Tool):
        name, description, inputs, output_type = "ask", "Ask wmagent.", {}, "object"
        skip_forward_signature_validation = True  # the arguments are those of the question's schema

        def __init__(self, tool: service.Tool) -> None:
            self.name, self.description, self.inputs = tool.name, tool.description, _inputs(tool)
            super().__init__()

        def forward(self, **arguments: Any) -> dict[str, Any]:
            given = {key: value for key, value in arguments.items() if value is not None}
            try:
                return ask(box, self.name, given)
            except WmagentError as error:
                return {"error": str(error)}

    return [Asked(tool) for tool in box.listed]


def _inputs(tool: service.Tool) -> dict[str, dict[str, Any]]:
    """Return a question's arguments as smolagents describes them."""
    schema = tool.asks.model_json_schema()["properties"]
    return {name: _input(name, field, schema[name]) for name, field in tool.asks.model_fields.items()}


def _input(name: str, field: FieldInfo, schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type", "any")
    told: dict[str, Any] = {"type": kind if kind in KINDS else "any"}
    told["description"] = field.description or f"{name.replace('_', ' ')} (see the description of the tool)"
    return told if field.is_required() else {**told, "nullable": True}
