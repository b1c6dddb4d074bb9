"""The LangGraph agent: goals in words, search, checked explanations, acting. Names are loaded when first used.

Knows where each name lives; must not import torch or langgraph itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wmagent.agent.agent import Agent
    from wmagent.agent.claims import check_claims
    from wmagent.agent.environment import WorldEnvironment
    from wmagent.agent.episode import Deed, Episode
    from wmagent.agent.explainer import TemplateExplainer
    from wmagent.agent.goals import Understanding, understand
    from wmagent.agent.proposer import BehaviourProposer
    from wmagent.agent.protocols import AgentModel, Environment, Explainer, IdempotentEnvironment, Proposer
    from wmagent.agent.reading import read_claims

__all__ = [
    "Agent",
    "Episode",
    "Deed",
    "Understanding",
    "understand",
    "BehaviourProposer",
    "TemplateExplainer",
    "check_claims",
    "read_claims",
    "WorldEnvironment",
    "AgentModel",
    "Environment",
    "IdempotentEnvironment",
    "Proposer",
    "Explainer",
]

_HOMES = {
    "Agent": "agent",
    "Episode": "episode",
    "Deed": "episode",
    "Understanding": "goals",
    "understand": "goals",
    "BehaviourProposer": "proposer",
    "TemplateExplainer": "explainer",
    "check_claims": "claims",
    "read_claims": "reading",
    "WorldEnvironment": "environment",
    "AgentModel": "protocols",
    "Environment": "protocols",
    "IdempotentEnvironment": "protocols",
    "Proposer": "protocols",
    "Explainer": "protocols",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
