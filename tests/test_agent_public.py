"""The public names: importable at once, loaded only when used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wmagent
import wmagent.agent


def test_importing_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "langgraph", "pydantic", "numpy", "polars", "wmagent.domain")
    code = f"import sys, wmagent; print([name for name in {heavy!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


@pytest.mark.parametrize("name", wmagent.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(wmagent, name) is not None
    assert name in dir(wmagent)


@pytest.mark.parametrize("name", wmagent.agent.__all__)
def test_every_name_of_the_agent_exists(name: str) -> None:
    assert getattr(wmagent.agent, name).__name__ == name


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        _ = wmagent.Agnet  # type: ignore[attr-defined]
