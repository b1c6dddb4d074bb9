"""A first guess of who chooses what in a process: from labels, resources and roles, transitions, times and results.
Knows columns and words of many kinds of processes; must not know files or models."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, Categories, EventLog, cases_of
from wmagent.events.ownership import Kind, Ownership

Guess = tuple[Kind, str]  # and why
PEOPLE = (
    r"(?:customer|client|applicant|claimant|citizen|resident|taxpayer|patient|supplier|vendor|employee|candidate|"
    r"borrower|debtor|tenant|student|guest|passenger|travell?er|caller|buyer)s?\b"
)
DONE_TO_THEM = (
    r"(?:(?:is|are|was|were|be|being|been|has been|to be) \w+|(?:inform|notifi|contact|invit|admitt|discharg|transferr|"
    r"treat|examin|assess|remind|warn|bill|invoic|charg|refund|interview|screen)ed)\b(?! by)"
)
THEY_DO = r"(?:ha[sd] )?(?:\w*[^s\W]s|\w+ed|paid|sent|came|left|chose|gave)"
CHOICES = (
    r"approv|reject|decid|choos|select|decline|decision|assess|assign|refus|accept|authori[sz]|\bgrant|denied|deny|"
    r"escalat|prescri"
)
TASKS = r"review|schedul|inform|notify|invite|remind|check|examin|analy[sz]e|investigat|verify|prepar"
HANDLED = r"request|process|handle|make|issue|send|cancel|register|resolve|close|clear|create|print|pay"
NEWS = (
    r"payments?|paid|deposited|receive[ds]|receipt|arriv\w*|time.?outs?|expir(?:y|e[ds])|respon(?:d(?:s|ed)?|ses?)|"
    r"repl(?:y|ie[ds])|complain(?:t|ts|ed|s)|appeal(?:s|ed)?|objections?|(?:sent|came|brought).?back|returned|"
    r"[a-z]*submitted|filed|lodged|reported|reopened|withdr(?:awn|ew)|signed|delivered|departed|departure|died|deceased|"
    r"recovered|no.?show|bounced|(?:lab|laboratory|test) results?"
)
LABELS: tuple[tuple[str, Kind], ...] = (  # the first that fits
    (rf"^{PEOPLE} {DONE_TO_THEM}", "decision"),
    (rf"\b(?:by|from) {PEOPLE}|^{PEOPLE} {THEY_DO}\b", "exogenous"),
    (r"\bby (?:the )?(?:system|batch|ro?bot|script)\b|\bautomatic(?:ally)?\b", "automatic"),
    (r"^(?:get|gets|got|receive|obtain)\b", "exogenous"),
    (rf"^(?:{CHOICES}|{TASKS})|\w(?:ed|en) by [a-z]+", "decision"),
    (rf"^(?!(?:{HANDLED})\b).*?\b(?P<told>{NEWS})\b", "exogenous"),
    (CHOICES, "decision"),
)
NOBODY = r"^[\W_]*(?:invalid|unknown|none|null|nobody|n/?a|missing|undefined)?[\W_]*$"
SYSTEM = r"\b(?:system|batch|ro?bot|script|scheduler|workflow engine|service account)\d*\b"
ROLES = ("org:role", "role", "org:group", "group", "department")  # attributes of events
ALONE = 0.9  # share of an activity's events that makes it one agent's
MOST = 0.75  # share of all events above which a kind of resource distinguishes nothing
CLOCK = 16  # hours of the day in which a system works and a person does not
AT_ONCE, FOLLOWS = 60.0, 0.9  # seconds and share: what follows so soon and so often is automatic
OFTEN = 0.5  # … or so often, if one agent does it around the clock after the same activity
ALWAYS = 0.98  # share of events at once after one activity that outweighs a label about others
FEW = 20  # events from which on resources and times say something
DAYS = 0.9  # share of gaps of whole days above which a log knows no time of the day
LISTED = ("schedule", "autoskip")  # transitions that nobody makes
WORK = ("start", "complete")  # transitions of work that takes time


def draft(log: EventLog) -> Ownership:
    """Guess who chooses each activity of a log. People should look at it."""
    seen = _Seen.of(log)
    found = {name: _guess(seen, code, name) for code, name in enumerate(log.activity.values)}
    return Ownership({name: kind for name, (kind, _) in found.items()}, {n: why for n, (_, why) in found.items()})


@dataclass(frozen=True)
class _Seen:
    """A log and what is seen of its events (events,): did somebody who occurs in one case only do it, one of those who
    ask, a system, nobody; does it come at once; does it bring a number together with others that do."""

    log: EventLog
    timed: bool  # does the log know times of the day
    first: NDArray[np.bool_]
    once: NDArray[np.bool_]
    theirs: NDArray[np.bool_]
    system: NDArray[np.bool_]
    nobody: NDArray[np.bool_]
    soon: NDArray[np.bool_]
    result: NDArray[np.bool_]

    @staticmethod
    def of(log: EventLog) -> _Seen:
        gaps = log.gaps()
        timed = bool((gaps % (24 * HOUR) == 0).mean() < DAYS) if len(gaps) else False
        first = np.isin(np.arange(len(log)), log.starts[:-1])
        nobody = _called(log.resource, NOBODY, len(log))
        if log.resource is not None:
            nobody |= log.resource.codes < 0
        system, theirs = _done_by(log, SYSTEM), _done_by(log, rf"\b{PEOPLE}")
        return _Seen(
            log, timed, first, _in_one_case(log), theirs, system, nobody, _at_once(log, first), _results(log, first)
        )


def _guess(seen: _Seen, code: int, name: str) -> Guess:
    """Guess who chooses an activity, and why."""
    rows = np.flatnonzero(seen.log.activity.codes == code)
    activity, _, transition = name.rpartition("+")
    works = transition in WORK and all(f"{activity}+{step}" in seen.log.activity.values for step in WORK)
    if activity and transition in LISTED:
        return "automatic", f"its transition is {transition}: nobody works on it then"
    told = _by_label(name)
    timed = seen.timed and len(rows) >= FEW and not works
    before, soon = _before(seen, rows), float(seen.soon[rows].mean())
    chosen = told is not None and told[0] == "decision"
    if timed and not chosen and min(before, soon) >= ALWAYS and seen.result[rows].mean() < OFTEN:
        return "automatic", f"{soon:.0%} within a minute of the event before, always the same"
    if told and not chosen:
        return told
    begins = float(seen.first[rows].mean())
    if (share := float(seen.theirs[rows].mean())) >= ALONE:
        return "exogenous", f"{share:.0%} by those for whom or with whom the organisation works"
    if begins < ALONE and (share := float(seen.system[rows].mean())) >= ALONE:
        return "automatic", f"{share:.0%} by a system"
    return told or _by_times(seen, rows, begins, before, soon if timed else 0.0)


def _by_label(name: str) -> Guess | None:
    """Guess from the words of a label, without its transition."""
    label = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", re.sub(r"\+[a-z_]+$", "", name))
    label = re.sub(r"^[a-z] (?=.)", "", re.sub(r"[_\s]+", " ", label).strip().lower())  # A_ACCEPTED: a kind of object
    for pattern, kind in LABELS:
        if word := re.search(pattern, label):
            return kind, f"its label says {word.groupdict().get('told', word.group(0))!r}"
    return None


def _by_times(seen: _Seen, rows: NDArray[np.int64], begins: float, before: float, soon: float) -> Guess:
    """Guess from who did it, when, and what it brings; `soon` is 0 where times say nothing."""
    enough = len(rows) >= FEW
    if (share := float(seen.nobody[rows].mean())) >= ALONE:
        return "exogenous", "nobody is recorded as having done it"
    if enough and (share := float(seen.once[rows].mean())) >= ALONE:
        return "exogenous", f"{share:.0%} by people who occur in one case only"
    if enough and (share := float(seen.result[rows].mean())) >= OFTEN:
        return "exogenous", f"it brings a number, {share:.0%} together with others: results"
    share, hours = _one_agent(seen.log, rows), _hours(seen.log, rows)
    if share >= ALONE and hours >= CLOCK and soon >= OFTEN and before >= FOLLOWS:
        return "automatic", f"{share:.0%} by one resource, at {hours} hours of the day, {soon:.0%} at once"
    if soon >= FOLLOWS:
        return "automatic", f"{soon:.0%} within a minute of the event before, or with a decision"
    if begins >= ALONE:
        return "exogenous", f"{begins:.0%} are the first event of a case"
    if seen.log.resource is None:
        return "decision", "the log does not say who did it"
    codes = seen.log.resource.codes[rows]
    n = len(np.unique(codes[codes >= 0]))
    return "decision", f"{n} {'resources have' if n > 1 else 'resource has'} done it"


def _called(column: object, pattern: str, n: int) -> NDArray[np.bool_]:
    """Return (n,): is the value in a column of texts one that fits?"""
    if not isinstance(column, Categories):
        return np.zeros(n, bool)
    fits = [re.search(pattern, re.sub(r"[_\W]+", " ", value).lower()) is not None for value in column.values]
    return np.array([*fits, False])[column.codes]


def _done_by(log: EventLog, pattern: str) -> NDArray[np.bool_]:
    """Return (events,): does the resource or its role fit? None at all where most events are by such."""
    named = {name.lower(): column for name, column in log.event_attributes.items()}
    fits = np.zeros(len(log), bool)
    for column in (log.resource, *(named.get(role) for role in ROLES)):
        fits |= _called(column, pattern, len(log))
    return fits if fits.mean() < MOST else np.zeros(len(log), bool)


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


def _before(seen: _Seen, rows: NDArray[np.int64]) -> float:
    """Return the share of the events that come after one and the same activity."""
    later = rows[~seen.first[rows]]
    return float(np.bincount(seen.log.activity.codes[later - 1]).max(initial=0) / len(rows)) if len(later) else 0.0


def _at_once(log: EventLog, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (events,): does it come within AT_ONCE of the event before, or at the moment of a decision that the file
    has after it?"""
    gap = np.diff(log.time, prepend=log.time[:1])
    soon = ~first & (gap <= AT_ONCE * 1e6)
    chosen = [(told := _by_label(name)) is not None and told[0] == "decision" for name in log.activity.values]
    with_next = ~first & (gap == 0) & np.array(chosen)[log.activity.codes]
    soon[:-1] |= with_next[1:]
    return soon & ~first


def _in_one_case(log: EventLog) -> NDArray[np.bool_]:
    """Return (events,): is its resource seen in this case only?"""
    if log.resource is None or not len(log):
        return np.zeros(len(log), bool)
    codes = log.resource.codes
    pairs = np.unique(np.stack([codes, cases_of(log.starts)]), axis=1)[0]
    cases = np.bincount(pairs[pairs >= 0], minlength=len(log.resource.values) + 1)
    return (codes >= 0) & (cases[codes] == 1)


def _results(log: EventLog, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (events,): does its activity bring one number of its own, and does another such come at that moment?"""
    codes, own = log.activity.codes, np.zeros(len(log.activity.values), int)
    often = np.bincount(codes, minlength=len(own))
    for column in log.event_attributes.values():
        if not isinstance(column, Categories):
            known = np.bincount(codes[~np.isnan(column)], minlength=len(own))
            own += (known >= ALONE * max(1, known.sum())) & (known >= OFTEN * often)
    brings = (own == 1)[codes]
    pair = ~first & (np.diff(log.time, prepend=log.time[:1]) == 0) & brings & np.roll(brings, 1)
    pair &= codes != np.roll(codes, 1)
    pair[:-1] |= pair[1:]
    return pair
