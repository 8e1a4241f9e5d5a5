"""The structure state: which swing is broken when, in which direction, and whether the break is a shift; displacement and thrust bars."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import BREAK_BOS, BREAK_CHOCH, BREAK_DTYPE
from pse.kernels.rows import ZERO, ge, gt, with_room


@shared
def is_displacement(open_, high, low, close, atr_before, direction, min_range_atr, min_body, min_close):
    """Whether one bar is a displacement bar: body with the direction, wide against the range known before, closing near its end."""
    span = high - low
    body = direction * (close - open_)
    if not (span > 0.0 and body > 0.0 and atr_before > 0.0):
        return False
    reached = (close - low) / span if direction > 0 else (high - close) / span
    return ge(body, min_body * span) and ge(span, min_range_atr * atr_before) and ge(reached, min_close)


@njit(cache=True)
def displacement_bars(open_, high, low, close, atr_before, min_range_atr, min_body, min_close):
    """Direction of the displacement bar that each bar is, int64[n], 0 for none; columns float64[n] in points."""
    out = np.zeros(close.size, np.int64)
    for t in range(close.size):
        d = 1 if close[t] > open_[t] else -1
        if is_displacement(open_[t], high[t], low[t], close[t], atr_before[t], d, min_range_atr, min_body, min_close):
            out[t] = d
    return out


@njit(cache=True)
def thrust_bars(displaced, rvol, min_rvol):
    """Direction of the thrust bar that each bar is, and whether it is one on a volume that nobody knows: two int64[n].

    displaced: direction of the displacement bar under the bounds of a thrust; rvol float64[n], NaN passes.
    """
    out, unmeasured = np.zeros(rvol.size, np.int64), np.zeros(rvol.size, np.int64)
    for t in range(rvol.size):
        unknown = rvol[t] != rvol[t]
        if displaced[t] != 0 and (unknown or ge(rvol[t], min_rvol)):
            out[t], unmeasured[t] = displaced[t], unknown
    return out, unmeasured


@shared
def break_direction(open_, high, low, close, ref_high, ref_low, on_wick):
    """+1 when the bar breaks the reference high, -1 the low, 0 neither; a wick break of both goes with the body."""
    if not on_wick:
        if gt(close, ref_high):
            return 1
        return -1 if gt(ref_low, close) else 0
    up, down = gt(high, ref_high), gt(ref_low, low)
    if up and down:
        return 1 if close > open_ else (-1 if close < open_ else 0)
    return 1 if up else (-1 if down else 0)


@njit(cache=True)
def structure(open_, high, low, close, atr_before, pivots, on_wick, min_range_atr, min_body, min_close, window, lookback):
    """Trend after each bar (int64[n]: +1, 0, -1) and the breaks in time order (rows of BREAK_DTYPE, scores not yet written).

    Prices and atr_before float64[n]; pivots in order of confirmation.  A confirmed pivot becomes the reference of its kind; one break a pivot.  A break
    against the trend is a CHoCH, else a BOS (initial while there was no trend).  It is a shift (mss) when it is a CHoCH, a displacement bar of its
    direction stands in the last `window` bars, and the broken pivot is at most `lookback` bars old.
    """
    n = close.size
    trend = np.zeros(n, np.int64)
    rows, count = np.empty(128, BREAK_DTYPE), ZERO
    ref_high, ref_low, high_idx, low_idx = np.nan, np.nan, -1, -1
    state, row = 0, 0
    for t in range(n):
        while row < pivots.size and pivots[row].confirmed_at <= t:
            if pivots[row].kind > 0:
                ref_high, high_idx = pivots[row].price, pivots[row].idx
            else:
                ref_low, low_idx = pivots[row].price, pivots[row].idx
            row += 1
        d = break_direction(open_[t], high[t], low[t], close[t], ref_high, ref_low, on_wick)
        if d != 0:
            first = -1
            for u in range(max(t - window + 1, 0), t + 1):
                if is_displacement(open_[u], high[u], low[u], close[u], atr_before[u], d, min_range_atr, min_body, min_close):
                    first = u
                    break
            rows = with_room(rows, count)
            new = rows[count]
            new.t, new.dir = t, d
            new.type = BREAK_CHOCH if state == -d else BREAK_BOS
            new.level = ref_high if d > 0 else ref_low
            new.pivot_idx = high_idx if d > 0 else low_idx
            new.initial, new.displacement, new.first_displacement = state == 0, first >= 0, first
            new.mss = state == -d and first >= 0 and t - new.pivot_idx <= lookback
            new.mqs, new.mqs_next, new.sweep = np.nan, np.nan, -1
            new.q_disp, new.q_close, new.q_fvg, new.q_fvg_next = np.nan, np.nan, np.nan, np.nan
            new.q_sweep, new.q_vol, new.q_level, new.q_htf = np.nan, np.nan, np.nan, np.nan
            count += 1
            state = d
            if d > 0:
                ref_high = np.nan
            else:
                ref_low = np.nan
        trend[t] = state
    return trend, rows[:count].copy()
