"""News windows as moments: local wall times of each day, daylight saving included, and the minutes around events of a calendar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pse.domain.sessions import MINUTE_NS
from pse.risk.policy import IMPACTS, BlackoutWindow, CalendarEvent, GatePolicy, clocks_show

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def no_entries(gates: GatePolicy, events: Iterable[CalendarEvent], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """[start, end) of every stretch that touches [start_ns, end_ns) in which the gates let nothing new in, merged and in order, ns UTC."""
    daily = intervals(gates.blackouts, start_ns, end_ns)
    return _merged(sorted(daily + around(gates, events, start_ns, end_ns)))


def around(gates: GatePolicy, events: Iterable[CalendarEvent], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """The minutes around each event that has the least impact or more, and that touch [start_ns, end_ns)."""
    before, after = int(gates.events_before_min * MINUTE_NS), int(gates.events_after_min * MINUTE_NS)
    if gates.events_impact == "none" or before + after == 0:
        return []
    moments = [event.at_ns for event in events if IMPACTS.index(event.impact) >= IMPACTS.index(gates.events_impact)]
    return [(at - before, at + after) for at in moments if at - before < end_ns and at + after > start_ns]


def intervals(windows: Iterable[BlackoutWindow], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """[start, end) of every window that touches [start_ns, end_ns), merged and in order, ns UTC."""
    first = datetime.fromtimestamp(start_ns / 1e9, UTC).date() - 2 * DAY
    last = datetime.fromtimestamp(end_ns / 1e9, UTC).date() + 2 * DAY
    found = []
    for window in windows:
        zone, opens, closes = ZoneInfo(window.tz), time.fromisoformat(window.start), time.fromisoformat(window.end)
        day = first
        while day <= last:
            begin = _ns(day, opens, zone, last=False)
            stop = _ns(day if closes > opens else day + DAY, closes, zone, last=True)
            if begin < end_ns and stop > start_ns:
                found.append((begin, stop))
            day += DAY
    return _merged(sorted(found))


def _ns(day: date, at: time, zone: ZoneInfo, last: bool) -> int:
    """The moment of a wall time: the first or the last one where clocks show it twice, the next that they show where they jump over it."""
    local = datetime.combine(day, at, zone).replace(fold=int(last))
    while not clocks_show(local):
        local += MINUTE
    return int(local.timestamp()) * 1_000_000_000


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for begin, stop in found:
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((begin, stop))
    return out
