"""What a stored series lacks: sessions without a bar, and minutes without one, by the frozen calendar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.domain.bars import BarFlag
from pse.domain.errors import DamagedTable
from pse.domain.sessions import MINUTE_NS, Sessions
from pse.store.index import SeriesIndex
from pse.store.layout import Home
from pse.store.reading import need_bars, read_rows


@dataclass(frozen=True)
class Holes:
    """Between the first and the last bar of a series.

    `sessions`: those without any bar, `first_date` (yyyymmdd) the first of them.  `minutes`: those without a bar in the other sessions, of `expected`;
    None where bars are not of one minute.
    """

    sessions: int
    first_date: int | None
    minutes: int | None
    expected: int


def stored_holes(home: Home, index: SeriesIndex, sessions: Sessions) -> Holes | None:
    """Holes of a series as stored now, back months left out; None when a file of it cannot be read."""
    try:
        rows = read_rows(home, need_bars(home), index.symbol, index.timeframe, ("ts_open", "flags"))
    except DamagedTable:                                     # of a month that this ingest did not touch; `pse snapshots verify` names it
        return None
    return find_holes(rows["ts_open"][(rows["flags"] & np.int16(BarFlag.BACK_MONTH)) == 0], sessions, index.timeframe == "1m")


def find_holes(ts_open: np.ndarray, sessions: Sessions, by_minute: bool) -> Holes:
    """Holes among sorted bar opens, int64[n] ns UTC; bars outside sessions and in halts fill none."""
    if not ts_open.size:
        return Holes(0, None, 0 if by_minute else None, 0)
    ts = ts_open[np.r_[True, ts_open[1:] != ts_open[:-1]]]
    first, last = int(ts[0]), int(ts[-1]) + 1
    lo, hi = np.searchsorted(sessions.close_ns, first, side="right"), np.searchsorted(sessions.open_ns, last)
    asked = slice(int(lo), int(max(lo, hi)))
    bars = _between(ts, sessions.open_ns[asked], sessions.close_ns[asked])
    missing = np.flatnonzero(bars == 0)
    date = int(sessions.session_date[asked][missing[0]]) if missing.size else None
    if not by_minute:
        return Holes(missing.size, date, None, 0)
    halt_open, halt_close = sessions.break_open_ns[asked], sessions.break_close_ns[asked]
    bars -= _between(ts, halt_open, halt_close)
    end = int(ts[-1]) + MINUTE_NS
    expected = _minutes(sessions.open_ns[asked], sessions.close_ns[asked], first, end) - _minutes(halt_open, halt_close, first, end)
    some = bars > 0
    lacking = np.maximum(expected - bars, 0)[some].sum()
    return Holes(missing.size, date, int(lacking), int(expected[some].sum()))


def _between(ts: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How many moments lie in each span [start, end)."""
    return np.searchsorted(ts, end) - np.searchsorted(ts, start)


def _minutes(start: np.ndarray, end: np.ndarray, first: int, last: int) -> np.ndarray:
    """Whole minutes of each span [start, end) that lie in [first, last)."""
    return np.maximum(np.minimum(end, last) - np.maximum(start, first), 0) // MINUTE_NS
