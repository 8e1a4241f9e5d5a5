"""Trading days as frozen arrays: when each opens and closes, and which minutes are expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of one calendar, oldest first, not overlapping.

    `session_date` int32[n] yyyymmdd of the trading day; every other array int64[n], ns UTC.
    `rth_open_ns, rth_close_ns` bound the regular hours (equal to open and close where there is no such thing).
    `break_open_ns, break_close_ns` bound a halt inside the session, 0 where none: its minutes are not expected.
    `digest` is the sha256 of all of it and of the override list.
    """

    calendar: str
    tz: str
    session_date: np.ndarray
    open_ns: np.ndarray
    close_ns: np.ndarray
    rth_open_ns: np.ndarray
    rth_close_ns: np.ndarray
    break_open_ns: np.ndarray
    break_close_ns: np.ndarray
    digest: str

    def index_of(self, ts_ns: np.ndarray) -> np.ndarray:
        """Session that holds each moment (open <= ts < close), int64; -1 outside every session."""
        i = np.searchsorted(self.open_ns, ts_ns, side="right") - 1
        inside = (i >= 0) & (ts_ns < self.close_ns[np.maximum(i, 0)])
        return np.where(inside, i, -1)

    def expected_minutes(self) -> np.ndarray:
        """Minutes that each session should have, halts left out, int64[n]."""
        return (self.close_ns - self.open_ns - (self.break_close_ns - self.break_open_ns)) // MINUTE_NS
