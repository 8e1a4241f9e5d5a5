"""A plain week of sessions for made-up bars when no frozen calendar is handed in: Monday to Friday, no holidays, no early closes.

Real data never uses this; the store's frozen calendars know the holidays, the dated closes and the halts.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from pse.domain.errors import UnknownName
from pse.domain.sessions import Sessions

# zone, days before the trading day that the session opens, open, close, regular open, regular close (local wall time)
_WEEK: dict[str, tuple[str, int, time, time, time, time]] = {
    "CME Globex Equity": ("America/Chicago", 1, time(17), time(16), time(8, 30), time(15)),
    "CME Globex FX": ("America/Chicago", 1, time(17), time(16), time(7, 20), time(14)),
    "NYSE": ("America/New_York", 0, time(9, 30), time(16), time(9, 30), time(16)),
    "EUREX": ("Europe/Berlin", 0, time(9), time(22), time(9), time(17, 30)),
    "24/7": ("UTC", 0, time(0), time(0), time(0), time(0)),
}


def plain_sessions(calendar: str, first: date, last: date) -> Sessions:
    """Sessions with a trading day from `first` to `last`, both included; raises `UnknownName` for another calendar."""
    if calendar not in _WEEK:
        raise UnknownName("calendar with a plain week", calendar, _WEEK)
    zone, days_before, opens, closes, rth_opens, rth_closes = _WEEK[calendar]
    tz, endless = ZoneInfo(zone), calendar == "24/7"
    days = [first + timedelta(days=i) for i in range(max((last - first).days + 1, 0))]
    days = [day for day in days if endless or day.weekday() < 5]

    def moments(at: time, shift: int) -> np.ndarray:
        seconds = [int(datetime.combine(day + timedelta(days=shift), at, tz).timestamp()) for day in days]
        return np.array(seconds, dtype=np.int64) * 1_000_000_000

    nothing = np.zeros(len(days), dtype=np.int64)
    end_shift = 1 if endless else 0
    return Sessions(
        calendar=calendar,
        tz=zone,
        session_date=np.array([day.year * 10_000 + day.month * 100 + day.day for day in days], dtype=np.int32),
        open_ns=moments(opens, -days_before),
        close_ns=moments(closes, end_shift),
        rth_open_ns=moments(rth_opens, 0),
        rth_close_ns=moments(rth_closes, end_shift),
        break_open_ns=nothing,
        break_close_ns=nothing.copy(),
        digest=f"plain week of {calendar}",
    )
