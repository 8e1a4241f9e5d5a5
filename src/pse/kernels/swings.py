"""Swing points, how each compares with the one before, and which of them an alternating view keeps."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import EQUAL, FIRST, HIGHER, LOWER, NEVER, PIVOT_DTYPE
from pse.kernels.rows import ZERO, ge, gt, with_room


@shared
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


@shared
def block_swing(values, begin, past, left, right, sign):
    """Bar of the swing among begin..past-1, at most one more than the shorter side long, so that there is one at most; -1 without.

    The only bar that can be it is the first of the block's farthest values; a NaN in the block lies in the window of every bar of it.
    """
    at = begin
    for k in range(begin + 1, past):
        if gt(sign * values[k], sign * values[at]):
            at = k
    if at < left or at >= values.size - right:
        return -1
    return at if is_swing(values, at, left, right, sign) else -1


@shared
def put_swing(rows, count, kind, idx, confirmed_at, price):
    """Writes a newly confirmed swing into row `count`."""
    new = rows[count]
    new.idx, new.confirmed_at, new.kind, new.price, new.label, new.superseded_at = idx, confirmed_at, kind, price, FIRST, NEVER


@njit(cache=True)
def swings(open_, high, low, close, session, left, right, one_session):
    """Swing highs and lows in time order, rows of PIVOT_DTYPE, each known at bar idx + right; no label and nothing superseded yet.

    Prices float64[n], session int64[n].  Left side strict, right side not: the first bar of a flat top is the pivot.  A bar that is both counts as low
    then high when it closed at or above its open.  A NaN in the window, or with `one_session` a session break in it: no pivot.
    Two swings of a kind lie farther apart than the shorter side, so each block of that length is asked for its one candidate (Neubeck and Van Gool
    2006, Efficient Non-Maximum Suppression).
    """
    rows, count = np.empty(256, PIVOT_DTYPE), ZERO
    n, length = high.size, min(left, right) + 1
    for begin in range(0, n - right, length):
        past = min(begin + length, n)
        top = block_swing(high, begin, past, left, right, 1.0)
        bottom = block_swing(low, begin, past, left, right, -1.0)
        if one_session:
            if top >= 0 and session[top - left] != session[top + right]:
                top = -1
            if bottom >= 0 and session[bottom - left] != session[bottom + right]:
                bottom = -1
        if top < 0 and bottom < 0:
            continue
        rows = with_room(rows, count + 1)
        low_first = bottom >= 0 and (top < 0 or bottom < top or (bottom == top and close[top] >= open_[top]))
        if low_first:
            put_swing(rows, count, -1, bottom, bottom + right, low[bottom])
            count += 1
        if top >= 0:
            put_swing(rows, count, 1, top, top + right, high[top])
            count += 1
        if bottom >= 0 and not low_first:
            put_swing(rows, count, -1, bottom, bottom + right, low[bottom])
            count += 1
    return rows[:count].copy()


@njit(cache=True)
def mark_superseded(pivots):
    """Writes from which bar on an alternating view leaves a pivot out, in place; NEVER for those that it keeps.

    Of consecutive pivots of one kind the more extreme is current, the first on ties: a later and better one supersedes the current one when it is
    confirmed, any other is superseded at its own confirmation.
    """
    current = -1
    for i in range(pivots.size):
        pivots[i].superseded_at = NEVER
        if current < 0 or pivots[i].kind != pivots[current].kind:
            current = i
        elif gt(pivots[i].kind * pivots[i].price, pivots[i].kind * pivots[current].price):
            pivots[current].superseded_at = pivots[i].confirmed_at
            current = i
        else:
            pivots[i].superseded_at = pivots[i].confirmed_at


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


@njit(cache=True)
def alternating_view(pivots, n):
    """Last swing high, last swing low and kind of the last swing of the alternating view at each of n bars: float64[n] twice, int64[n] (0 before the first).

    Superseded pivots count until the bar at which they were; the view of a bar never changes afterwards.
    """
    highs, lows, kinds = np.empty(n), np.empty(n), np.empty(n, np.int64)
    last_high, last_low, kind, row = np.nan, np.nan, ZERO, ZERO
    for t in range(n):
        while row < pivots.size and pivots[row].confirmed_at <= t:
            pivot = pivots[row]
            row += 1
            if pivot.superseded_at == pivot.confirmed_at:         # never current
                continue
            kind = pivot.kind
            if kind > 0:
                last_high = pivot.price
            else:
                last_low = pivot.price
        highs[t], lows[t], kinds[t] = last_high, last_low, kind
    return highs, lows, kinds
