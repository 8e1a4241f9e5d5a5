"""Gaps between the open of a session and the close before it, and the bar that fills each."""

import numpy as np
from numba import njit

from pse.kernels.codes import OPEN_FULL_DOWN, OPEN_FULL_UP, OPEN_NONE, OPEN_PARTIAL_DOWN, OPEN_PARTIAL_UP
from pse.kernels.compiled import shared
from pse.kernels.contract import NEVER
from pse.kernels.rows import ge, gt, heap_pop, heap_push

OPEN_UNKNOWN = np.int64(0)

OPENING_GAP_DTYPE = np.dtype([
    ("t", np.int64),             # first bar of the session, which makes it known at its close
    ("points", np.float64),      # open less the close before
    ("level", np.float64),       # that close, forward adjusted: where the gap is filled
    ("kind", np.int64),          # code of GAP_KINDS
    ("filled_at", np.int64),     # first bar whose range reaches the level, NEVER until then
])


@shared
def gap_kind(open_, before, top, bottom):
    """What an open is beside the close, the high and the low of the session before."""
    if gt(open_, top):
        return OPEN_FULL_UP
    if gt(bottom, open_):
        return OPEN_FULL_DOWN
    if gt(open_, before):
        return OPEN_PARTIAL_UP
    return OPEN_PARTIAL_DOWN if gt(before, open_) else OPEN_NONE


@njit(cache=True)
def opening_gaps(open_, high, low, close, session, roll):
    """One row of OPENING_GAP_DTYPE a session that has bars: the gap at its first bar.

    open_, high, low, close: float64[n] forward adjusted, oldest first; session: int64[n], counted without leaving out a trading day of the calendar; roll:
    bool[n].  No gap (points NaN) in the first session, after trading days without bars and where a contract begins (kind NONE), nor where the open or the
    close before it is NaN (UNKNOWN).  Bars that are NaN fill nothing and do not count for the range of their session.
    """
    count = 0
    for t in range(session.size):
        count += t == 0 or session[t] != session[t - 1]
    gaps = np.empty(count, OPENING_GAP_DTYPE)
    keys, rows, sizes = np.empty((2, count)), np.empty((2, count), np.int64), np.zeros(2, np.int64)      # not filled yet: gaps up, gaps down
    row, top, bottom = -1, -np.inf, np.inf                           # range of the session so far
    for t in range(session.size):
        if t == 0 or session[t] != session[t - 1]:
            row += 1
            new = gaps[row]
            new.t, new.points, new.level, new.kind, new.filled_at = t, np.nan, np.nan, OPEN_NONE, NEVER
            if t > 0 and session[t] - session[t - 1] == 1 and not roll[t]:
                new.points, new.level, new.kind = open_[t] - close[t - 1], close[t - 1], OPEN_UNKNOWN
            if new.points == new.points:
                new.kind = gap_kind(open_[t], new.level, top, bottom)
                side, key = (0, -new.level) if new.points >= 0.0 else (1, new.level)
                sizes[side] = heap_push(keys[side], rows[side], sizes[side], key, row)
            top, bottom = -np.inf, np.inf
        if high[t] > top:
            top = high[t]
        if low[t] < bottom:
            bottom = low[t]
        for side in range(2):
            reach = -low[t] if side == 0 else high[t]
            while sizes[side] > 0 and ge(reach, keys[side, 0]):
                gaps[rows[side, 0]].filled_at = t
                sizes[side] = heap_pop(keys[side], rows[side], sizes[side])
    return gaps
