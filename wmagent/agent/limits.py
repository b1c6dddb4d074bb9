"""Deadlines and budgets in words: "within 10 days", "for under 500". Knows units and number words, no facts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wmagent.errors import InputError

# A day is 24 hours, a week 7 days, a month 30: durations in recorded data count around the clock.
_HOURS = {
    "minute": 1 / 60, "min": 1 / 60, "hour": 1.0, "hr": 1.0, "h": 1.0, "day": 24.0, "d": 24.0,
    "week": 168.0, "wk": 168.0, "w": 168.0, "fortnight": 336.0, "month": 720.0,
}  # fmt: skip
_SMALL = {
    "zero": 0.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
    "eight": 8.0, "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "thirteen": 13.0, "fourteen": 14.0,
    "fifteen": 15.0, "sixteen": 16.0, "seventeen": 17.0, "eighteen": 18.0, "nineteen": 19.0, "twenty": 20.0,
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0,
}  # fmt: skip
_SMALL |= {"a": 1.0, "an": 1.0, "half": 0.5, "couple": 2.0, "dozen": 12.0}
_LARGE = {"hundred": 100.0, "thousand": 1_000.0, "k": 1_000.0, "million": 1_000_000.0}

_WORD = "|".join(sorted([*_SMALL, "hundred", "thousand"], key=len, reverse=True))
NUMBER = rf"(?:\d[\d,]*(?:\.\d+)?(?:\s?k\b)?|(?:(?:{_WORD})\b(?:[\s-]+(?:and\s+)?)?)+)"
_MOST = r"(?:at\s+(?:the\s+)?(?:most|longest|latest|max(?:imum)?)|max(?:imum)?\.?|tops)"
_LEAD = (
    rf"(?:within|inside|(?:in|under|for)?\s*(?:less|no more|not more) than|(?:in|by)?\s*{_MOST}|in under"
    r"|(?:in\s+)?(?:no|not(?:\s+be)?) (?:later|longer|slower) than|by|before|under|in|up to)"
)
_TAKES = (
    r"(?:(?:it|that|this|which)\s+)?(?:(?:must|should|may|shall|can|will|is|does)\s+)?(?:not\s+|to\s+|allowed\s+)*"
    r"(?:takes?|taking|lasts?|lasting)\s+(?:us\s+|me\s+|you\s+)?(?:any\s+)?"
)
_UNIT = r"(?:working\s+|business\s+)?(minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|w|fortnights?|months?)"
_LONG = rf"(?:the\s+)?(?:next\s+)?({NUMBER})\s*(?:of\s+(?:a\s+)?|a\s+|an\s+)?-?{_UNIT}\b(\s+and\s+a\s+half\b)?"
_THEN = r"(?:,?\s*(?:until|till|by)\s+(?:then|we get there|that point|it is done)\b)?"
_FROM = r"(?:\s+from (?:now|today))?"
_DEADLINES = tuple(
    re.compile(pattern + _THEN, re.IGNORECASE)
    for pattern in (
        rf"(?:{_TAKES})?\b(?:after|within|in|by|for)?\s*{_LONG}{_FROM}\s+(?:or less|{_MOST})(?!\s+\d)",
        rf"\b{_MOST}\s+after\s+{_LONG}",
        rf"(?:{_TAKES}(?:longer|more) than|{_TAKES}{_LEAD}|\b{_LEAD})\s+{_LONG}{_FROM}(?:\s+are over)?",
        rf"\b(?:within|inside|in|with)\s+an?\s+(?:(?:window|limit|frame|deadline)\s+of\s+{_LONG})",
        rf"\b(?:within|inside|in|with)\s+an?\s+{_LONG}\s+(?:window|limit|frame|deadline)",
        rf"\b(?:(?:time )?limit|deadline)\s*(?:is|of|:)?\s*{_LONG}",
        rf"\b{_LONG}\s+(?:(?:time )?limit|deadline)\b",
        rf"\b{_LONG}\s+from (?:now|today)\b",
        rf"\b(?:we|i|you|they)(?:'ve|\s+have)?\s+(?:only\s+)?(?:got|have)?\s*(?:only\s+)?{_LONG}(?:\s+time|\s+left)?",
    )
)
_TOMORROW = re.compile(r"\b(?:by|before|until) tomorrow\b", re.IGNORECASE)
_MONEY = r"(?:\s*(?:euros?|eur|dollars?|usd|pounds?|gbp|bucks|credits?|€|\$|£))"
_BELOW = r"(?:under|below|at most|less than|no more than|not more than|up to|maximum|max\.?|a maximum of|within)"
_AMOUNT = rf"[€$£]?\s*({NUMBER})(?!\s*-?(?:minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|w|months?)\b)"
_BUDGETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:for|costing|spending|and spend|spend|pay|paying)\s+{_BELOW}\s+{_AMOUNT}{_MONEY}?",
        rf"\b(?:at a |with a |on a )?(?:total )?(?:costs?|budget|price)\s*(?:of|is|:|=|<=|<|stays?|staying|to be)?\s*"
        rf"(?:{_BELOW}|of)?\s*{_AMOUNT}{_MONEY}?",
        rf"\b(?:cheaper than|for less than)\s+{_AMOUNT}{_MONEY}?",
        rf"\b{_BELOW}\s+(?:[€$£]\s*({NUMBER})|({NUMBER}){_MONEY})",
    )
)


_BARE = re.compile(rf"\b{_LONG}", re.IGNORECASE)


def bare_duration(words: str) -> str | None:
    """Return the one duration that words name, such as "ten days" in "we told them ten days"; None for none or more."""
    found = [match[0].strip() for match in _BARE.finditer(words)]
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Limits:
    """What was taken out of a goal's words: hours and cost, and the words that are left."""

    rest: str
    deadline: float | None = None
    max_cost: float | None = None
    said: tuple[str, ...] = ()


