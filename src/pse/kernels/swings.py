"""Swing points, how each compares with the one before, and which of them an alternating view keeps."""

import numpy as np
from numba import njit

from pse.kernels.contract import EQUAL, FIRST, HIGHER, LOWER, PIVOT_DTYPE
from pse.kernels.rows import ZERO, ge, gt, with_room


@njit(cache=True)
def is_swing(values, i, left, right, sign):
    """Whether sign*values[i] exceeds the `left` values before it and is not exceeded by the `right` values after it; false with NaN."""
    here = sign * values[i]
    for k in range(1, left + 1):
        if not gt(here, sign * values[i - k]):
            return False
    for k in range(1, right + 1):
        if not ge(here, sign * values[i + k]):
            return False
    return True


@njit(cache=True)
def swings(open_, high, low, close, session, left, right, one_session):
    """Swing highs and lows in time order, rows of PIVOT_DTYPE, each known at bar idx + right.

    Prices float64[n], session int64[n].  Left side strict, right side not: the first bar of a flat top is the pivot.  A bar that is both counts as low
    then high when it closed at or above its open.  A NaN in the window, or with `one_session` a session break in it: no pivot.
    """
    rows, count = np.empty(256, PIVOT_DTYPE), ZERO
    for i in range(left, high.size - right):
        is_high = is_swing(high, i, left, right, 1.0)
        is_low = is_swing(low, i, left, right, -1.0)
        if not (is_high or is_low) or (one_session and session[i - left] != session[i + right]):
            continue
        low_first = is_low and (not is_high or close[i] >= open_[i])
        for turn in range(2):
            wants_low = low_first == (turn == 0)
            if (wants_low and not is_low) or (not wants_low and not is_high):
                continue
            rows = with_room(rows, count)
            rows[count].idx, rows[count].confirmed_at = i, i + right
            rows[count].kind = -1 if wants_low else 1
            rows[count].price = low[i] if wants_low else high[i]
            rows[count].label = FIRST
            count += 1
    return rows[:count].copy()


@njit(cache=True)
def label_swings(pivots, atr_before, tolerance_atr):
    """Writes each pivot's label: higher, lower or equal to the previous one of its kind, in place.

    atr_before: float64[n], points; equal means within tolerance_atr of it at the confirming bar (0 while NaN).
    """
    last_high, last_low = np.nan, np.nan
    for i in range(pivots.size):
        tolerance = tolerance_atr * atr_before[pivots[i].confirmed_at]
        if not tolerance > 0.0:
            tolerance = 0.0
        before = last_high if pivots[i].kind > 0 else last_low
        change = pivots[i].price - before
        if change != change:
            pivots[i].label = FIRST
        elif ge(tolerance, abs(change)):
            pivots[i].label = EQUAL
        else:
            pivots[i].label = HIGHER if change > 0.0 else LOWER
        if pivots[i].kind > 0:
            last_high = pivots[i].price
        else:
            last_low = pivots[i].price


@njit(cache=True)
def last_swing_prices(pivots, n):
    """Price of the last confirmed swing high and low at each of n bars, two float64[n]; NaN before the first."""
    highs, lows = np.empty(n), np.empty(n)
    last_high, last_low, row = np.nan, np.nan, 0
    for t in range(n):
        while row < pivots.size and pivots[row].confirmed_at <= t:
            if pivots[row].kind > 0:
                last_high = pivots[row].price
            else:
                last_low = pivots[row].price
            row += 1
        highs[t], lows[t] = last_high, last_low
    return highs, lows
