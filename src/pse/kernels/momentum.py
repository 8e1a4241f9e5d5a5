"""Momentum of closes: relative strength, and the difference of two exponential means with its states."""

import math

import numpy as np
from numba import njit

from pse.kernels.codes import (
    MACD_BEAR_DIVERGENCE,
    MACD_BEAR_EXPANDING,
    MACD_BULL_DIVERGENCE,
    MACD_BULL_EXPANDING,
    MACD_NEUTRAL,
    MACD_UNKNOWN,
)
from pse.kernels.compiled import shared
from pse.kernels.rows import gt


@njit(cache=True)
def rsi_into(close, period, out):
    """Wilder's relative strength index, 0 to 100; 50 where neither gain nor loss is left.  close, out: float64[n], oldest first.

    NaN for the first `period` bars and at a bar without a finite close, which leaves the state as it was.  Wilder (1978), New Concepts in Technical
    Trading Systems, ch. VI.
    """
    rest, gains, losses, last, seen = 1.0 - 1.0 / period, 0.0, 0.0, np.nan, -1
    for t in range(close.size):
        if not math.isfinite(close[t]):
            out[t] = np.nan
            continue
        change = close[t] - last
        last = close[t]
        seen += 1
        if seen > 0:
            kept = rest if seen > period else 1.0                   # sums, not means: the divisor cancels
            gains, losses = gains * kept + (change if change > 0.0 else 0.0), losses * kept + (0.0 if change > 0.0 else -change)
        both = gains + losses
        out[t] = (100.0 * gains / both if both > 0.0 else 50.0) if seen >= period else np.nan


def rsi(close, period):
    """`rsi_into` a new array."""
    out = np.empty(close.size)
    rsi_into(close, period, out)
    return out


@njit(cache=True)
def macd_into(close, fast, slow, signal, line, smooth, histogram):
    """Fast less slow exponential mean of closes, its own exponential mean, and the difference of the two, in points; float64[n], oldest first.

    Each mean is seeded with the plain mean of its first values; fast < slow.  NaN before bar slow-1 (line), slow+signal-2 (the others) and at a bar without
    a finite close, which leaves the state as it was.  Appel (1979), The Moving Average Convergence Divergence Method.
    """
    w_fast, w_slow, w_signal = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (signal + 1)
    r_fast, r_slow, r_signal = 1.0 - w_fast, 1.0 - w_slow, 1.0 - w_signal
    near, far, mean, seen = 0.0, 0.0, 0.0, 0
    for t in range(close.size):
        x = close[t]
        if not math.isfinite(x):
            line[t] = smooth[t] = histogram[t] = np.nan
            continue
        seen += 1
        near = near * r_fast + w_fast * x if seen > fast else near + x / fast
        far = far * r_slow + w_slow * x if seen > slow else far + x / slow
        apart = near - far
        if seen >= slow + signal:
            mean = mean * r_signal + w_signal * apart
        elif seen >= slow:
            mean += apart / signal
        line[t] = apart if seen >= slow else np.nan
        smooth[t], histogram[t] = (mean, apart - mean) if seen >= slow + signal - 1 else (np.nan, np.nan)


def macd(close, fast, slow, signal):
    """`macd_into` three new arrays: line, signal, histogram."""
    line, smooth, histogram = np.empty(close.size), np.empty(close.size), np.empty(close.size)
    macd_into(close, fast, slow, signal, line, smooth, histogram)
    return line, smooth, histogram


@shared
def divergence_ends(pivots, sign, close, line, min_sep, max_sep, ttl):
    """Whether the last two confirmed swings of one kind diverge from `line` at each bar: the bar that confirmed the second, or -1, int64[n].

    sign 1.0: swing highs, price higher and line lower; -1.0: swing lows, mirrored.  It holds for `ttl` bars and until a close beyond the second swing.
    pivots: PIVOT_DTYPE in order of confirmation; close, line: float64[n].
    """
    since = np.full(close.size, np.int64(-1))
    first, second, confirmed, row, holds = np.int64(-1), np.int64(-1), np.int64(-1), 0, False
    for t in range(close.size):
        while row < pivots.size and pivots[row].confirmed_at <= t:
            if pivots[row].kind * sign > 0.0:
                first, second, confirmed = second, np.int64(row), pivots[row].confirmed_at
                if first >= 0:
                    apart = pivots[second].idx - pivots[first].idx
                    further = gt(sign * pivots[second].price, sign * pivots[first].price)
                    holds = min_sep <= apart and apart <= max_sep and further and sign * line[pivots[second].idx] < sign * line[pivots[first].idx]
            row += 1
        if holds and (t - confirmed >= ttl or gt(sign * close[t], sign * pivots[second].price)):
            holds = False
        if holds:
            since[t] = confirmed
    return since


@njit(cache=True)
def macd_states(line, histogram, close, atr, pivots, eps_atr, min_sep, max_sep, ttl):
    """Codes of MACD_STATES, int64[n]: a divergence while one holds, else whether the histogram grows away from zero.

    line, histogram, close, atr: float64[n], oldest first; eps_atr: the band around zero that counts as none, in ATR (no band while ATR is NaN).
    pivots: PIVOT_DTYPE, see `divergence_ends`.  Of two divergences the one confirmed later is told, of two confirmed together the bearish one.
    UNKNOWN where this or the previous histogram is NaN.
    """
    states = np.full(close.size, MACD_UNKNOWN)
    bearish = divergence_ends(pivots, 1.0, close, line, min_sep, max_sep, ttl)
    bullish = divergence_ends(pivots, -1.0, close, line, min_sep, max_sep, ttl)
    for t in range(1, close.size):
        here, before = histogram[t], histogram[t - 1]
        if here != here or before != before:
            continue
        band = eps_atr * atr[t] if atr[t] == atr[t] else 0.0
        if bearish[t] >= 0 and bearish[t] >= bullish[t]:
            states[t] = MACD_BEAR_DIVERGENCE
        elif bullish[t] >= 0:
            states[t] = MACD_BULL_DIVERGENCE
        elif here > band and here > before:
            states[t] = MACD_BULL_EXPANDING
        elif here < -band and here < before:
            states[t] = MACD_BEAR_EXPANDING
        else:
            states[t] = MACD_NEUTRAL
    return states
