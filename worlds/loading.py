"""Opens workflow files: the registry of shipped worlds, YAML and JSON with duplicate keys refused.

Knows files and names; the shape is `language`'s business and the meaning `compiler`'s.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from wmagent.errors import InputError, unknown
from wmagent.worlds.language import Definition
from wmagent.worlds.strict_json import parse_json
from wmagent.worlds.workflow import WorkflowWorld

# One door for every shipped world: its name and its file in this folder. A new world is one file and one line here.
WORLDS: dict[str, str] = {
    "contract-approval": "contract_approval.yaml",
    "it-incident": "it_incident.yaml",
    "loan-application": "loan_application.yaml",
    "project-phases": "project_phases.yaml",
    "purchase-to-pay": "purchase_to_pay.yaml",
}

_MAX_BYTES = 2_000_000
_SUFFIXES = (".yaml", ".yml", ".json")


def names() -> tuple[str, ...]:
    """Return the names of the shipped worlds."""
    return tuple(sorted(WORLDS))


def load(name_or_path: str | os.PathLike[str]) -> WorkflowWorld:
    """Return a shipped world by name, or the world of a YAML or JSON file by path; InputError names the place."""
    given = os.fspath(name_or_path)
    if given in WORLDS:
        return _from_file(Path(__file__).parent / WORLDS[given])
    if given.lower().endswith(_SUFFIXES) or os.sep in given:
        return _from_file(Path(given))
    raise unknown("world", given, WORLDS, "Or give the path of a .yaml or .json file")


def world_from(data: object, source: str = "the definition") -> WorkflowWorld:
    """Return the world of an already parsed definition (nested dicts and lists); `source` is named in errors."""
    if not isinstance(data, dict):
        raise InputError(f"{source}: a workflow is a mapping with format, name, facts and actions")
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        raise InputError(_explain(source, error)) from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply") from None
    try:
        return WorkflowWorld(definition)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _from_file(path: Path) -> WorkflowWorld:
    text = _text(path)
    try:
        data = parse_json(text, str(path)) if path.suffix.lower() == ".json" else yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: a value cannot be read: {error}") from None
    return world_from(data, str(path))


def _text(path: Path) -> str:
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{path}: a workflow file ends in {', '.join(_SUFFIXES)}")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: larger than {_MAX_BYTES} bytes; that is no workflow file")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; shipped worlds: {', '.join(names())}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that refuses duplicate keys and aliases that could blow up."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                mark = key_node.start_mark
                raise InputError(f"{key!r} is given twice (line {mark.line + 1}, column {mark.column + 1})")
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise InputError("aliases (*name) are not part of the workflow language; write the part out")
        return super().compose_node(parent, index)


def _explain(source: str, error: ValidationError) -> str:
    """Return the first problems of a validation as `place: message`, the places as in the file."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        place = ""
        for part in problem["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
        message = problem["msg"]
        if problem["type"] == "extra_forbidden":
            message = "unknown key; remove it or check its spelling"
        lines.append(f"{place or 'top level'}: {message}")
    more = f" (and {error.error_count() - 5} more)" if error.error_count() > 5 else ""
    return f"{source}: " + "; ".join(dict.fromkeys(lines)) + more
