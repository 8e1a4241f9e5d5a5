"""Coarser bars from finer ones, complete buckets only, and columns of coarser bars on the rows of finer ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.domain.bars import BarFlag, Bars, timeframe_ns
from pse.domain.errors import RequestError
from pse.domain.sessions import DAY_NS
from pse.kernels.resample import BY_SESSION, aggregate, asof_rows, expected_bars

_SECOND = DAY_NS // 86_400


@dataclass(frozen=True, eq=False)
class Resampled:
    """Complete bars of one timeframe, how many source bars each holds (int64[n]) and their share of the expected ones (float64[n])."""

    bars: Bars
    n_src: np.ndarray
    coverage: np.ndarray


def why_not(timeframe: str, source: str) -> str | None:
    """Why bars of `timeframe` cannot be made from bars of `source`; None when they can.

    A length that does not divide a day would begin at another time of the day each day.
    """
    length, finer = timeframe_ns(timeframe), timeframe_ns(source)
    if length > DAY_NS:
        return f"{timeframe} is longer than a trading day; the longest that is made is 1d"
    if length < finer:
        return f"{timeframe} is finer than {source}; ask for {source} or longer, or ingest finer bars"
    if length in (finer, DAY_NS):
        return None
    if DAY_NS % length:
        return f"{timeframe} does not divide a day; the nearest that do are {_dividing(length, finer)}"
    return f"{timeframe} is no multiple of {source}; choose one, or ingest finer bars" if length % finer else None


def _dividing(length: int, source: int) -> str:
    """The nearest shorter and longer timeframes, in whole hours where that is asked in hours, that divide a day and can be made from `source`."""
    unit, sign = next((unit * _SECOND, sign) for unit, sign in ((3600, "h"), (60, "m"), (1, "s")) if length % (unit * _SECOND) == 0)
    found = {DAY_NS: "1d"}
    found |= {size: f"{size // unit}{sign}" for size in range(unit, min(1000 * unit, DAY_NS), unit) if DAY_NS % size == 0 and size % source == 0}
    shorter, longer = max((one for one in found if one < length), default=None), min(one for one in found if one > length)
    return f"{found[shorter]} and {found[longer]}" if shorter else found[longer]


def resample(bars: Bars, timeframe: str, until_ns: int | None = None) -> Resampled:
    """Bars of `timeframe`, one for each bucket that holds a bar and has ended by `until_ns` (default: the close of the last source bar).

    Buckets are `[k*length, (k+1)*length)` UTC, cut at the session's open and close; `1d` is one bucket a session.  They keep raw prices: a bucket never
    spans two contracts.  Raises RequestError for a timeframe that `why_not` has something against.
    """
    if (why := why_not(timeframe, bars.timeframe)) is not None:
        raise RequestError(f"{bars.symbol}: {timeframe} bars cannot be made from {bars.timeframe} bars: {why}")
    length, source = timeframe_ns(timeframe), timeframe_ns(bars.timeframe)
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
                contracts=bars.contracts, sessions=calendar, factor=None if bars.factor is None else bars.factor[first])
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


