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

from wmagent.domain.event_log import HOUR, EventLog, cases_of
from wmagent.errors import InputError, unknown

Kind = Literal["decision", "exogenous", "automatic"]
KINDS = get_args(Kind)

PEOPLE = r"(?:customer|client|applicant|citizen|patient|supplier|vendor|employee)s?(?![a-z])"
THEY_ACT = rf"(?<![a-z])(?:by|from)[ _]{PEOPLE}|^{PEOPLE}"  # and are not those on whom somebody acts
OTHERS = (
    r"(?<![a-z])(?:payments?|paid|receive[ds]?|arriv\w*|time.?out|expired?|respon[ds]e?|complaint|appeal|sent.?back|"
    r"returned|return er|[a-z]*submitted|trip|leucocytes|crp|lacticacid)(?![a-z])"
)
OURS = (
    r"by (?:administration|supervisor|budget owner|director|manager|pre_approver)|approve|reject|decide|decline|assess|"
    r"review|schedule|assign|refuse|accept|authori[sz]e"
)
LABELS: tuple[tuple[str, Kind], ...] = (  # the first that fits
    (THEY_ACT, "exogenous"),
    (rf"^(?:{OURS})", "decision"),
    (OTHERS, "exogenous"),
    (OURS, "decision"),
)
ALONE = 0.9  # share of an activity's events by one resource that makes it one agent's
CLOCK = 16  # hours of the day in which a system works and a person does not
AT_ONCE, FOLLOWS = 60.0, 0.9  # seconds and share: what follows so soon and so often is automatic
OFTEN = 0.5  # … or so often, if one agent does it around the clock after the same activity
FEW = 20  # events from which on resources and times say something
DAYS = 0.9  # share of gaps of whole days above which a log knows no time of the day


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
        timed = (log.gaps() % (24 * HOUR) == 0).mean() < DAYS if len(log.gaps()) else False
        once = _in_one_case(log)
        found = {name: _guess(log, code, name, bool(timed), once) for code, name in enumerate(log.activity.values)}
        return Ownership({name: kind for name, (kind, _) in found.items()}, {n: why for n, (_, why) in found.items()})

    def write(self, path: Path) -> None:
        """Write the YAML file that people edit."""
        lines = ["# Who chooses what happens: decision (the organisation), exogenous (somebody else) or automatic."]
        lines += ["# Change the word, and the reason after it: both are kept.", "", "activities:"]
        for name, kind in self.kinds.items():
            reason = self.reasons.get(name)
            lines.append(f"  {_label(name)}: {kind}" + (f"  # {reason}" if reason else ""))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path, activities: Sequence[str]) -> Ownership:
        """Read such a file, comments beside activities as reasons; InputError where it is no YAML, names unknown
        activities or kinds, or leaves one out."""
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
            if name not in activities:
                raise InputError(f"{path}: {unknown('activity', name, activities)}")
            if kind not in KINDS:
                raise InputError(f"{path}: {name!r} is {kind!r}; write one of {', '.join(KINDS)}")
        if missing := [name for name in activities if name not in kinds]:
            raise InputError(f"{path}: {missing[0]!r} is missing; write `{_label(missing[0])}: {' | '.join(KINDS)}`")
        return Ownership({name: cast(Kind, kinds[name]) for name in activities}, _comments(text))


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


def _guess(log: EventLog, code: int, name: str, timed: bool, once: NDArray[np.bool_]) -> tuple[Kind, str]:
    """Guess who chooses an activity; `timed`: the log knows times of the day; `once` (events,): done by a resource that
    occurs in one case only."""
    rows = np.flatnonzero(log.activity.codes == code)
    for pattern, kind in LABELS:
        if word := re.search(pattern, name, re.IGNORECASE):
            return kind, f"its label says {word.group(0).lower()!r}"
    enough = len(rows) >= FEW
    if log.resource is not None and (log.resource.codes[rows] < 0).mean() > ALONE:
        return "exogenous", "nobody is recorded as having done it"
    if enough and (alone := float(once[rows].mean())) >= ALONE:
        return "exogenous", f"{alone:.0%} by people who occur in one case only"
    if enough and timed:
        share, hours, soon, before = _one_agent(log, rows), _hours(log, rows), _follows(log, rows), _before(log, rows)
        if share >= ALONE and hours >= CLOCK and soon >= OFTEN and before >= FOLLOWS:
            return "automatic", f"{share:.0%} by one resource, at {hours} hours of the day, {soon:.0%} at once"
        if soon >= FOLLOWS:
            return "automatic", f"{soon:.0%} within a minute of the event before"
    if (begins := float(np.isin(rows, log.starts[:-1]).mean())) >= ALONE:
        return "exogenous", f"{begins:.0%} are the first event of a case"
    if log.resource is None:
        return "decision", "the log does not say who did it"
    codes = log.resource.codes[rows]
    n = len(np.unique(codes[codes >= 0]))
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


def _before(log: EventLog, rows: NDArray[np.int64]) -> float:
    """Return the share of the events that come after one and the same activity."""
    later = rows[~np.isin(rows, log.starts[:-1])]
    return float(np.bincount(log.activity.codes[later - 1]).max(initial=0) / len(rows)) if len(later) else 0.0


def _in_one_case(log: EventLog) -> NDArray[np.bool_]:
    """Return (events,): is its resource seen in this case only?"""
    if log.resource is None or not len(log):
        return np.zeros(len(log), bool)
    codes = log.resource.codes
    pairs = np.unique(np.stack([codes, cases_of(log.starts)]), axis=1)[0]
    cases = np.bincount(pairs[pairs >= 0], minlength=len(log.resource.values) + 1)
    return (codes >= 0) & (cases[codes] == 1)
