"""Regressions over a window of rows: how far columns explain one another, and the slope of one on another."""

import numpy as np
from numba import njit

from pse.kernels.compiled import allocating, inner

SINGULAR = 1e-12                                  # share of a variance that is left: below it nothing is
DOUBTFUL = 1e-3                                   # below it one decomposition for all columns loses too many digits
DUST = 1e-14                                      # a deviation below this share of the mean is rounding


@inner
def take_row(columns, t, count, mean, square):
    """Takes row t into the means and the sums of products of deviations (lower triangle); returns the new count.  A row with NaN is left out."""
    k = columns.shape[0]
    for i in range(k):
        if columns[i, t] != columns[i, t]:
            return count
    share = 1.0 / (count + 1)
    for i in range(k):
        step = columns[i, t] - mean[i]
        mean[i] += step * share
        for j in range(i + 1):
            square[i, j] += step * (columns[j, t] - mean[j])
    return count + 1


@allocating
def block_moments(columns, first, rest_count, rest_mean, rest_square, count, mean, square):
    """Moments of the windows that end at the rows of one block, then what the next block needs of this one; a window is as long as a block.

    columns: float64[k, n]; first: the block's first row.  Written, one entry a place in the block: count int64[window], mean float64[window, k],
    square float64[window, k, k] (lower triangle of the sums of products of deviations).  rest_count, rest_mean, rest_square: the same of the rows of the
    block before that follow each place, zeros before the first block; replaced by this block's.
    A window is the end of one block and the beginning of the next, so nothing is ever subtracted: Chan, Golub and LeVeque (1983), Algorithms for Computing
    the Sample Variance, The American Statistician 37.
    """
    k, last = columns.shape[0], min(first + count.size, columns.shape[1])
    seen, middle, spread = 0, np.zeros(k), np.zeros((k, k))
    for t in range(first, last):
        place = t - first
        seen = take_row(columns, t, seen, middle, spread)
        more = rest_count[place]
        count[place] = seen + more
        weight = more / (seen + more) if more > 0 else 0.0
        for i in range(k):
            apart = rest_mean[place, i] - middle[i]
            mean[place, i] = middle[i] + apart * weight
            for j in range(i + 1):
                between = apart * (rest_mean[place, j] - middle[j]) * weight * seen
                square[place, i, j] = spread[i, j] + rest_square[place, i, j] + between
    seen, middle, spread = 0, np.zeros(k), np.zeros((k, k))
    for t in range(last - 1, first, -1):
        seen = take_row(columns, t, seen, middle, spread)
        rest_count[t - first - 1] = seen
        for i in range(k):
            rest_mean[t - first - 1, i] = middle[i]
            for j in range(i + 1):
                rest_square[t - first - 1, i, j] = spread[i, j]


@allocating
def left_by_others(columns, first, last, varies, column, work):
    """Share of a column's variance that its regression on the others leaves, from rows first..last, those with NaN left out.

    varies: bool[k], others have no part; work: float64[k, window], overwritten.  The columns are made orthogonal one after the other, which keeps twice the
    digits that sums of products keep; a regressor that those before it explain whole is passed over.
    """
    k, count = varies.size, 0
    for t in range(first, last + 1):
        whole = True
        for i in range(k):
            work[i, count] = columns[i, t]
            whole = whole and columns[i, t] == columns[i, t]
        count += whole
    squares = np.zeros(k)
    for i in range(k):
        mean = 0.0
        for t in range(count):
            mean += work[i, t] / count
        for t in range(count):
            work[i, t] -= mean
            squares[i] += work[i, t] * work[i, t]
    for p in range(k):
        if p == column or not varies[p]:
            continue
        square = 0.0
        for t in range(count):
            square += work[p, t] * work[p, t]
        if not square > SINGULAR * squares[p]:
            continue
        for i in range(k):
            if i > p or i == column:
                product = 0.0
                for t in range(count):
                    product += work[p, t] * work[i, t]
                for t in range(count):
                    work[i, t] -= product / square * work[p, t]
    square = 0.0
    for t in range(count):
        square += work[column, t] * work[column, t]
    return square / squares[column]


