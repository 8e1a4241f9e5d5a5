"""Trading days as frozen arrays: when each opens and closes, and which minutes are expected."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

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

    def digest_between(self, first_ns: int, last_ns: int) -> str:
        """sha256 over the zone and the arrays of the sessions that overlap [first_ns, last_ns); what lies around them is no part of it."""
        lo, hi = np.searchsorted(self.close_ns, first_ns, side="right"), np.searchsorted(self.open_ns, last_ns, side="left")
        found = hashlib.sha256(self.tz.encode())
        for array in (getattr(self, one.name) for one in fields(self) if one.name not in ("calendar", "tz", "digest")):
            found.update(np.ascontiguousarray(array[lo:hi]).tobytes())
        return found.hexdigest()

    def index_of(self, ts_ns: np.ndarray) -> np.ndarray:
        """Session that holds each moment (open <= ts < close), int64; -1 outside every session."""
        i = np.searchsorted(self.open_ns, ts_ns, side="right") - 1
        inside = (i >= 0) & (ts_ns < self.close_ns[np.maximum(i, 0)])
        return np.where(inside, i, -1)

    def expected_minutes(self) -> np.ndarray:
        """Minutes that each session should have, halts left out, int64[n]."""
        return (self.close_ns - self.open_ns - (self.break_close_ns - self.break_open_ns)) // MINUTE_NS
