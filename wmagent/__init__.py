"""Imagine before you act: public names, loaded when first used (PEP 562).

Knows where each public name lives; must not import torch, transformers, langgraph or pydantic itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wmagent.agent.agent import Agent
    from wmagent.agent.episode import Episode
    from wmagent.domain.answers import (
        Alternative,
        Anomaly,
        Case,
        Change,
        Claim,
        Contingency,
        Evidence,
        Explanation,
        OddFact,
        Plan,
        PlanStep,
        TreeNode,
        WhatIf,
    )
    from wmagent.domain.types import Action, Condition, Facts, Goal, Observation, Transition, Value
    from wmagent.errors import CheckpointError, InputError, OutOfDomain, ProposalError, WmagentError
    from wmagent.model.world_model import WorldModel
    from wmagent.pixels.agent import PixelAgent
    from wmagent.pixels.recording import Frames
    from wmagent.pixels.world_model import PixelModel

__version__ = "0.1.0"

_HOMES = {
    "wmagent.agent.agent": ("Agent",),
    "wmagent.agent.episode": ("Episode",),
    "wmagent.model.world_model": ("WorldModel",),
    "wmagent.pixels.world_model": ("PixelModel",),
    "wmagent.pixels.agent": ("PixelAgent",),
    "wmagent.pixels.recording": ("Frames",),
    "wmagent.domain.types": ("Action", "Condition", "Facts", "Goal", "Observation", "Transition", "Value"),
    "wmagent.domain.answers": (
        "Alternative",
        "Anomaly",
        "Case",
        "Change",
        "Claim",
        "Contingency",
        "Evidence",
        "Explanation",
        "OddFact",
        "Plan",
        "PlanStep",
        "TreeNode",
        "WhatIf",
    ),
    "wmagent.errors": ("CheckpointError", "InputError", "OutOfDomain", "ProposalError", "WmagentError"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Agent",
    "WorldModel",
    "PixelModel",
    "PixelAgent",
    "Frames",
    "Observation",
    "Action",
    "Transition",
    "Condition",
    "Goal",
    "Facts",
    "Value",
    "Plan",
    "PlanStep",
    "Change",
    "Contingency",
    "Alternative",
    "Evidence",
    "Case",
    "TreeNode",
    "WhatIf",
    "Claim",
    "Explanation",
    "Anomaly",
    "OddFact",
    "Episode",
    "WmagentError",
    "InputError",
    "OutOfDomain",
    "ProposalError",
    "CheckpointError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