@inner
def inflation(square, place, varies, work, share, out, t):
    """Writes each column's variance inflation factor of row t into out[:, t]: its variance times the diagonal of the inverse, from one decomposition L D L'.

    square: sums of products of deviations, at `place` (lower triangle); varies: bool[k], others have no part and get NaN; work: float64[k, k] and share:
    float64[k], overwritten.  Returns False, with nothing of use written, where too few digits would be left.
    """
    k = varies.size
    for i in range(k):
        pivot = square[place, i, i]
        for j in range(i):
            value = square[place, i, j] if varies[i] and varies[j] else 0.0
            for p in range(j):
                value -= work[i, p] * work[j, p]
            work[i, j] = value                                       # L times D until the row is done
        for j in range(i):
            scaled = work[i, j] * share[j]
            pivot -= scaled * work[i, j]
            work[i, j] = scaled
        if varies[i] and not pivot > DOUBTFUL * square[place, i, i]:
            return False
        share[i] = 1.0 / pivot if varies[i] else 0.0
        out[i, t] = share[i]
    for i in range(1, k):                                            # L in place by its inverse, row by row; the diagonal is 1
        for j in range(i):
            value = work[i, j]
            for p in range(j + 1, i):
                value += work[i, p] * work[p, j]
            work[i, j] = -value
            out[j, t] += value * value * share[i]
    for j in range(k):
        out[j, t] = out[j, t] * square[place, j, j] if varies[j] else np.nan
    return True


@njit(cache=True)
def rolling_inflation(columns, window, fewest):
    """Variance inflation factor of each column over the last `window` rows, float64[k, n]: 1 / (1 - R^2) of its regression, with intercept, on the others.

    columns: float64[k, n], oldest first.  Rows with a NaN are left out; NaN while fewer than `fewest` are left, and for a column that does not vary,
    which is then no regressor either; +inf where the others leave less than SINGULAR of its variance.
    Belsley, Kuh and Welsch (1980), Regression Diagnostics, ch. 3.
    """
    k, n = columns.shape
    out = np.full((k, n), np.nan)
    rest_count, rest_mean, rest_square = np.zeros(window, np.int64), np.zeros((window, k)), np.zeros((window, k, k))
    count, mean, square = np.zeros(window, np.int64), np.zeros((window, k)), np.zeros((window, k, k))
    varies, work, share, rows = np.zeros(k, np.bool_), np.zeros((k, k)), np.zeros(k), np.zeros((k, window))
    for first in range(0, n, window):
        block_moments(columns, first, rest_count, rest_mean, rest_square, count, mean, square)
        for t in range(first, min(first + window, n)):
            place = t - first
            if count[place] >= fewest:
                for i in range(k):
                    varies[i] = square[place, i, i] > count[place] * (DUST * mean[place, i]) ** 2
                if not inflation(square, place, varies, work, share, out, t):
                    for i in range(k):
                        left = left_by_others(columns, max(t - window + 1, 0), t, varies, i, rows) if varies[i] else np.nan
                        out[i, t] = np.inf if left < SINGULAR else 1.0 / left
    return out


@njit(cache=True)
def rolling_slope(columns, window):
    """Slope of the regression of column 0 on column 1 over the last `window` rows, float64[n]: their covariance over the variance of column 1.

    columns: float64[2, n], oldest first.  NaN until the window is full, with a NaN in it, and where column 1 does not vary.
    """
    k, n = columns.shape
    out = np.full(n, np.nan)
    rest_count, rest_mean, rest_square = np.zeros(window, np.int64), np.zeros((window, k)), np.zeros((window, k, k))
    count, mean, square = np.zeros(window, np.int64), np.zeros((window, k)), np.zeros((window, k, k))
    for first in range(0, n, window):
        block_moments(columns, first, rest_count, rest_mean, rest_square, count, mean, square)
        for t in range(first, min(first + window, n)):
            place = t - first
            if count[place] == window and square[place, 1, 1] > window * (DUST * mean[place, 1]) ** 2:
                out[t] = square[place, 1, 0] / square[place, 1, 1]
    return out
