"""Who pressed, buyers or sellers, as closes and volumes show it."""

import math

import numpy as np
from numba import njit

from pse.kernels.rolling import to_window_sums, to_window_variances

# 2 Phi(z) - 1 as cubic pieces that meet the curve and its slope at both ends (error below 2e-11): the deviation of its window scales every move again on
# every bar, and the error function itself would take most of the time.
PIECES, REACH = 128, 7                            # pieces a deviation; from REACH deviations on it is 1


def normal_pieces():
    """Coefficients of each piece in powers of the place inside it, float64[REACH * PIECES + 1, 4]; the last piece is 1."""
    z = np.arange(REACH * PIECES + 1) / PIECES
    value = np.array([math.erf(x / math.sqrt(2.0)) for x in z])
    slope = math.sqrt(2.0 / math.pi) * np.exp(-0.5 * z * z) / PIECES
    rise = np.diff(value)
    pieces = np.column_stack([value[:-1], slope[:-1], 3.0 * rise - 2.0 * slope[:-1] - slope[1:], slope[:-1] + slope[1:] - 2.0 * rise])
    return np.vstack([pieces, [[1.0, 0.0, 0.0, 0.0]]])


NORMAL = normal_pieces()


@njit(cache=True)
def money_flow(high, low, close, volume, period):
    """Chaikin's money flow, float64[n]: place of the close in the bar's range, -1 to 1, weighted by volume over `period` bars.

    high, low, close, volume: float64[n], oldest first.  A bar without range counts as in the middle.  NaN until the window is full, with a NaN in it, and
    where nothing was traded.
    """
    flow, total = np.empty(close.size), volume.copy()
    for t in range(close.size):
        span = high[t] - low[t]
        flow[t] = ((close[t] - low[t]) - (high[t] - close[t])) / span * volume[t] if span != 0.0 else (close[t] - close[t]) + 0.0 * volume[t]
    to_window_sums(flow, period)
    to_window_sums(total, period)
    for t in range(close.size):
        flow[t] = flow[t] / total[t] if total[t] > 0.0 else np.nan
    return flow


@njit(cache=True)
def bulk_imbalance(close, volume, period):
    """Share of the volume of `period` bars that was bought less the share that was sold, float64[n], -1 to 1.

    close, volume: float64[n], oldest first; period >= 2.  Of each bar's volume 2 Phi(dC / s) - 1 is bought less sold, s the sample deviation of the
    window's changes; 0 where s is 0.  NaN for the first `period` bars, with a NaN in the window, and where nothing was traded.
    Easley, Lopez de Prado and O'Hara (2012), Flow Toxicity and Liquidity in a High-Frequency World, Review of Financial Studies 25.
    """
    n = close.size
    variance, pieces, signed, total = np.full(n, np.nan), np.empty(n), np.empty(n), volume.copy()
    for t in range(1, n):
        variance[t] = close[t] - close[t - 1]
        pieces[t] = abs(variance[t]) * PIECES                        # of one deviation of 1
        signed[t] = math.copysign(volume[t], variance[t])
    to_window_variances(variance, period)
    to_window_sums(total, period)
    out = np.full(n, np.nan)
    for t in range(period, n):
        if not (total[t] > 0.0 and variance[t] >= 0.0):
            continue
        bought, scale = 0.0, 1.0 / math.sqrt(variance[t]) if variance[t] > 0.0 else 0.0
        for i in range(t - period + 1, t + 1):
            at = min(pieces[i] * scale, REACH * PIECES + 0.0)
            piece = int(at)
            x = at - piece
            bought += signed[i] * (NORMAL[piece, 0] + x * (NORMAL[piece, 1] + x * (NORMAL[piece, 2] + x * NORMAL[piece, 3])))
        out[t] = bought / total[t]
    return out
