"""How a series moves: its exponential mean, Wilder's directional movement, and how straight the way was.

Windows hold present bars; a window with a NaN in it has no value.  A recursion passes a bar without a number over: NaN there, its state as it was.
A kernel whose name ends in `_into` writes into arrays that are given: numpy asks the system for large pages, compiled code does not, and for long series
that costs as much as the arithmetic.
"""

import math

import numpy as np
from numba import njit

from pse.kernels.rolling import to_window_sums, to_window_variances
from pse.kernels.wilder import is_valid_bar

LEAST = 1e-290                                    # ranges that have died away to less are none: 100 over them would be infinite


def sma(values, period):
    """Mean of the last `period` values, float64[n], oldest first; NaN before bar period-1 and with a NaN in the window."""
    out = values.copy()
    to_window_sums(out, period)
    out /= period
    return out


@njit(cache=True)
def ema_into(values, period, out):
    """Exponential mean with weight 2/(period+1), seeded with the mean of the first `period` values.  values, out: float64[n], oldest first.

    NaN before the seed is complete and at a bar without a finite value, which leaves the state as it was.
    """
    weight = 2.0 / (period + 1)
    rest, share, mean, seen = 1.0 - weight, 1.0 / period, 0.0, 0
    for t in range(values.size):
        x = values[t]
        if not math.isfinite(x):
            out[t] = np.nan
            continue
        seen += 1
        mean = mean * rest + weight * x if seen > period else mean + x * share
        out[t] = mean if seen >= period else np.nan


def ema(values, period):
    """`ema_into` a new array."""
    out = np.empty(values.size)
    ema_into(values, period, out)
    return out


@njit(cache=True)
def adx_into(high, low, close, period, adx, plus_di, minus_di):
    """Wilder's average directional movement and the two directional indicators, 0 to 100; all arrays float64[n], oldest first.

    DI speaks from the `period`-th bar after the first, ADX from the (2 period - 1)-th.  No range at all gives DI 0, no directional movement DX 0.  NaN at an
    invalid bar, which leaves the state as it was.  Wilder (1978), New Concepts in Technical Trading Systems, ch. IV.
    """
    share, rest = 1.0 / period, 1.0 - 1.0 / period
    plus, minus, ranges, mean, seen = 0.0, 0.0, 0.0, 0.0, -1
    last_high, last_low, last = np.nan, np.nan, np.nan
    for t in range(high.size):
        top, bottom, here = high[t], low[t], close[t]
        if not is_valid_bar(top, bottom, here):
            adx[t] = plus_di[t] = minus_di[t] = np.nan
            continue
        up, down, span = top - last_high, last_low - bottom, max(top, last) - min(bottom, last)
        last_high, last_low, last = top, bottom, here
        rise, fall = up if up > down and up > 0.0 else 0.0, down if down > up and down > 0.0 else 0.0
        seen += 1
        if seen < period:
            adx[t] = plus_di[t] = minus_di[t] = np.nan
            if seen > 0:
                plus, minus, ranges = plus + rise, minus + fall, ranges + span
            continue
        plus, minus, ranges = plus * rest + rise, minus * rest + fall, ranges * rest + span
        scale, moved = 100.0 / ranges if ranges > LEAST else 0.0, plus + minus
        plus_di[t], minus_di[t] = plus * scale, minus * scale
        dx = 100.0 * abs(plus - minus) / moved if moved > 0.0 else 0.0
        if seen >= 2 * period:
            mean = mean * rest + dx * share
            adx[t] = mean
        else:
            mean += dx * share
            adx[t] = mean if seen == 2 * period - 1 else np.nan


def adx(high, low, close, period):
    """`adx_into` three new arrays: ADX, +DI, -DI."""
    mean, plus, minus = np.empty(close.size), np.empty(close.size), np.empty(close.size)
    adx_into(high, low, close, period, mean, plus, minus)
    return mean, plus, minus


@njit(cache=True)
def efficiency_ratio(close, period):
    """Kaufman's efficiency ratio: the way made over `period` bars as a share of the way walked, 0 to 1; 0 where nothing moved, float64[n].

    close: float64[n], oldest first.  NaN for the first `period` bars and with a NaN in the window.  Kaufman (1995), Smarter Trading.
    """
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = abs(close[t] - close[t - 1]) if t > 0 else np.nan
    to_window_sums(out, period)
    for t in range(close.size):
        if out[t] > 0.0:
            out[t] = min(abs(close[t] - close[t - period]) / out[t], 1.0)
    return out


@njit(cache=True)
def hurst(close, offset, lags, period):
    """Slope of the log of the standard deviation of log returns over k bars on ln k, in windows of `period` closes, float64[n]: 0.5 for a random walk.

    close: forward adjusted, offset: what makes it the price as traded; float64[n], oldest first.  The older price of a return stands on the newer contract's
    scale.  lags: int64[m], each below period-1.  NaN before bar period-1, with a NaN or a price of 0 or less in the window, and where the returns over some
    lag are all alike.
    """
    n, m, out = close.size, lags.size, np.zeros(close.size)
    centre, spread = 0.0, 0.0
    for i in range(m):
        centre += math.log(lags[i]) / m
    for i in range(m):
        spread += (math.log(lags[i]) - centre) ** 2
    change = np.empty(n)
    for i in range(m):
        lag, width, weight = lags[i], period - lags[i], (math.log(lags[i]) - centre) / spread
        for t in range(n):
            now, then = close[t] + offset[t], close[t - lag] + offset[t] if t >= lag else np.nan
            change[t] = math.log(now / then) if now > 0.0 and then > 0.0 else np.nan
        to_window_variances(change, width)
        for t in range(n):
            variance = change[t] * (width - 1) / width
            out[t] += weight * (0.5 * math.log(variance) if variance > 0.0 else np.nan)
    return out
