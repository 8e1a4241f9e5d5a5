"""Coarser bars from finer ones, complete buckets only, and columns of coarser bars on the rows of finer ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.domain.bars import BarFlag, Bars, timeframe_ns
from pse.domain.errors import RequestError
from pse.domain.sessions import DAY_NS
from pse.kernels.resample import BY_SESSION, aggregate, asof_rows, expected_bars


@dataclass(frozen=True, eq=False)
class Resampled:
    """Complete bars of one timeframe, how many source bars each holds (int64[n]) and their share of the expected ones (float64[n])."""

    bars: Bars
    n_src: np.ndarray
    coverage: np.ndarray


def resample(bars: Bars, timeframe: str, until_ns: int | None = None) -> Resampled:
    """Bars of `timeframe`, one for each bucket that holds a bar and has ended by `until_ns` (default: the close of the last source bar).

    Buckets are `[k*length, (k+1)*length)` UTC, cut at the session's open and close; `1d` is one bucket a session.  They keep raw prices: a bucket never
    spans two contracts.  Raises RequestError when the timeframe is finer than the source.
    """
    length, source = timeframe_ns(timeframe), timeframe_ns(bars.timeframe)
    if length < source or (length < DAY_NS and length % source):
        raise RequestError(f"{bars.symbol}: {timeframe} bars cannot be made from {bars.timeframe} bars; choose a multiple of {bars.timeframe}, "
                           "or ingest finer bars")
    if length > DAY_NS:
        raise RequestError(f"{bars.symbol}: {timeframe} is longer than a trading day; the longest bar made from {bars.timeframe} bars is 1d")
    calendar = bars.sessions
    starts, ends, opens, highs, lows, closes, volumes, first, n_src = aggregate(
        bars.ts_open, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.session, bars.contract, calendar.open_ns, calendar.close_ns,
        BY_SESSION if length == DAY_NS else length)
    session = bars.session[first]
    expected = np.ones(first.size)                                   # a daily source holds one bar a session, however long that is
    if source < DAY_NS:
        expected = expected_bars(starts, ends, session, calendar.break_open_ns, calendar.break_close_ns, source)
    made = Bars(symbol=bars.symbol, timeframe=timeframe, ts_open=starts, ts_close=ends, open=opens, high=highs, low=lows, close=closes, volume=volumes,
                session=session, roll=bars.roll[first], offset=bars.offset[first], contract=bars.contract[first], flags=_flags(bars, first, volumes),
                contracts=bars.contracts, sessions=calendar)
    if len(bars) == 0:
        return Resampled(made, n_src, expected)
    known = int(np.searchsorted(ends, bars.ts_close[-1] if until_ns is None else until_ns, side="right"))
    return Resampled(made[:known], n_src[:known], n_src[:known] / expected[:known])


def _flags(bars: Bars, first: np.ndarray, volumes: np.ndarray) -> np.ndarray:
    """What is true of any source bar is true of the bucket, but zero volume counts the whole bucket's."""
    if not bars.flags.any():
        flags = np.zeros(first.size, bars.flags.dtype)
    else:
        flags = np.bitwise_or.reduceat(bars.flags, first) & ~np.int16(BarFlag.ZERO_VOLUME)
    flags[volumes == 0.0] |= np.int16(BarFlag.ZERO_VOLUME)
    return flags


def as_of(values: np.ndarray, known_at: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """The last value known by each moment (known_at <= ts), float64[ts.size]; NaN where none is."""
    rows = asof_rows(known_at, ts)
    out = np.full(ts.size, np.nan)
    out[rows >= 0] = values[rows[rows >= 0]]
    return out


