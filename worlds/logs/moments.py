"""Times that come one by one, in the formats of columns and as numbers since 1970. Knows single values only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from wmagent.errors import shortened
from wmagent.worlds.logs.times import DAYS, OTHERS

YEARS = datetime(2000, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"\d{9,13}(?:\.\d+)?")


@dataclass
class Moments:
    """Reads times, one after the other, as the first one was written: with a zone or without, and if the year does not
    stand first, in one format. What is taken for granted is told to `complain`."""

    complain: Callable[[str], None]
    zoned: bool | None = None
    form: str | None = None

    def read(self, value: object) -> int:
        """Return microseconds since 1970, UTC. Numbers are seconds or milliseconds, whichever is in the years 2000 to
        2100. ValueError for what is no such time, or is written otherwise than those before."""
        found = self._number(value) or (self._text(value.strip()) if isinstance(value, str) else None)
        if found is None:
            raise ValueError(
                f"{shortened(repr(value))} is no time that can be read here; write it as 2026-03-01T09:30:00+01:00"
                + (f", or as the first one: {self.form}" if self.form else "")
            )
        zoned = found.tzinfo is not None
        if self.zoned is None and not zoned:
            self.complain("times have no zone and are taken as UTC")
        self.zoned = zoned if self.zoned is None else self.zoned
        if zoned != self.zoned:
            raise ValueError(f"times had {'a' if self.zoned else 'no'} zone so far, and {value!r} is otherwise")
        return ((found if zoned else found.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)

    def _number(self, value: object) -> datetime | None:
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        for seconds in (value, value / 1000):
            if YEARS[0] <= seconds < YEARS[1]:
                return _EPOCH + timedelta(seconds=seconds)
        return None

    def _text(self, text: str) -> datetime | None:
        """Return a time with the year first, else in the one format that the first other one was in."""
        iso = re.sub(r"\s*(?:UTC|Z)$", "+00:00", text.replace("/", "-"))
        try:
            return datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d{2}(?::?\d{2})?$)", "", iso))
        except ValueError:
            pass
        for form in (self.form,) if self.form else (*OTHERS, *DAYS[1:]):
            for precise in {form.replace("%.f", ""), form.replace("%.f", ".%f")}:
                try:
                    found = datetime.strptime(text, precise)
                except ValueError:
                    continue
                if self.form is None:
                    self.form = form
                    self.complain(f"times are read as {form}; see that day and month are meant so")
                return found
        return None
