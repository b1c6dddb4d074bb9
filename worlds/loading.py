"""Opens workflow files: the registry of shipped worlds, YAML and JSON with duplicate keys refused.

Knows files and names; the shape is `language`'s business and the meaning `compiler`'s.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from wmagent.errors import InputError, unknown
from wmagent.worlds.contradictions import contradictions
from wmagent.worlds.language import Definition
from wmagent.worlds.places import PlacedError, line_of, line_of_odd, spelled
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


def world_from(data: object, source: str = "the definition", text: str | None = None) -> WorkflowWorld:
    """Return the world of an already parsed definition (nested dicts and lists); `source` is named in errors.

    `text` is what the data was read from: errors then name the line.
    """
    if not isinstance(data, dict):
        raise InputError(f"{source}: a workflow is a mapping with format, name, facts and actions")
    try:
        world = WorkflowWorld(Definition.model_validate(data))
    except ValidationError as error:
        raise InputError(_told(source, text, _problems(error))) from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply") from None
    except InputError as error:
        place = error.place if isinstance(error, PlacedError) else ""
        raise InputError(_told(source, text, [(place, str(error))])) from None
    wrong = [(error.place, str(error)) for error in itertools.islice(contradictions(world), 5)]
    if wrong:
        raise InputError(_told(source, text, wrong))
    return world


def _from_file(path: Path) -> WorkflowWorld:
    text = _text(path)
    data = _json(text, path) if path.suffix.lower() == ".json" else _yaml(text, path)
    return world_from(data, str(path), text)


def _json(text: str, path: Path) -> object:
    try:
        return parse_json(text, str(path))
    except InputError:
        return parse_json(text, f"{path}{_json_line(text)}")  # fails again, now with the line


def _json_line(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return "" if error.lineno > 1 else ", line 1"  # other lines are named there
    except (ValueError, RecursionError):
        return ""
    line = line_of_odd(text)
    return "" if line is None else f", line {line}"


def _yaml(text: str, path: Path) -> object:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        reason = ", ".join(" ".join(part.split()) for part in (error.context, error.problem) if part)
        raise InputError(f"{where}: not readable as YAML: {reason}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    except _Refused as error:
        raise InputError(f"{path}, line {error.line}: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: a value cannot be read: {error}") from None


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


class _Refused(Exception):
    """Sound YAML that is not part of the workflow language."""

    def __init__(self, mark: yaml.Mark, message: str) -> None:
        super().__init__(message)
        self.line = mark.line + 1


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that refuses duplicate keys and aliases that could blow up."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise _Refused(key_node.start_mark, f"{key!r} is given twice")
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise _Refused(mark, "aliases (*name) are not part of the workflow language; write the part out")
        return super().compose_node(parent, index)


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    """Return (place, `place: message`) of the first problems of a validation, the places as in the file."""
    found = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        place = spelled(problem["loc"])
        message = problem["msg"]
        if problem["type"] == "extra_forbidden":
            message = "unknown key; remove it or check its spelling"
        found.append((place, f"{place or 'top level'}: {message}"))
    if error.error_count() > 5:
        found[-1] = (found[-1][0], f"{found[-1][1]} (and {error.error_count() - 5} more)")
    return found


def _told(source: str, text: str | None, problems: list[tuple[str, str]]) -> str:
    """Return `source, line N: message; line …`, without the lines where they are not known."""
    lines = [None if text is None else line_of(text, place) for place, _ in problems]
    told = [
        message if line is None else f"line {line}: {message}"
        for line, (_, message) in zip(lines, problems, strict=True)
    ]
    return f"{source}{': ' if lines[0] is None else ', '}{'; '.join(dict.fromkeys(told))}"
