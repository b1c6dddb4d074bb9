"""Tools as function schemas that language models are given. Knows pydantic's JSON schemas only."""

from __future__ import annotations

from typing import Any

from wmagent.service.tools import Toolbox


def plain_schemas(box: Toolbox) -> list[dict[str, Any]]:
    """Return every tool with the JSON schemas of its question and its answer."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input": tool.asks.model_json_schema(),
            "output": tool.tells.model_json_schema(mode="serialization"),
        }
        for tool in box.listed
    ]


def openai_tools(box: Toolbox) -> list[dict[str, Any]]:
    """Return the tools in OpenAI's format, `additionalProperties: false` everywhere it applies."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.asks.model_json_schema(),
            },
        }
        for tool in box.listed
    ]
