"""Who chooses what happens: the organisation, others, or a system that follows. Kept by people in a file.
Knows columns and a small YAML file; must not know models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from wmagent.errors import InputError, unknown

Kind = Literal["decision", "exogenous", "automatic"]
KINDS = get_args(Kind)


@dataclass(frozen=True)
class Ownership:
    """Who chooses each activity, and why that is thought; what is not listed is nobody's choice."""

    kinds: Mapping[str, Kind]
    reasons: Mapping[str, str]

    @property
    def decisions(self) -> tuple[str, ...]:
        """Return the activities that the organisation chooses."""
        return tuple(name for name, kind in self.kinds.items() if kind == "decision")

    def write(self, path: Path) -> None:
        """Write the YAML file that people edit."""
        lines = ["# Who chooses what happens: decision (the organisation), exogenous (somebody else) or automatic."]
        lines += ["# Change the word, and the reason after it: both are kept."]
        lines += ["# The end of a case is not listed: nobody chooses it, so it is exogenous.", "", "activities:"]
        for name, kind in self.kinds.items():
            reason = self.reasons.get(name)
            lines.append(f"  {_label(name)}: {kind}" + (f"  # {reason}" if reason else ""))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path, activities: Sequence[str]) -> Ownership:
        """Read such a file, comments beside activities as reasons; InputError where it is no YAML, names unknown
        activities or kinds, or leaves one out."""
        found = Ownership.listed(path)
        for name in found.kinds:
            if name not in activities:
                raise InputError(f"{path}: {unknown('activity', name, activities)}")
        if missing := [name for name in activities if name not in found.kinds]:
            raise InputError(f"{path}: {missing[0]!r} is missing; write `{_label(missing[0])}: {' | '.join(KINDS)}`")
        return Ownership({name: found.kinds[name] for name in activities}, found.reasons)

    @staticmethod
    def listed(path: Path) -> Ownership:
        """Read such a file, whatever activities it lists; InputError where it is no YAML or names unknown kinds."""
        try:
            text = path.read_text(encoding="utf-8")
            told: Any = yaml.load(text, Loader=_Strict)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
        if not isinstance(told, dict) or not isinstance(kinds := told.get("activities"), dict) or len(told) != 1:
            raise InputError(f"{path}: write `activities:` and below it lines of `name: {' | '.join(KINDS)}`")
        for name, kind in kinds.items():
            if not isinstance(name, str):
                raise InputError(f"{path}: {name!r} is not read as a text; write activities in double quotes")
            if kind not in KINDS:
                raise InputError(f"{path}: {name!r} is {kind!r}; write one of {', '.join(KINDS)}")
        return Ownership(cast("dict[str, Kind]", kinds), _comments(text))

    def corrected(self, edited: Ownership) -> Ownership:
        """Return this map with the words and reasons of an edited one, for the activities that both have."""
        both = [name for name in self.kinds if name in edited.kinds]
        reasons = {name: why for name, why in self.reasons.items() if name not in both}
        reasons |= {name: edited.reasons[name] for name in both if name in edited.reasons}
        return Ownership({**self.kinds, **{name: edited.kinds[name] for name in both}}, reasons)


class _Strict(yaml.SafeLoader):
    """Refuses a name that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; a YAMLError where a key comes twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.YAMLError(f"{twice[0]!r} is given twice, line {node.start_mark.line + 1} and below")
        return super().construct_mapping(node, deep)


def _label(name: str) -> str:
    return yaml.safe_dump(name, default_style='"', width=float("inf"), allow_unicode=True).strip()


def _comments(text: str) -> dict[str, str]:
    """Return what stands behind # on the lines of activities."""
    found, lines = {}, text.splitlines()
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    for name, kind in top.value[0][1].value:
        behind = lines[kind.end_mark.line][kind.end_mark.column :].strip()
        if behind.startswith("#") and (reason := behind.lstrip("# ")):
            found[name.value] = reason
    return found
