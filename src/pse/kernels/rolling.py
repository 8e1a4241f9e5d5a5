"""Values over a window of present bars."""

import numpy as np
from numba import njit


@njit(cache=True)
def relative_volume(volume, period):
    """Volume over the mean volume of the `period` bars before it, float64[n].

    volume: float64[n], oldest first.  NaN for the first `period` bars, with a NaN in the window, and where that mean is zero.
    """
    out = np.full(volume.size, np.nan)
    for t in range(period, volume.size):
        total = 0.0
        for i in range(t - period, t):
            total += volume[i]
        if total > 0.0:
            out[t] = volume[t] * period / total
    return out
