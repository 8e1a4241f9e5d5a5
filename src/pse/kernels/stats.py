"""Sums over resampled sessions: the compiled inside of the stationary bootstrap.

Nothing is drawn here; the random bits are an argument.
"""

import numpy as np
from numba import njit

RESTART_BITS = 24
START_BITS = 40


@njit(cache=True)
def stationary_sums(bits, restart, columns, returns):
    """Column sums and maximum drawdown of each resample of the sessions.

    bits: uint64[resamples, n], uniform; the upper 24 bits decide whether a new block starts (with probability
    `restart`, in (0, 1]), the lower 40 where.  columns: float64[n, k]; returns: float64[n], one a session, no NaN.
    The series is read as a circle.
    Returns float64[resamples, k] and float64[resamples] (drawdown <= 0, of the running peak, initial equity included).
    Politis and Romano (1994), The Stationary Bootstrap, JASA 89.
    """
    resamples, n = bits.shape
    k = columns.shape[1]
    sums = np.zeros((resamples, k))
    drawdowns = np.zeros(resamples)
    threshold = np.uint64(restart * 2.0**RESTART_BITS)
    start_mask = np.uint64(2**START_BITS - 1)
    rows, down = np.uint64(n), np.uint64(START_BITS)
    for b in range(resamples):
        equity, peak, worst = 1.0, 1.0, 0.0
        i = 0
        for t in range(n):
            word = bits[b, t]
            if t == 0 or (word >> down) < threshold:
                i = np.int64(((word & start_mask) >> np.uint64(8)) * rows >> np.uint64(32))
            else:
                i = i + 1 if i + 1 < n else 0
            for j in range(k):
                sums[b, j] += columns[i, j]
            equity *= 1.0 + returns[i]
            peak = max(peak, equity)
            worst = min(worst, equity / peak - 1.0)
        drawdowns[b] = worst
    return sums, drawdowns
