"""Reads explanation lines back into claims, so that a rephrased text can be held against the plan. Knows no plan."""

from __future__ import annotations

import re

from wmagent.agent.claims import ABSENT
from wmagent.domain.answers import Claim

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_STEP = re.compile(r"Step (\d+): (.+)")
_OTHERWISE = re.compile(r"If step (\d+) turns out otherwise: (.+)")
_CHANCE = re.compile(rf"P\(goal\) is ({_NUMBER})(?: \(90 % interval ({_NUMBER}) to ({_NUMBER})\))?")
_CHANGE = re.compile(rf"(.+?) becomes (.+) \(was (.+), ({_NUMBER}) %\)")
_STAYS = re.compile(rf"(.+?) stays (.+) \(({_NUMBER}) %\)")
_HOURS = re.compile(rf"about ({_NUMBER}) h")
_COST = re.compile(rf"cost ({_NUMBER})")
_CASES = re.compile(r"(\d+) similar recorded cases? \((\w+)\)(?:, nearest (.+))?")
_SUPPORT = re.compile(r"support (\w+)")
_REJECTED = re.compile(rf"(.+) with P\(goal\) ({_NUMBER}): (.+)")
_COMPARED = re.compile(rf"P\(goal\) ({_NUMBER}) with (.+)")
_BY = re.compile(rf"within ({_NUMBER}) h P\(goal\) ({_NUMBER})")
_COMPARISONS = {"Without the change: ": "baseline", "Best under the change: ": "replanned"}


def read_claims(text: str) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Return (claims, unread): what the lines of a text claim, and the parts that are no known form of claim.

    A text that has been rephrased keeps its claims checkable by keeping these forms; anything else is unread and
    should be treated as unsupported.
    """
    claims: list[Claim] = []
    unread: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if line:
            found, strange = _line(line[:-1] if line.endswith(".") else line)
            claims.extend(found)
            unread.extend(strange)
    return tuple(claims), tuple(unread)


def _line(line: str) -> tuple[list[Claim], list[str]]:
    if line.startswith("Goal: "):
        return [Claim("probability", line[6:], key="goal", after=line[6:])], []
    if line.startswith("Mind: "):
        return [Claim("evidence", line[6:], key="warning", after=line[6:])], []
    if line.startswith("Warrant: "):
        return [Claim("evidence", line[9:], key="warrant", after=line[9:])], []
    if line.startswith("In time: "):
        return _parts(line[9:].split("; "), None)
    if line.startswith("Done: "):
        return [Claim("step", line[6:], after=line[6:])], []
    if line.startswith("Rejected: ") and (match := _REJECTED.fullmatch(line[10:])):
        name, number, why = match.groups()
        return [Claim("probability", line[10:], None, "rejected", name, why, float(number))], []
    for opening, key in _COMPARISONS.items():
        if line.startswith(opening) and (match := _COMPARED.fullmatch(line[len(opening) :])):
            return [Claim("probability", match[0], None, key, None, match[2], float(match[1]))], []
    if match := _CHANCE.fullmatch(line):
        low, high = (float(bound) if bound else None for bound in match.group(2, 3))
        return [Claim("probability", line, None, None, low, high, float(match[1]))], []
    if line.startswith("Expected: "):
        return _parts(line[10:].split("; "), None)
    if match := _STEP.fullmatch(line):
        label, *rest = match[2].split("; ")
        claims, unread = _parts(rest, int(match[1]) - 1)
        return [Claim("step", label, int(match[1]) - 1, after=label), *claims], unread
    if match := _OTHERWISE.fullmatch(line):
        return _deviation(match[2].split("; "), int(match[1]) - 1)
    return [], [line]


def _parts(parts: list[str], step: int | None) -> tuple[list[Claim], list[str]]:
    claims, unread = [], []
    for part in parts:
        claim = _part(part, step)
        if claim is None:
            unread.append(part)
        else:
            claims.append(claim)
    return claims, unread


def _part(part: str, step: int | None) -> Claim | None:
    if match := _CHANGE.fullmatch(part):
        key, after, before, percent = match.groups()
        return Claim("change", part, step, key, _value(before), _value(after), float(percent) / 100)
    if match := _STAYS.fullmatch(part):
        key, value, percent = match.groups()
        return Claim("change", part, step, key, _value(value), _value(value), float(percent) / 100)
    if match := _HOURS.fullmatch(part):
        return Claim("duration", part, step, number=float(match[1]))
    if step is None and (match := _BY.fullmatch(part)):
        return Claim("probability", part, None, "by", None, float(match[1]), float(match[2]))
    if match := _COST.fullmatch(part):
        return Claim("cost", part, step, number=float(match[1]))
    if step is not None and (match := _CASES.fullmatch(part)):
        return Claim("evidence", part, step, before=match[3], after=match[2], number=int(match[1]))
    if step is None and (match := _SUPPORT.fullmatch(part)):
        return Claim("evidence", part, after=match[1])
    return None


def _deviation(parts: list[str], step: int) -> tuple[list[Claim], list[str]]:
    claims, unread = _parts([part for part in parts if not part.startswith("then ")], step)
    changes = ", ".join(
        f"{c.key} becomes {ABSENT if c.after is None else c.after}" for c in claims if c.kind == "change"
    )
    for part in parts:
        if part.startswith("then "):
            claims.append(Claim("step", part, step, "otherwise", changes, part[5:]))
    return claims, unread


def _value(said: str) -> str | None:
    return None if said == ABSENT else said
