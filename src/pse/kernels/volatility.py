"""Realised volatility over a window of bars, from closes alone and from ranges, and the previous close on the scale of the bar's contract."""

import math

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.rolling import to_window_sums, to_window_variances


@njit(cache=True)
def carried_close(close, offset):
    """The close of the bar before plus the roll difference between the two bars, float64[n]; NaN first.

    close: float64[n] as traded; offset: float64[n] sum of roll differences so far.
    """
    out = np.full(close.size, np.nan)
    for t in range(1, close.size):
        out[t] = close[t - 1] + (offset[t] - offset[t - 1])
    return out


@shared
def is_priced_bar(open_, high, low, close):
    """Whether a bar is finite and positive and its open and close lie inside its range."""
    return low > 0.0 and low <= open_ and low <= close and open_ <= high and close <= high and math.isfinite(high)


@njit(cache=True)
def realised_volatility(open_, high, low, close, before, period, bars_per_year):
    """Volatility a year from the last `period` bars: (close to close, Parkinson, Garman-Klass, Yang-Zhang), each float64[n].

    open_, high, low, close: float64[n] as traded, oldest first; before: float64[n], the close before each bar on the scale of the bar's contract.
    NaN until the window is full (close to close and Yang-Zhang need one bar more) and while it holds an invalid bar or a price that is not positive.
    Parkinson (1980), Journal of Business 53; Garman and Klass (1980), Journal of Business 53; Rogers and Satchell (1991), Annals of Applied Probability 1;
    Yang and Zhang (2000), Journal of Business 73.
    """
    n = close.size
    returns, ranges, garman_klass, yang_zhang = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    overnight, body = np.full(n, np.nan), np.full(n, np.nan)
    for t in range(n):
        if not is_priced_bar(open_[t], high[t], low[t], close[t]):
            continue
        up, down, body[t] = math.log(high[t] / open_[t]), math.log(low[t] / open_[t]), math.log(close[t] / open_[t])
        ranges[t] = (up - down) ** 2
        garman_klass[t] = 0.5 * ranges[t] - (2.0 * math.log(2.0) - 1.0) * body[t] ** 2
        yang_zhang[t] = up * (up - body[t]) + down * (down - body[t])          # Rogers and Satchell's term
        if t > 0 and before[t] > 0.0 and is_priced_bar(open_[t - 1], high[t - 1], low[t - 1], close[t - 1]):
            overnight[t] = math.log(open_[t] / before[t])
            returns[t] = overnight[t] + body[t]
    to_window_variances(returns, period)
    to_window_variances(overnight, period)
    to_window_variances(body, period)
    to_window_sums(ranges, period)
    to_window_sums(garman_klass, period)
    to_window_sums(yang_zhang, period)
    weight = 0.34 / (1.34 + (period + 1.0) / (period - 1.0))
    for t in range(n):
        returns[t] = math.sqrt(returns[t] * bars_per_year)
        ranges[t] = math.sqrt(ranges[t] / (4.0 * period * math.log(2.0)) * bars_per_year)
        garman_klass[t] = math.sqrt(max(garman_klass[t], 0.0) / period * bars_per_year)
        yang_zhang[t] = math.sqrt((overnight[t] + weight * body[t] + (1.0 - weight) * max(yang_zhang[t], 0.0) / period) * bars_per_year)
    return returns, ranges, garman_klass, yang_zhang
