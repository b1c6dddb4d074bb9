"""Reads plain data out of checkpoints and refuses everything else. Knows LangGraph's serializer; must not know runs.

LangGraph's default serializer rebuilds any Python object a checkpoint names, so a forged file runs code. Its strict
mode reads safe types and silently drops others. A run's state is plain data, so here anything else is refused aloud.
"""

from __future__ import annotations

import os
from typing import Any

from wmagent.errors import CheckpointError

STRICT = "LANGGRAPH_STRICT_MSGPACK"


def set_strict() -> None:
    """Ask LangGraph for its strict mode, unless the user has said otherwise.

    LangGraph looks once, when it is imported: serializers that it makes for itself are strict from then on. Ours is in
    any case.
    """
    os.environ.setdefault(STRICT, "true")


def strict_serializer() -> Any:
    """Return LangGraph's serializer restricted to plain data and interrupts."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    class StrictSerializer(JsonPlusSerializer):
        """Reads null, bytes and msgpack without foreign types; refuses what could name code."""

        def __init__(self) -> None:
            super().__init__(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)

        def with_msgpack_allowlist(self, extra_allowlist: Any) -> Any:
            """Return this serializer: in strict mode LangGraph would add the types that a graph's schema names."""
            return self

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            if data[0] == "msgpack":
                return _unpacked(data[1])
            if data[0] not in ("null", "bytes", "bytearray"):
                raise CheckpointError(f"the checkpoint holds {data[0]!r} data, which is never read; it may be forged")
            return super().loads_typed(data)

    return StrictSerializer()


def _unpacked(data: bytes) -> Any:
    """Return plain msgpack, with the interrupts in it; CheckpointError for any other object."""
    import ormsgpack
    from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_KW_ARGS
    from langgraph.types import Interrupt

    refused: list[int] = []  # what the hook raises does not come through

    def foreign(code: int, inside: bytes) -> Any:
        if code == EXT_CONSTRUCTOR_KW_ARGS:
            match ormsgpack.unpackb(inside, ext_hook=foreign, option=ormsgpack.OPT_NON_STR_KEYS):
                case ["langgraph.types", "Interrupt", {"value": value, "id": str(key)}]:
                    return Interrupt(value, key)
        refused.append(code)
        raise ValueError("no plain data")

    try:
        return ormsgpack.unpackb(data, ext_hook=foreign, option=ormsgpack.OPT_NON_STR_KEYS)
    except (ValueError, TypeError) as error:
        if not refused:
            raise CheckpointError(f"the checkpoint is damaged: {error}") from None
        what = f"an object (kind {refused[0]}), which is never read; it may be forged"
        raise CheckpointError(f"the checkpoint holds {what}") from None