def take_limits(words: str, cost_is_a_fact: bool = False) -> Limits:
    """Return the limits in the words and the words without them.

    `cost_is_a_fact` leaves "cost below 5" alone where the model knows a fact of that name. Two different deadlines
    or budgets raise InputError.
    """
    said: list[str] = []
    hours: list[float] = []
    money: list[float] = []

    def deadline(match: re.Match[str]) -> str:
        said.append(match[0].strip())
        hours.append((number(match[1]) + (0.5 if match[3] else 0.0)) * _HOURS[_singular(match[2].lower())])
        return " "

    def tomorrow(match: re.Match[str]) -> str:
        said.append(match[0])
        hours.append(24.0)
        return " "

    def budget(match: re.Match[str]) -> str:
        said.append(match[0].strip())
        money.append(number(next(group for group in match.groups() if group)))
        return " "

    rest = _TOMORROW.sub(tomorrow, words)
    for pattern in _DEADLINES:
        rest = pattern.sub(deadline, rest)
    for i, pattern in enumerate(_BUDGETS):
        if i != 1 or not cost_is_a_fact:
            rest = pattern.sub(budget, rest)
    for kind, found in (("deadlines", hours), ("budgets", money)):
        if len(set(found)) > 1:
            raise InputError(f"the goal names two {kind}: {', '.join(f'{x:g}' for x in found)}; give one")
    return Limits(rest, hours[0] if hours else None, money[0] if money else None, tuple(said))


def number(words: str) -> float:
    """Return the number that digits or number words mean: `2,500`, `10k`, `twenty-four`, `two hundred`."""
    text = words.lower().replace(",", "").strip()
    digits = re.fullmatch(r"(\d+(?:\.\d+)?)\s?(k?)", text)
    if digits:
        return float(digits[1]) * (1_000.0 if digits[2] else 1.0)
    total, present = 0.0, 0.0
    parts = re.split(r"[\s-]+", text)
    if len(parts) > 1:
        parts = [part for part in parts if part not in ("a", "an")]
    for word in parts:
        if word in _LARGE:
            present = max(present, 1.0) * _LARGE[word]
            if _LARGE[word] >= 1_000:
                total, present = total + present, 0.0
        elif word in _SMALL:
            present += _SMALL[word]
        elif word and word not in ("and", "of"):
            raise InputError(f"{words!r} is no number")
    return total + present


def _singular(unit: str) -> str:
    return unit[:-1] if unit.endswith("s") and unit[:-1] in _HOURS else unit
