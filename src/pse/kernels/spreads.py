"""Bid-ask spread as it shows in highs, lows and closes, without quotes."""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def spread_pairs(high, low, close, offset):
    """(Corwin-Schultz, Abdi-Ranaldo) spread of each bar and the one before it, as a share of the price, each float64[n]; a negative estimate is 0.

    high, low, close: float64[n] as traded, oldest first; offset: float64[n] sum of roll differences so far, by which the older bar is brought to the scale
    of the newer.  NaN first, and where either bar is invalid or not positive.  Corwin-Schultz moves a bar that lies wholly beyond the previous close back to
    it.  Corwin and Schultz (2012), A Simple Way to Estimate Bid-Ask Spreads from Daily High and Low Prices, Journal of Finance 67; Abdi and Ranaldo (2017),
    A Simple Estimation of Bid-Ask Spreads from Daily Close, High, and Low Prices, Review of Financial Studies 30.
    """
    n = close.size
    corwin_schultz, abdi_ranaldo = np.full(n, np.nan), np.full(n, np.nan)
    for t in range(1, n):
        move = offset[t] - offset[t - 1]
        h1, l1, c1, h2, l2, c2 = high[t - 1] + move, low[t - 1] + move, close[t - 1] + move, high[t], low[t], close[t]
        if not (l1 > 0.0 and l1 <= c1 and c1 <= h1 and l2 > 0.0 and l2 <= c2 and c2 <= h2 and math.isfinite(h1 + h2)):
            continue
        centre = -0.5 * math.log(h1 / c1 * (l1 / c1))                  # close less middle of the older bar, in logs
        abdi_ranaldo[t] = 2.0 * math.sqrt(max(-0.5 * centre * math.log(h2 / c1 * (l2 / c1)), 0.0))
        away = max(l2 - c1, 0.0) + min(h2 - c1, 0.0)
        h2, l2 = h2 - away, l2 - away
        # With sqrt(2 beta) - sqrt(beta) = (sqrt 2 - 1) sqrt(beta) and 3 - 2 sqrt 2 = (sqrt 2 - 1)^2 the published alpha is this one.
        beta = math.log(h1 / l1) ** 2 + math.log(h2 / l2) ** 2
        alpha = (math.sqrt(2.0) + 1.0) * (math.sqrt(beta) - math.log(max(h1, h2) / min(l1, l2)))
        corwin_schultz[t] = 2.0 * math.tanh(0.5 * alpha) if alpha > 0.0 else 0.0
    return corwin_schultz, abdi_ranaldo
