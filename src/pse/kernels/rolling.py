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


@njit(cache=True)
def to_window_sums(values, period):
    """Replaces each value by the sum of the last `period` ones; NaN before there are as many and where one of them is NaN.

    values: float64[n], oldest first, changed in place.  A window is the end of one block of `period` values and the beginning of the next, blocks counted
    from the first value: nothing is ever subtracted, so a sum carries the rounding of its own window only, and each value is added twice whatever the
    period is.
    """
    block, rest = np.empty(period), np.empty(period)                   # of the block: its values; what follows each place in it
    head, place = 0.0, 0
    for t in range(values.size):
        block[place] = values[t]
        head = head + values[t] if place > 0 else values[t]
        if place < period - 1:
            values[t] = rest[place] + head if t >= period else np.nan
            place += 1
            continue
        values[t] = head
        tail = 0.0
        for i in range(period - 1, 0, -1):
            tail += block[i]
            rest[i - 1] = tail
        place = 0


@njit(cache=True)
def to_window_variances(values, period):
    """Replaces each value by the sample variance (n - 1) of the last `period` ones; NaN before there are as many and where one of them is NaN.

    values: float64[n], oldest first, changed in place; period >= 2.  Blocks as in `to_window_sums`, each with a running mean; two parts are put together as
    in Chan, Golub and LeVeque (1983), Algorithms for Computing the Sample Variance, The American Statistician 37.
    """
    block, rest_mean, rest_square = np.empty(period), np.empty(period), np.empty(period)
    mean, square, place = 0.0, 0.0, 0                                  # of the block so far: mean, sum of squared deviations
    for t in range(values.size):
        x = values[t]
        block[place] = x
        if place == 0:
            mean, square = 0.0, 0.0
        step = x - mean
        mean += step / (place + 1)
        square += step * (x - mean)
        if place < period - 1:
            apart = mean - rest_mean[place]
            between = apart * apart * (place + 1) * (period - 1 - place) / period
            values[t] = (rest_square[place] + square + between) / (period - 1) if t >= period else np.nan
            place += 1
            continue
        values[t] = square / (period - 1)
        tail_mean, tail_square = 0.0, 0.0
        for i in range(period - 1, 0, -1):
            step = block[i] - tail_mean
            tail_mean += step / (period - i)
            tail_square += step * (block[i] - tail_mean)
            rest_mean[i - 1], rest_square[i - 1] = tail_mean, tail_square
        place = 0
