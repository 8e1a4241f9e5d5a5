"""News windows as moments: local wall times of each day, daylight saving included."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pse.risk.policy import BlackoutWindow

DAY = timedelta(days=1)


def intervals(windows: Iterable[BlackoutWindow], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """[start, end) of every window that touches [start_ns, end_ns), merged and in order, ns UTC."""
    first = datetime.fromtimestamp(start_ns / 1e9, UTC).date() - 2 * DAY
    last = datetime.fromtimestamp(end_ns / 1e9, UTC).date() + 2 * DAY
    found = []
    for window in windows:
        zone, opens, closes = ZoneInfo(window.tz), time.fromisoformat(window.start), time.fromisoformat(window.end)
        day = first
        while day <= last:
            begin = _ns(day, opens, zone)
            stop = _ns(day if closes > opens else day + DAY, closes, zone)
            if begin < end_ns and stop > start_ns:
                found.append((begin, stop))
            day += DAY
    return _merged(sorted(found))


def _ns(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).timestamp()) * 1_000_000_000


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for begin, stop in found:
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((begin, stop))
    return out
