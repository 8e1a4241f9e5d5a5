"""Fair value gaps and their life: touched, half filled, filled, inverted, stale."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import GAP_DTYPE, NEVER
from pse.kernels.rows import EPS, LONG, SHORT, ZERO, ge, gt, with_room

UP, DOWN, FILLED = np.int64(0), np.int64(1), np.int64(2)          # lists of open gaps: up, down, and the filled ones of each


@shared
def three_bar_gap(open_, high, low, close, t):
    """Direction (0: none), bottom and top of the zone that bars t-2, t-1 and t leave untraded, the middle one closing with it."""
    if gt(low[t], high[t - 2]) and close[t - 1] > open_[t - 1]:
        return LONG, high[t - 2], low[t]
    if gt(low[t - 2], high[t]) and close[t - 1] < open_[t - 1]:
        return SHORT, high[t], low[t - 2]
    return ZERO, 0.0, 0.0


@shared
def width_in_atr(width, scale):
    """Width of a gap in units of the range known before it; NaN without one."""
    return width / scale if scale > 0.0 else np.nan


@shared
def is_valid_width(width, width_atr, tick, min_ticks, min_atr, max_atr):
    """Whether a gap is neither too narrow nor too wide, bounds taken in."""
    return ge(width_atr, min_atr) and ge(max_atr, width_atr) and ge(width, min_ticks * tick)


@shared
def put_gap(rows, count, direction, t, mid_bar, bottom, top, width_atr, valid, inverse):
    """Writes a newly formed gap into row `count`."""
    new = rows[count]
    new.dir, new.formed_at, new.mid_bar, new.top, new.bottom = direction, t, mid_bar, top, bottom
    new.width_atr, new.valid, new.inverse, new.max_fill = width_atr, valid, inverse, 0.0
    new.touched_at, new.mid_filled_at, new.filled_at = NEVER, NEVER, NEVER
    new.inverted_at, new.stale_at = NEVER, NEVER


@shared
def reach_into(zone, reach, t):
    """Writes how far bar t came into a zone (a gap or a block); `reach` is its low for a long, its high for a short."""
    d = zone.dir
    near, far = (zone.top, zone.bottom) if d > 0 else (zone.bottom, zone.top)
    if not ge(d * near, d * reach):
        return
    zone.touched_at = min(zone.touched_at, t)
    if ge(d * 0.5 * (zone.top + zone.bottom), d * reach):
        zone.mid_filled_at = min(zone.mid_filled_at, t)
    if ge(d * far, d * reach):
        zone.filled_at = min(zone.filled_at, t)
        zone.max_fill = 1.0
    else:
        zone.max_fill = max(zone.max_fill, d * (near - reach) / (zone.top - zone.bottom))         # not filled, so it has a width


@shared
def put_open(keys, who, sizes, place, key, i):
    """Puts gap `i` into list `place`, keys rising."""
    k = sizes[place]
    while k > 0 and keys[place, k - 1] > key:
        keys[place, k], who[place, k] = keys[place, k - 1], who[place, k - 1]
        k -= 1
    keys[place, k], who[place, k] = key, i
    sizes[place] += 1


@shared
def put_born(rows, keys, who, sizes, i):
    """Puts a newly formed gap into the list of its direction, by its near edge."""
    gap = rows[i]
    if gap.dir > 0:
        put_open(keys, who, sizes, UP, gap.top, i)
    else:
        put_open(keys, who, sizes, DOWN, -gap.bottom, i)


@shared
def take_reached(rows, keys, who, sizes, place, sign, reach, t, max_age):
    """Takes the open gaps of one direction through a bar that reaches some of them.

    Keys are sign * the price that a bar must reach to change the gap (its near edge, later the farthest price seen in it), so those that are reached
    stand at the end.  A stale gap is let go, a filled one goes to the list of those that a close can invert, by its far edge.
    """
    size = sizes[place]
    first = size
    while first > 0 and sign * reach <= keys[place, first - 1] + EPS:
        first -= 1
    kept = first
    for k in range(first, size):
        i = who[place, k]
        gap = rows[i]
        if t - gap.formed_at > max_age:
            gap.stale_at = gap.formed_at + max_age + 1
            continue
        reach_into(gap, reach, t)
        if gap.filled_at == t:
            put_open(keys, who, sizes, place + FILLED, sign * (gap.bottom if sign > 0 else gap.top), i)
            continue
        keys[place, kept], who[place, kept] = min(keys[place, k], sign * reach), i
        kept += 1
    sizes[place] = kept


@shared
def take_inverted(rows, count, keys, who, sizes, place, sign, close, t, max_age, born):
    """Ends the filled gaps of one direction whose far edge the close passed; lists in `born`, oldest first, those that start an inverse gap.

    Returns how many are listed, of both directions.
    """
    size = sizes[place]
    while size > 0 and keys[place, size - 1] > sign * close + EPS:
        size -= 1
        i = who[place, size]
        gap = rows[i]
        if t - gap.formed_at > max_age:
            gap.stale_at = gap.formed_at + max_age + 1
            continue
        gap.inverted_at = t
        if gap.inverse:
            continue
        k = count
        while k > 0 and born[k - 1] > i:
            born[k] = born[k - 1]
            k -= 1
        born[k] = i
        count += 1
    sizes[place] = size
    return count


@shared
def mark_stale(rows, who, sizes, n, max_age):
    """Writes the end of the gaps that no bar came back to."""
    for place in range(4):
        for k in range(sizes[place]):
            gap = rows[who[place, k]]
            if gap.formed_at + max_age + 1 < n:
                gap.stale_at = gap.formed_at + max_age + 1


@shared
def wider(lists, sizes):
    """A copy of a table of lists with twice the room."""
    out = np.empty((lists.shape[0], 2 * lists.shape[1]), lists.dtype)
    for place in range(sizes.size):
        for k in range(sizes[place]):
            out[place, k] = lists[place, k]
    return out


@shared
def follow_gaps(open_, high, low, close, atr_before, session, tick, min_ticks, min_atr, max_atr, max_age, one_session, t, rows, count, keys, who, sizes, born):
    """Goes on at bar t until the bars or the room for rows end; returns (next bar, number of rows)."""
    while t < close.size and 2 * count + 2 <= rows.size:          # every gap of before may start an inverse one, and a new one may form
        if sizes[UP] > 0 and low[t] <= keys[UP, sizes[UP] - 1] + EPS:
            take_reached(rows, keys, who, sizes, UP, 1.0, low[t], t, max_age)
        if sizes[DOWN] > 0 and -high[t] <= keys[DOWN, sizes[DOWN] - 1] + EPS:
            take_reached(rows, keys, who, sizes, DOWN, -1.0, high[t], t, max_age)
        inverted = ZERO
        if sizes[UP + FILLED] > 0 and keys[UP + FILLED, sizes[UP + FILLED] - 1] > close[t] + EPS:
            inverted = take_inverted(rows, inverted, keys, who, sizes, UP + FILLED, 1.0, close[t], t, max_age, born)
        if sizes[DOWN + FILLED] > 0 and keys[DOWN + FILLED, sizes[DOWN + FILLED] - 1] > EPS - close[t]:
            inverted = take_inverted(rows, inverted, keys, who, sizes, DOWN + FILLED, -1.0, close[t], t, max_age, born)
        for k in range(inverted):
            old = rows[born[k]]
            put_gap(rows, count, -old.dir, t, old.mid_bar, old.bottom, old.top, old.width_atr, old.valid, True)
            put_born(rows, keys, who, sizes, count)
            count += 1
        d, bottom, top = ZERO, 0.0, 0.0
        if t >= 2:
            d, bottom, top = three_bar_gap(open_, high, low, close, t)
        if d != 0 and not (one_session and session[t - 2] != session[t]):
            width_atr = width_in_atr(top - bottom, atr_before[t])
            valid = is_valid_width(top - bottom, width_atr, tick, min_ticks, min_atr, max_atr)
            put_gap(rows, count, d, t, t - 1, bottom, top, width_atr, valid, False)
            put_born(rows, keys, who, sizes, count)
            count += 1
        t += 1
    return t, count


@njit(cache=True)
def fair_value_gaps(open_, high, low, close, atr_before, session, tick, min_ticks, min_atr, max_atr, max_age, one_session):
    """Every gap with its life as far as the bars go, rows of GAP_DTYPE in order of formed_at.

    Prices and atr_before float64[n] in points, session int64[n].  A gap forms at bar t from bars t-2, t-1, t; it is `valid` when its width is at least
    `min_ticks` and between min_atr and max_atr times the range known before.  From t+1 on the first bar of each event is written; a close through
    the far edge ends it and starts the inverse gap of the other direction over the same zone (`inverse`, same width and validity, its own age; an
    inverse gap that is closed through simply ends).  `stale_at` is the first bar at which the age exceeds max_age; nothing else happens on it.
    Open gaps wait in lists sorted by the price that would change them, so a bar looks only at those that it reaches.
    """
    room, count, t = close.size // 4 + 64, ZERO, ZERO             # memory that is never written is never used, so nothing is copied at the end
    rows, keys, who = np.empty(room, GAP_DTYPE), np.empty((4, room)), np.empty((4, room), np.int64)
    sizes = np.zeros(4, np.int64)
    while True:
        born = np.empty(rows.size, np.int64)                      # parents of the inverse gaps of a bar
        t, count = follow_gaps(open_, high, low, close, atr_before, session, tick, min_ticks, min_atr, max_atr, max_age, one_session, t, rows, count, keys,
                               who, sizes, born)
        if t == close.size:
            break
        rows, keys, who = with_room(rows, rows.size), wider(keys, sizes), wider(who, sizes)
    mark_stale(rows, who, sizes, close.size, max_age)
    return rows[:count]
