"""When what a coarser bar says can be decided, and how long a decision taken at the end of a day lasts."""

from __future__ import annotations

import numpy as np

from pse.domain.sessions import DAY_NS, Sessions
from pse.tactics.scan import FeatureView

BEYOND_CALENDAR_NS = 4 * DAY_NS    # where the calendar at hand ends: a long weekend


def decided_at(features: FeatureView, ts_close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(first decision bar that closes at or after each moment int64[n], whether there is one yet bool[n]); row 0 where there is none."""
    closes = features.decision.ts_close
    at = np.searchsorted(closes, ts_close)
    there = at < closes.size
    return np.where(there, at, 0), there


def end_of_next_session(sessions: Sessions, ts: np.ndarray) -> np.ndarray:
    """End of the first session that closes after each moment, int64[n] ns: at a session's close that is the next one's."""
    row = np.searchsorted(sessions.close_ns, ts, side="right")
    known = row < sessions.close_ns.size
    return np.where(known, sessions.close_ns[np.where(known, row, 0)], ts + BEYOND_CALENDAR_NS) if sessions.close_ns.size else ts + BEYOND_CALENDAR_NS


def next_open(sessions: Sessions, ts: np.ndarray) -> np.ndarray:
    """Each moment itself inside a session, else the next session's open, int64[n] ns; the moment itself beyond the calendar at hand."""
    row = np.searchsorted(sessions.close_ns, ts, side="right")
    known = row < sessions.close_ns.size
    return np.maximum(ts, sessions.open_ns[np.where(known, row, 0)] * known) if sessions.close_ns.size else ts.copy()
