"""Volume-weighted average price since the start of a session."""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def session_vwap(high, low, close, volume, session, inside):
    """(mean, standard deviation) of the typical price (H + L + C) / 3 weighted by volume since the session's first bar, each float64[n], in points.

    high, low, close, volume: float64[n], oldest first; session: int64[n]; inside: bool[n], the bars that count.  NaN outside, while no volume was seen, and
    at an invalid bar or one of unknown volume, which leaves the state as it was; a bar without volume changes nothing.
    West (1979), Updating Mean and Variance Estimates, Communications of the ACM 22.
    """
    n = close.size
    vwap, deviation = np.full(n, np.nan), np.full(n, np.nan)
    weight, mean, square = 0.0, 0.0, 0.0
    for t in range(n):
        if t > 0 and session[t] != session[t - 1]:
            weight, mean, square = 0.0, 0.0, 0.0
        valid = low[t] <= close[t] and close[t] <= high[t] and math.isfinite(high[t] - low[t]) and volume[t] >= 0.0
        if not (inside[t] and valid):
            continue
        if volume[t] > 0.0:
            typical = (high[t] + low[t] + close[t]) / 3.0
            weight += volume[t]
            step = typical - mean
            mean += step * (volume[t] / weight)
            square += volume[t] * step * (typical - mean)
        if weight > 0.0:
            vwap[t], deviation[t] = mean, math.sqrt(max(square, 0.0) / weight)
    return vwap, deviation


@njit(cache=True)
def session_slope(values, scale, session, bars):
    """Change over `bars` bars of one session, in units of `scale`, float64[n]; NaN where the session is younger or the scale is not positive.

    values, scale: float64[n], oldest first; session: int64[n].
    """
    out = np.full(values.size, np.nan)
    for t in range(bars, values.size):
        if session[t] == session[t - bars] and scale[t] > 0.0:
            out[t] = (values[t] - values[t - bars]) / scale[t]
    return out
