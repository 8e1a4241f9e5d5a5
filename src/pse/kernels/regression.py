"""Regressions over a window of rows: how far columns explain one another, and the slope of one on another."""

import numpy as np
from numba import njit

from pse.kernels.compiled import allocating, hot

SINGULAR = 1e-12                                  # share of a variance that is left: below it nothing is
DOUBTFUL = 1e-3                                   # below it one decomposition for all columns loses too many digits
DUST = 1e-14                                      # a deviation below this share of the mean is rounding


@hot
def is_whole(columns, t):
    """Whether row t holds no NaN."""
    for i in range(columns.shape[0]):
        if columns[i, t] != columns[i, t]:
            return False
    return True


@hot
def take_row(columns, t, base, total, square):
    """Takes row t less `base` into the sums and the sums of products (lower triangle)."""
    for i in range(base.size):
        away = columns[i, t] - base[i]
        total[i] += away
        for j in range(i + 1):
            square[i, j] += away * (columns[j, t] - base[j])


@allocating
def block_moments(columns, first, base, rest_count, rest_total, rest_square, count, square):
    """Writes the moments of the windows that end at the rows of one block; a window is as long as a block.

    columns: float64[k, n]; first: the block's first row; count int64[window] and square float64[window, k, k]: rows without NaN in each window and the lower
    triangle of the sums of products of their deviations from the mean.  base float64[k], written: a row near the block's first one, from which everything is
    measured, so that little is lost when the mean is taken out.  rest_count, rest_total, rest_square: scratch, what each window takes from the block before.
    A window is the end of one block and the beginning of the next: nothing is ever taken out of a running sum.
    """
    k, window, near = base.size, count.size, first
    while near > max(first - window + 1, 0) and not is_whole(columns, near):
        near -= 1
    based = is_whole(columns, near)
    if based:
        for i in range(k):
            base[i] = columns[i, near]
    seen, total, product = 0, np.zeros(k), np.zeros((k, k))
    for place in range(window - 1, -1, -1):                          # of the block before: the rows that follow this place
        rest_count[place] = seen
        for i in range(k):
            rest_total[place, i] = total[i]
            for j in range(i + 1):
                rest_square[place, i, j] = product[i, j]
        t = first - window + place
        if t >= 0 and place > 0 and is_whole(columns, t):
            take_row(columns, t, base, total, product)
            seen += 1
    seen, total, product = 0, np.zeros(k), np.zeros((k, k))
    for place in range(min(window, columns.shape[1] - first)):
        t = first + place
        if is_whole(columns, t):
            if not based:                                            # the first row of all that counts
                based = True
                for i in range(k):
                    base[i] = columns[i, t]
            take_row(columns, t, base, total, product)
            seen += 1
        count[place] = rest_count[place] + seen
        share = 1.0 / max(count[place], 1)
        for i in range(k):
            mean = (rest_total[place, i] + total[i]) * share
            for j in range(i + 1):
                square[place, i, j] = rest_square[place, i, j] + product[i, j] - mean * (rest_total[place, j] + total[j])


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


@hot
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
    rest_count, rest_total, rest_square = np.zeros(window, np.int64), np.zeros((window, k)), np.zeros((window, k, k))
    base, count, square = np.zeros(k), np.zeros(window, np.int64), np.zeros((window, k, k))
    varies, work, share, rows = np.zeros(k, np.bool_), np.zeros((k, k)), np.zeros(k), np.zeros((k, window))
    for first in range(0, n, window):
        block_moments(columns, first, base, rest_count, rest_total, rest_square, count, square)
        for t in range(first, min(first + window, n)):
            place = t - first
            if count[place] >= fewest:
                for i in range(k):
                    varies[i] = square[place, i, i] > count[place] * (DUST * base[i]) ** 2
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
    rest_count, rest_total, rest_square = np.zeros(window, np.int64), np.zeros((window, k)), np.zeros((window, k, k))
    base, count, square = np.zeros(k), np.zeros(window, np.int64), np.zeros((window, k, k))
    for first in range(0, n, window):
        block_moments(columns, first, base, rest_count, rest_total, rest_square, count, square)
        for t in range(first, min(first + window, n)):
            place = t - first
            if count[place] == window and square[place, 1, 1] > window * (DUST * base[1]) ** 2:
                out[t] = square[place, 1, 0] / square[place, 1, 1]
    return out
