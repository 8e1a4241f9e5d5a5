"""Time: the one place that reads the wall clock, and how moments are written and read.

Moments are int64 nanoseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from pse.domain.errors import RequestError

SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST, _LATEST = date(1900, 1, 1), date(2200, 1, 1)


class Clock(Protocol):
    """Whoever needs to know the time is handed one of these."""

    def now_ns(self) -> int:
        """The present moment, ns UTC."""
        ...


class WallClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        return time.time_ns()


@dataclass
class FixedClock:
    """A clock that stands until it is moved: for replays and tests."""

    at_ns: int

    def now_ns(self) -> int:
        return self.at_ns


def stopwatch_ns() -> int:
    """A steadily rising count of nanoseconds, for durations only."""
    return time.perf_counter_ns()


def moment_ns(text: str, what: str = "time") -> int:
    """Nanoseconds UTC of an ISO 8601 date or time.

    A day alone is its UTC midnight, a time without an offset is UTC, an offset is honoured.  Raises `RequestError` that names `what`.
    """
    found = text.strip()
    try:
        moment = datetime.fromisoformat(found) if _readable(found) else None
    except ValueError:
        moment = None
    if moment is None:
        raise RequestError(f"{what} {text!r} is not a date or time; expected ISO 8601 such as 2013-10-06, 2013-10-06T14:30 (UTC) or "
                           f"2013-10-06T09:30-05:00, between the years 1900 and 2200; write it that way")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def _readable(text: str) -> bool:
    """Whether the text starts with a plain day in the years that int64 nanoseconds and the calendars hold."""
    return bool(_DAY.match(text)) and _EARLIEST <= date.fromisoformat(text[:10]) < _LATEST


def iso(moment: int) -> str:
    """`2013-10-06T14:30:00Z`; fractions of a second only where there are some."""
    seconds, rest = divmod(int(moment), SECOND_NS)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"
