"""Fair value gaps and their life: touched, half filled, filled, inverted, stale."""

import numpy as np
from numba import njit

from pse.kernels.contract import GAP_DTYPE, NEVER
from pse.kernels.rows import LONG, SHORT, ZERO, ge, gt, with_room


@njit(cache=True)
def put_gap(rows, count, direction, t, mid_bar, bottom, top, width_atr, valid, inverse):
    """Writes a newly formed gap into row `count`."""
    new = rows[count]
    new.dir, new.formed_at, new.mid_bar, new.top, new.bottom = direction, t, mid_bar, top, bottom
    new.width_atr, new.valid, new.inverse, new.max_fill = width_atr, valid, inverse, 0.0
    new.touched_at, new.mid_filled_at, new.filled_at = NEVER, NEVER, NEVER
    new.inverted_at, new.stale_at = NEVER, NEVER


@njit(cache=True)
def live_one_bar(rows, i, t, high, low, close, max_age):
    """Moves gap `i` through bar t; returns False when its life ends here (inverted or stale)."""
    gap = rows[i]
    if t - gap.formed_at > max_age:
        gap.stale_at = t
        return False
    near, far = (gap.top, gap.bottom) if gap.dir > 0 else (gap.bottom, gap.top)
    reach = low if gap.dir > 0 else high
    if ge(gap.dir * near, gap.dir * reach):
        gap.touched_at = min(gap.touched_at, t)
        fill = gap.dir * (near - reach) / (gap.top - gap.bottom)
        gap.max_fill = max(gap.max_fill, min(fill, 1.0))
        if ge(gap.dir * 0.5 * (gap.top + gap.bottom), gap.dir * reach):
            gap.mid_filled_at = min(gap.mid_filled_at, t)
        if ge(gap.dir * far, gap.dir * reach):
            gap.filled_at = min(gap.filled_at, t)
            gap.max_fill = 1.0
    if gt(gap.dir * far, gap.dir * close):
        gap.inverted_at = t
        return False
    return True


@njit(cache=True)
def fair_value_gaps(open_, high, low, close, atr_before, session, tick, min_ticks, min_atr, max_atr, max_age, one_session):
    """Every gap with its life as far as the bars go, rows of GAP_DTYPE in order of formed_at.

    Prices and atr_before float64[n] in points, session int64[n].  A gap forms at bar t from bars t-2, t-1, t; it is `valid` when its width is at least
    `min_ticks` and between min_atr and max_atr times the range known before.  From t+1 on the first bar of each event is written; a close through
    the far edge ends it and starts the inverse gap of the other direction over the same zone (`inverse`, same width and validity, its own age; an
    inverse gap that is closed through simply ends).  `stale_at` is the first bar at which the age exceeds max_age; nothing else happens on it.
    """
    n = close.size
    rows, count = np.empty(256, GAP_DTYPE), ZERO
    alive, living = np.empty(64, np.int64), ZERO
    for t in range(n):
        kept, before = 0, count
        for k in range(living):
            i = alive[k]
            if live_one_bar(rows, i, t, high[t], low[t], close[t], max_age):
                alive[kept] = i
                kept += 1
            elif rows[i].inverted_at == t and not rows[i].inverse:
                rows = with_room(rows, count)
                old = rows[i]
                put_gap(rows, count, -old.dir, t, old.mid_bar, old.bottom, old.top, old.width_atr, old.valid, True)
                count += 1
        living = kept
        if t >= 2 and not (one_session and session[t - 2] != session[t]):
            d, bottom, top = ZERO, 0.0, 0.0
            if gt(low[t], high[t - 2]) and close[t - 1] > open_[t - 1]:
                d, bottom, top = LONG, high[t - 2], low[t]
            elif gt(low[t - 2], high[t]) and close[t - 1] < open_[t - 1]:
                d, bottom, top = SHORT, high[t], low[t - 2]
            if d != 0:
                width, scale = top - bottom, atr_before[t]
                width_atr = width / scale if scale > 0.0 else np.nan
                valid = ge(width_atr, min_atr) and ge(max_atr, width_atr) and ge(width, min_ticks * tick)
                rows = with_room(rows, count)
                put_gap(rows, count, d, t, t - 1, bottom, top, width_atr, valid, False)
                count += 1
        for i in range(before, count):
            alive = with_room(alive, living)
            alive[living] = i
            living += 1
    return rows[:count].copy()
