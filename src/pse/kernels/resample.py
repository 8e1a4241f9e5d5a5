"""Finer bars into coarser ones, and coarser values onto finer bars, each visible only from its own close."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared

BY_SESSION = 0                                    # bucket length that stands for one bucket a session


@shared
def bucket_end(ts, length, session_close):
    """First moment after the bucket that holds `ts`: the next multiple of `length` (UTC), cut at the session's close."""
    if length == BY_SESSION:
        return session_close
    return min((ts // length + 1) * length, session_close)


@shared
def count_buckets(ts_open, session, contract, session_close, length):
    """How many buckets hold a source bar."""
    count, end, held, under = 0, np.int64(0), np.int64(-1), np.int64(-1)
    for t in range(ts_open.size):
        if count == 0 or ts_open[t] >= end or session[t] != held or contract[t] != under:
            held, under = session[t], np.int64(contract[t])
            end = bucket_end(ts_open[t], length, session_close[held])
            count += 1
    return count


@njit(cache=True)
def aggregate(ts_open, open_, high, low, close, volume, session, contract, session_open, session_close, length):
    """Bars of `length` ns (0: one a session) from finer bars; a bucket spans neither two sessions nor two contracts.

    ts_open int64[n], prices and volume float64[n], session int64[n] (row of the session arrays), contract int32[n], all oldest first.
    Returns (ts_open, ts_close, open, high, low, close, volume, first_row, n_src) with one entry a bucket that holds a bar; a bucket begins at its
    multiple of `length` or the session's open and ends likewise.  A NaN in a source bar makes the bucket's value NaN.
    """
    count = count_buckets(ts_open, session, contract, session_close, length)
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    first, n_src = np.empty(count, np.int64), np.empty(count, np.int64)
    opens, highs, lows = np.empty(count), np.empty(count), np.empty(count)
    closes, volumes = np.empty(count), np.empty(count)
    t, n = 0, ts_open.size
    for b in range(count):
        held, under, begin = session[t], contract[t], t
        end = bucket_end(ts_open[t], length, session_close[held])
        top, bottom, total = high[t], low[t], volume[t]
        t += 1
        while t < n and ts_open[t] < end and session[t] == held and contract[t] == under:
            if high[t] > top or high[t] != high[t]:
                top = high[t]
            if low[t] < bottom or low[t] != low[t]:
                bottom = low[t]
            total += volume[t]
            t += 1
        start = session_open[held]
        if length != BY_SESSION:
            start = max(start, ts_open[begin] // length * length)
        starts[b], ends[b], first[b], n_src[b] = start, end, begin, t - begin
        opens[b], highs[b], lows[b], closes[b], volumes[b] = open_[begin], top, bottom, close[t - 1], total
    return starts, ends, opens, highs, lows, closes, volumes, first, n_src


@njit(cache=True)
def expected_bars(ts_open, ts_close, session, break_open, break_close, source_length):
    """Source bars that each bucket should hold, the halt inside its session left out, float64[n]."""
    out = np.empty(ts_open.size)
    for t in range(ts_open.size):
        halt = min(ts_close[t], break_close[session[t]]) - max(ts_open[t], break_open[session[t]])
        out[t] = (ts_close[t] - ts_open[t] - max(halt, 0)) / source_length
    return out


@njit(cache=True)
def asof_rows(known_at, ts):
    """For each moment the last row known by then (known_at <= ts), -1 where none; both int64 and rising.  Returns int64[ts.size]."""
    out = np.empty(ts.size, np.int64)
    row = -1
    for i in range(ts.size):
        while row + 1 < known_at.size and known_at[row + 1] <= ts[i]:
            row += 1
        out[i] = row
    return out
