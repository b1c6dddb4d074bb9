"""Workflow worlds back as files: what `loading` reads, whether the world was read, made up or transformed.

Knows the file format; knows nothing of what the parts mean.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from wmagent.errors import InputError
from wmagent.worlds.workflow import WorkflowWorld

_WIDTH = 120


def plain_definition(world: WorkflowWorld) -> dict[str, Any]:
    """Return the world's definition as the plain dicts and lists of its file, without what is left at its default."""
    return world.definition.model_dump(exclude_defaults=True)


def write_world(path: str | os.PathLike[str], world: WorkflowWorld) -> None:
    """Write a world as a .yaml or .yml file that `load` reads back as the same world; InputError if it cannot be."""
    target = Path(path)
    if target.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(f"{target}: a workflow is written to a .yaml or .yml file")
    text = yaml.dump(
        plain_definition(world),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=None,
    )
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper that writes equal parts out, since files hold no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
