"""Bands around a mean, and the highest and lowest of a window.

The windows that end in one block of `period` bars are the end of the block before and the beginning of this one: no sum is ever subtracted from, so that
nothing is lost in a long series, and a NaN spoils the windows that hold it and no other.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def bollinger_into(close, period, width, middle, upper, lower):
    """Mean of the last `period` closes and `width` population standard deviations around it, in points; all arrays float64[n], oldest first.

    NaN before bar period-1 and with a NaN in the window; no width at all over equal closes.  Bollinger (2001), Bollinger on Bollinger Bands.
    """
    n, share = close.size, 1.0 / period
    sums, squares = np.zeros(period + 1), np.zeros(period + 1)                  # of what follows each place of the block before
    for start in range(0, n, period):
        base, total, square = close[start], 0.0, 0.0                            # the block's first close lies in each of its windows
        for j in range(period - 1, 0, -1):
            away = close[start - period + j] - base if start > 0 else np.nan
            total += away
            square += away * away
            sums[j], squares[j] = total, square
        total, square = 0.0, 0.0
        for k in range(min(period, n - start)):
            away = close[start + k] - base
            total += away
            square += away * away
            mean = (sums[k + 1] + total) * share
            variance = (squares[k + 1] + square) * share - mean * mean
            reach = 0.0 if variance < 0.0 else width * math.sqrt(variance)      # rounding may end below 0; NaN stays
            mean += base
            middle[start + k], upper[start + k], lower[start + k] = mean, mean + reach, mean - reach


def bollinger(close, period, width):
    """`bollinger_into` three new arrays: middle, upper, lower."""
    middle, upper, lower = np.empty(close.size), np.empty(close.size), np.empty(close.size)
    bollinger_into(close, period, width, middle, upper, lower)
    return middle, upper, lower


@njit(cache=True)
def place_between(values, upper, lower):
    """Where each value stands between two bands, float64[n]: 0 at the lower, 1 at the upper, beyond them outside; 0.5 where they have no width; NaN of NaN."""
    place = np.empty(values.size)
    for t in range(values.size):
        between = upper[t] - lower[t]
        place[t] = (values[t] - lower[t]) / between if between != 0.0 else 0.5
    return place


@njit(cache=True)
def highest_into(values, period, sign, out):
    """Highest of the last `period` values (sign 1.0), or lowest (sign -1.0); NaN before bar period-1 and with a NaN in the window.

    values, out: float64[n], oldest first.  van Herk (1992), A fast algorithm for local minimum and maximum filters.
    """
    best = np.empty(period + 1)
    for start in range(0, values.size, period):
        most = -np.inf
        best[period] = most
        for j in range(period - 1, 0, -1):
            t = start - period + j
            here = sign * values[t] if t >= 0 else np.nan
            if here > most or here != here:       # a NaN, once taken, is never passed
                most = here
            best[j] = most
        most = -np.inf
        for k in range(min(period, values.size - start)):
            here = sign * values[start + k]
            if here > most or here != here:
                most = here
            earlier = best[k + 1]
            out[start + k] = sign * (earlier if earlier > most or earlier != earlier else most)


def highest(values, period, sign):
    """`highest_into` a new array."""
    out = np.empty(values.size)
    highest_into(values, period, sign, out)
    return out
