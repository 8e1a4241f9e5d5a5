"""Wilder's true range and average true range, and the scale every event is measured by."""

import math

import numpy as np
from numba import njit

from pse.kernels.compiled import shared


@shared
def is_valid_bar(high, low, close):
    """Whether a bar is finite and its close lies inside its range."""
    return low <= close and close <= high and math.isfinite(high - low)


@njit(cache=True)
def true_range(high, low, close, gap_in_tr):
    """True range in points, float64[n]; high - low on the first valid bar and everywhere without `gap_in_tr`; NaN at an invalid bar.

    high, low, close: float64[n], oldest first.  Wilder (1978), New Concepts in Technical Trading Systems, ch. III.
    """
    tr = np.full(high.size, np.nan)
    last = np.nan                                 # close of the last valid bar
    for t in range(high.size):
        if not is_valid_bar(high[t], low[t], close[t]):
            continue
        tr[t] = high[t] - low[t]
        if gap_in_tr and last == last:
            tr[t] = max(tr[t], abs(high[t] - last), abs(low[t] - last))
        last = close[t]
    return tr


@njit(cache=True)
def wilder_atr_into(high, low, close, period, gap_in_tr, out):
    """Wilder's average true range in points; NaN before the `period`-th bar after the first and at an invalid bar.  Arrays float64[n], oldest first.

    The seed is the mean of the `period` true ranges after the first bar's; an invalid bar leaves the state as it was.
    Wilder (1978), New Concepts in Technical Trading Systems, ch. III.
    """
    share, last, mean, seen = 1.0 / period, np.nan, 0.0, -1
    rest = 1.0 - share
    for t in range(high.size):
        top, bottom, here = high[t], low[t], close[t]
        if not is_valid_bar(top, bottom, here):
            out[t] = np.nan
            continue
        if gap_in_tr:
            top, bottom = max(top, last), min(bottom, last)         # the first bar's NaN is never taken
        last = here
        seen += 1
        if seen > period:
            mean = mean * rest + (top - bottom) * share
        elif seen > 0:
            mean += (top - bottom) * share
        out[t] = mean if seen >= period else np.nan


def wilder_atr(high, low, close, period, gap_in_tr):
    """`wilder_atr_into` a new array: numpy asks the system for large pages, compiled code does not, and that costs as much as the arithmetic."""
    out = np.empty(high.size)
    wilder_atr_into(high, low, close, period, gap_in_tr, out)
    return out


@njit(cache=True)
def previous(values):
    """Each value one bar later, NaN first: the range known before the bar, so that a large bar does not shrink its own score."""
    out = np.empty(values.size)
    for t in range(values.size):
        out[t] = values[t - 1] if t > 0 else np.nan
    return out
