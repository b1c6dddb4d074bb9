"""One door for named parts, built in or third-party; targets are import strings, resolved only on use."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from wmagent.errors import unknown

_BUILT_IN: dict[str, dict[str, str]] = {
    "text": {
        "minilm": "wmagent.adapters.text:MiniLM",
        "learned": "wmagent.adapters.text:Learned",
    },
    "text-source": {
        "auto": "wmagent.adapters.text:text_backend",
        "lm": "wmagent.adapters.hidden_states:HiddenStates",
    },
    "phrases": {"minilm": "wmagent.adapters.phrases:PhraseReader"},
    "language": {
        "local": "wmagent.adapters.local_lm:LocalLM",
        "endpoint": "wmagent.adapters.endpoint:Endpoint",
    },
    "language-layers": {"local": "wmagent.adapters.local_lm:upper_layers"},
    "pixel-language": {"two-room": "wmagent.language.rooms:RoomLanguage"},
    "source": {"transitions": "wmagent.worlds.recorded:read_transitions"},
}


def names(kind: str) -> dict[str, str]:
    """Return short name -> `module:attribute` of a kind, with those that packages add under `wmagent.<kind>`."""
    found = dict(_BUILT_IN.get(kind, {}))
    for entry in entry_points(group=f"wmagent.{kind}"):
        found.setdefault(entry.name, entry.value)
    return found


def resolve(kind: str, name: str) -> Any:
    """Import and return the part registered under a short name; raises InputError with the known names."""
    known = names(kind)
    if name not in known:
        raise unknown(kind, name, known)
    module, _, attribute = known[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
