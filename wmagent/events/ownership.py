"""Who chooses what happens: the organisation, others, or a system that follows. Drafted from a log, kept by people.
Knows columns and a small YAML file; must not know models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import yaml
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog
from wmagent.errors import InputError, unknown

Kind = Literal["decision", "exogenous", "automatic"]
KINDS = get_args(Kind)

OTHERS = (
    r"customer|client|applicant|citizen|patient|supplier|vendor|payment|paid|receive[ds]?|arriv\w*|time.?out|expired?|"
    r"respon[ds]e?|complaint|appeal|sent.?back|returned|return er|by employee|submitted|trip|leucocytes|crp|lacticacid"
)
OURS = (
    r"by (?:administration|supervisor|budget owner|director|manager|pre_approver)|approve|reject|decide|decline|assess|"
    r"review|schedule|assign|refuse|accept"
)
ALONE = 0.9  # share of an activity's events by one resource that makes it one agent's
CLOCK = 16  # hours of the day in which a system works and a person does not
AT_ONCE, FOLLOWS = 60.0, 0.9  # seconds and share: what follows so soon and so often is automatic
OFTEN = 0.5  # … or so often, if one agent does it around the clock


@dataclass(frozen=True)
class Ownership:
    """Who chooses each activity, and why that is thought; what is not listed is nobody's choice."""

    kinds: Mapping[str, Kind]
    reasons: Mapping[str, str]

    @property
    def decisions(self) -> tuple[str, ...]:
        """Return the activities that the organisation chooses."""
        return tuple(name for name, kind in self.kinds.items() if kind == "decision")

    @staticmethod
    def draft(log: EventLog) -> Ownership:
        """Guess from labels, resources, hours of the day and what follows at once. People should look at it."""
        names = log.activity.values
        found = {name: _guess(log, code, name) for code, name in enumerate(names)}
        return Ownership({name: kind for name, (kind, _) in found.items()}, {n: why for n, (_, why) in found.items()})

    def write(self, path: Path) -> None:
        """Write the YAML file that people edit."""
        lines = ["# Who chooses what happens: decision (the organisation), exogenous (somebody else) or automatic.", ""]
        lines.append("activities:")
        for name, kind in self.kinds.items():
            label = yaml.safe_dump(name, default_style='"', width=1_000, allow_unicode=True).strip()
            lines.append(f"  {label}: {kind}  # {self.reasons.get(name, '')}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path, activities: Sequence[str]) -> Ownership:
        """Read such a file; InputError where it is no YAML, names unknown activities or kinds, or leaves one out."""
        try:
            told: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_Strict)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
        if not isinstance(told, dict) or not isinstance(kinds := told.get("activities"), dict) or len(told) != 1:
            raise InputError(f"{path}: write `activities:` and below it lines of `name: {' | '.join(KINDS)}`")
        for name, kind in kinds.items():
            if name not in activities:
                raise InputError(f"{path}: {unknown('activity', str(name), activities)}")
            if kind not in KINDS:
                raise InputError(f"{path}: {name!r} is {kind!r}; write one of {', '.join(KINDS)}")
        if missing := [name for name in activities if name not in kinds]:
            raise InputError(f"{path}: {missing[0]!r} is missing; write `{missing[0]}: {' | '.join(KINDS)}`")
        return Ownership({name: cast(Kind, kinds[name]) for name in activities}, {})


class _Strict(yaml.SafeLoader):
    """Refuses a name that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; a YAMLError where a key comes twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.YAMLError(f"{twice[0]!r} is given twice, line {node.start_mark.line + 1} and below")
        return super().construct_mapping(node, deep)


def _guess(log: EventLog, code: int, name: str) -> tuple[Kind, str]:
    rows = np.flatnonzero(log.activity.codes == code)
    if word := re.search(OTHERS, name, re.IGNORECASE):
        return "exogenous", f"its label says {word.group(0).lower()!r}"
    if word := re.search(OURS, name, re.IGNORECASE):
        return "decision", f"its label says {word.group(0).lower()!r}"
    share, hours, soon = _one_agent(log, rows), _hours(log, rows), _follows(log, rows)
    if share >= ALONE and hours >= CLOCK and soon >= OFTEN:
        return "automatic", f"{share:.0%} by one resource, at {hours} hours of the day, {soon:.0%} at once"
    if log.resource is not None and (log.resource.codes[rows] < 0).mean() > ALONE:
        return "exogenous", "nobody is recorded as having done it"
    if soon >= FOLLOWS:
        return "automatic", f"{soon:.0%} within a minute of the event before"
    if (begins := float(np.isin(rows, log.starts[:-1]).mean())) >= ALONE:
        return "exogenous", f"{begins:.0%} are the first event of a case"
    if log.resource is None:
        return "decision", "the log does not say who did it"
    n = len(np.unique(log.resource.codes[rows]))
    return "decision", f"{n} {'resources have' if n > 1 else 'resource has'} done it"


def _one_agent(log: EventLog, rows: NDArray[np.int64]) -> float:
    """Return the share of the events by the most frequent resource."""
    if log.resource is None:
        return 0.0
    codes = log.resource.codes[rows]
    return float(np.bincount(codes[codes >= 0]).max(initial=0) / len(rows))


def _hours(log: EventLog, rows: NDArray[np.int64]) -> int:
    """Return at how many hours of the day at least one event in a hundred happens."""
    counts = np.bincount(log.time[rows] // HOUR % 24, minlength=24)
    return int((counts >= 0.01 * len(rows)).sum())


def _follows(log: EventLog, rows: NDArray[np.int64]) -> float:
    """Return the share of the events that come within AT_ONCE seconds of the event before in their case."""
    later = rows[~np.isin(rows, log.starts[:-1])]
    if not len(later):
        return 0.0
    return float((log.time[later] - log.time[later - 1] <= AT_ONCE * 1e6).sum() / len(rows))
