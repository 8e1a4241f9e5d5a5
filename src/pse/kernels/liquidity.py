"""Liquidity pools and their sweeps.

Three sources make candidates (extremes of sessions, equal levels, swings); one pass over the bars merges those of one side that lie together,
and follows each pool until it is swept, broken, replaced by a merged one or too old.
"""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import ALIVE, BROKEN, BROKEN_DEEP, EXPIRED, NEVER, PENDING, POOL_DTYPE, REPLACED, SWEEP_DTYPE, SWEPT
from pse.kernels.rows import EPS, LONG, NONE, SHORT, ZERO, ge, gt, with_room

PWH, PDH, ONH, ASIA_H, LONDON_H, EQH, ORH, MAJOR_H, SWING_H = (np.int64(kind) for kind in range(0, 18, 2))     # the low of each kind is one more
WINDOWS = (ONH, ASIA_H, LONDON_H, ORH)            # kinds made by a window of the session, in the order of the window columns

CANDIDATE_DTYPE = np.dtype([("t", "i8"), ("kind", "i8"), ("side", "i8"), ("level", "f8"), ("priority", "f8"), ("origin", "i8")])
EQUAL_DTYPE = np.dtype([                          # an equal level as of the confirmation of its newest member
    ("side", "i8"), ("level", "f8"), ("members", "i8"), ("confirmed_at", "i8"), ("origin", "i8"), ("pivot", "i8"), ("before", "i8"), ("anchor", "i8"),
])                                                # pivot, anchor: rows of pivots; before: row of the same level one member earlier, -1

BASE_PRIORITY = (1.00, 0.90, 0.75, 0.75, 0.75, 0.70, 0.65, 0.60, 0.40)      # of kind // 2


@shared
def put_candidate(rows, count, t, kind, level, origin, priority):
    """Writes a candidate pool; highs have even kinds."""
    new = rows[count]
    new.t, new.kind, new.side, new.level, new.origin, new.priority = t, kind, 1 - 2 * (kind % 2), level, origin, priority


@shared
def put_extremes(rows, count, t, kind, high, low, begin, past):
    """Appends the high and the low of bars begin..past-1, the first bar of each as origin; returns (rows, count).  NaN bars are passed over."""
    top, bottom = NONE, NONE
    for u in range(begin, past):
        if high[u] == high[u] and (top < 0 or high[u] > high[top] + EPS):
            top = u
        if low[u] == low[u] and (bottom < 0 or low[u] < low[bottom] - EPS):
            bottom = u
    rows = with_room(rows, count + 1)
    if top >= 0:
        put_candidate(rows, count, t, kind, high[top], top, BASE_PRIORITY[kind // 2])
        count += 1
    if bottom >= 0:
        put_candidate(rows, count, t, kind + 1, low[bottom], bottom, BASE_PRIORITY[kind // 2])
        count += 1
    return rows, count


@shared
def window_bars(ts_open, ts_close, begin, past, opens, closes):
    """(first bar, bar after the last, bar that makes the window known) of a window among bars begin..past-1; the last is `past` where none does."""
    first = begin
    while first < past and ts_open[first] < opens:
        first += 1
    last = first
    while last < past and ts_open[last] < closes:
        last += 1
    known = max(last - 1, first)
    while known < past and ts_close[known] < closes:
        known += 1
    return first, last, known


@njit(cache=True)
def session_extremes(high, low, ts_open, ts_close, session, week, window_open, window_close):
    """Candidates from weeks, trading days and windows of the session, rows of CANDIDATE_DTYPE session by session.

    Bars float64/int64[n], session int64[n] counted without leaving out a trading day of the calendar; week int64[sessions], likewise; window_open,
    window_close int64[sessions, 4] ns UTC in the order of WINDOWS, equal where there is none.  The previous week and day are known at the first bar of the
    next one, a window at the first bar that closes at or after its end.  A day, or a week, that is followed by days, or a week, without bars makes none:
    what is stored before a hole is not the day before.  Nor does a window that only a bar behind a hole would make known.
    """
    rows, count = np.empty(256, CANDIDATE_DTYPE), ZERO
    week_begin, begin, n = ZERO, ZERO, high.size
    while begin < n:
        s, past = session[begin], begin + 1
        while past < n and session[past] == s:
            past += 1
        for w in range(4):
            if window_close[s, w] > window_open[s, w]:
                first, last, known = window_bars(ts_open, ts_close, begin, past, window_open[s, w], window_close[s, w])
                if last > first and known < n and session[known] - s <= 1:     # one whose last bars are missing is known at the next session's first
                    rows, count = put_extremes(rows, count, known, WINDOWS[w], high, low, first, last)
        if past < n:
            if session[past] - s == 1:
                rows, count = put_extremes(rows, count, past, PDH, high, low, begin, past)
            weeks_on = week[session[past]] - week[s]
            if weeks_on == 1:
                rows, count = put_extremes(rows, count, past, PWH, high, low, week_begin, past)
            if weeks_on != 0:
                week_begin = past
        begin = past
    return rows[:count].copy()


@shared
def drop_exceeded(anchors, levels, places, open_, size, side, reach, tolerance):
    """Closes the levels that a bar passed by more than the tolerance.  The lists run from the farthest anchor to the nearest; returns the new size."""
    kept = size
    while kept > 0 and gt(reach - tolerance, side * anchors[kept - 1]):
        kept -= 1
    for k in range(kept, size):
        if not gt(reach - tolerance, side * levels[k]):
            anchors[kept], levels[kept], places[kept], open_[kept] = anchors[k], levels[k], places[k], open_[k]
            kept += 1
    return kept


@shared
def nearest_anchor(anchors, last_idx, size, side, price, idx, tolerance, min_apart):
    """Place of the level that a pivot joins: the nearest anchor within tolerance whose last member is far enough back, -1 if none."""
    best, distance, k = -1, np.inf, size - 1
    while k >= 0 and ge(tolerance, side * (anchors[k] - price)):
        apart = abs(anchors[k] - price)
        if ge(tolerance, apart) and idx - last_idx[k] >= min_apart and apart <= distance:
            best, distance = k, apart
        k -= 1
    return best


@njit(cache=True)
def equal_levels(high, low, pivots, tolerance, min_apart, kind):
    """Equal highs (kind 1) or lows (-1): a row of EQUAL_DTYPE at the confirmation of each second and further member, in that order.

    tolerance: float64[n] in points, used at the confirming bar.  A pivot joins the level whose anchor (its first member) is nearest, the outer one on ties,
    if within tolerance and at least `min_apart` bars after the last member, else begins one.  Each bar is judged at the first such
    confirmation at or after it: one that passed a level's extreme by more than the tolerance of that moment closes the level.
    """
    rows, count = np.empty(128, EQUAL_DTYPE), ZERO
    anchors, levels = np.empty(128), np.empty(128)
    last_row, last_idx = np.empty(128, np.int64), np.empty(128, np.int64)       # newest row of the level, else -1 - anchor's pivot; idx of last member
    size, seen = ZERO, ZERO
    for p in range(pivots.size):
        if pivots[p].kind != kind:
            continue
        idx, price, t = pivots[p].idx, pivots[p].price, pivots[p].confirmed_at
        tol = tolerance[t] if tolerance[t] == tolerance[t] else 0.0
        reach = kind * price
        for u in range(seen, idx):
            reach = max(reach, high[u] if kind > 0 else -low[u])
        seen = idx + 1
        size = drop_exceeded(anchors, levels, last_row, last_idx, size, kind, reach, tol)
        k = nearest_anchor(anchors, last_idx, size, kind, price, idx, tol, min_apart)
        if k < 0:
            anchors, levels = with_room(anchors, size), with_room(levels, size)
            last_row, last_idx = with_room(last_row, size), with_room(last_idx, size)
            k = size
            while k > 0 and kind * anchors[k - 1] < kind * price:
                anchors[k], levels[k], last_row[k], last_idx[k] = anchors[k - 1], levels[k - 1], last_row[k - 1], last_idx[k - 1]
                k -= 1
            anchors[k], levels[k], last_row[k], last_idx[k] = price, price, -1 - p, idx
            size += 1
            continue
        rows = with_room(rows, count)
        new, old = rows[count], last_row[k]
        new.side, new.confirmed_at, new.pivot = kind, t, p
        new.before, new.anchor = (old, rows[old].anchor) if old >= 0 else (-1, -1 - old)
        new.members = rows[old].members + 1 if old >= 0 else 2
        new.level, new.origin = levels[k], rows[old].origin if old >= 0 else pivots[-1 - old].idx
        if gt(kind * price, kind * levels[k]):
            new.level, new.origin, levels[k] = price, idx, price
        last_row[k], last_idx[k] = count, idx
        count += 1
    return rows[:count].copy()


@njit(cache=True)
def tick_or_range(atr_before, tick, ticks, share):
    """max(ticks * tick, share * atr_before), the atr part left out while NaN; float64[n] in points."""
    out = np.empty(atr_before.size)
    for t in range(atr_before.size):
        out[t] = max(ticks * tick, share * atr_before[t]) if atr_before[t] > 0.0 else ticks * tick
    return out


@njit(cache=True)
def swing_and_equal_candidates(pivots, equals, kind_high):
    """Candidates from pivots (kind_high MAJOR_H or SWING_H, equals empty) or from equal levels (pivots empty, kind_high EQH)."""
    rows = np.empty(pivots.size + equals.size, CANDIDATE_DTYPE)
    for i in range(pivots.size):
        kind = kind_high if pivots[i].kind > 0 else kind_high + 1
        put_candidate(rows, i, pivots[i].confirmed_at, kind, pivots[i].price, pivots[i].idx, BASE_PRIORITY[kind // 2])
    for i in range(equals.size):
        kind = kind_high if equals[i].side > 0 else kind_high + 1
        priority = min(BASE_PRIORITY[kind // 2] + 0.05 * (equals[i].members - 2), 0.85)
        put_candidate(rows, pivots.size + i, equals[i].confirmed_at, kind, equals[i].level, equals[i].origin, priority)
    return rows


# --- the life of pools ------------------------------------------------------------------------------------------------------------------------
@shared
def outcome(side, level, t, pierced_at, extreme, close, atr_at_pierce, deep_atr, reclaim):
    """What bar t makes of a pierced level: SWEPT, BROKEN_DEEP (also while the range is unknown), BROKEN or PENDING.

    extreme: the farthest price from the pierce to t.
    """
    if gt(side * level, side * close):
        return SWEPT if ge(deep_atr * atr_at_pierce, side * (extreme - level)) else BROKEN_DEEP
    return BROKEN if t - pierced_at >= reclaim else PENDING


@shared
def sweep_priority(base, side, level, high, low, rvol_at_pierce):
    """Priority of a sweep confirmed by a bar: base, more when half of its range lies beyond the level, more on volume; at most 1."""
    beyond = high - level if side > 0 else level - low
    if high > low and ge(beyond, 0.5 * (high - low)):
        base += 0.05
    if ge(rvol_at_pierce, 1.5):
        base += 0.05
    return min(base, 1.0)


@shared
def expire(pools, oldest, count, session, t, max_age):
    """Ends the swings whose age in trading days exceeds `max_age`; returns the first pool that is still young."""
    while oldest < count and session[t] - session[pools[oldest].known_at] > max_age:
        pool = pools[oldest]
        if pool.end == ALIVE and pool.kind >= MAJOR_H:
            pool.end, pool.ended_at = EXPIRED, t
        oldest += 1
    return oldest


@shared
def compact(stack, size, pools):
    """Takes ended pools out of a stack; returns the new size."""
    kept = 0
    for k in range(size):
        if pools[stack[k]].end == ALIVE:
            stack[kept] = stack[k]
            kept += 1
    return kept


@shared
def join_pool(pools, count, stack, size, candidate, t, tolerance):
    """Brings a candidate among the standing pools of its side; returns (number of pools, size of the stack).

    The stack runs from the farthest level to the nearest.  Pools within tolerance and the candidate become one: outermost level, highest priority, on ties
    the kind of the outer standing pool.  One pool that the candidate would not change stands as it is; else all of them are REPLACED by a new row.
    """
    s, q = candidate.side, candidate.side * candidate.level
    b = size
    while b > 0 and gt(q - tolerance, s * pools[stack[b - 1]].level):
        b -= 1
    a = b
    while a > 0 and ge(q + tolerance, s * pools[stack[a - 1]].level):
        a -= 1
    if b - a == 1 and ge(pools[stack[a]].priority, candidate.priority) and ge(s * pools[stack[a]].level, q):
        return count, size
    new = pools[count]
    new.kind, new.side, new.level, new.priority, new.origin = candidate.kind, s, candidate.level, candidate.priority, candidate.origin
    new.known_at, new.ended_at, new.end = t, NEVER, ALIVE
    for k in range(b - 1, a - 1, -1):
        old = pools[stack[k]]
        if old.priority >= new.priority:
            new.kind, new.priority = old.kind, old.priority
        if ge(s * old.level, s * new.level):
            new.level, new.origin = old.level, old.origin
        old.end, old.ended_at = REPLACED, t
    if b == a:                                                                    # room for one more
        for k in range(size, a, -1):
            stack[k] = stack[k - 1]
    else:
        for k in range(b, size):
            stack[a + 1 + k - b] = stack[k]
    stack[a] = count
    return count + 1, size + 1 - (b - a)


@shared
def put_sweep(sweeps, count, row, pool, t, pierced_at, extreme, priority, result):
    """Writes the outcome of a pool into row `count` of the sweeps."""
    new = sweeps[count]
    new.pool, new.side, new.level, new.pierced_at, new.confirmed_at = row, pool.side, pool.level, pierced_at, t
    new.dir = pool.side if result == BROKEN else -pool.side
    new.extreme, new.penetration, new.priority, new.result = extreme, pool.side * (extreme - pool.level), priority, result


@shared
def settle(pools, pending, pierced, extremes, size, sweeps, count, t, high, low, close, atr_before, rvol, deep_atr, reclaim):
    """Takes every pierced pool through bar t; returns (pending size, number of sweeps).

    Pools of one side swept by one bar make one row, that of the highest priority; every pool keeps its own end.
    """
    kept, swept_above, swept_below = 0, -1, -1
    for k in range(size):
        pool, p = pools[pending[k]], pierced[k]
        extremes[k] = max(extremes[k], high[t]) if pool.side > 0 else min(extremes[k], low[t])
        result = outcome(pool.side, pool.level, t, p, extremes[k], close[t], atr_before[p], deep_atr, reclaim)
        if result == PENDING:
            pending[kept], pierced[kept], extremes[kept] = pending[k], p, extremes[k]
            kept += 1
            continue
        pool.end, pool.ended_at = result, t
        priority = sweep_priority(pool.priority, pool.side, pool.level, high[t], low[t], rvol[p])
        row = (swept_above if pool.side > 0 else swept_below) if result == SWEPT else -1
        if row >= 0 and priority <= sweeps[row].priority:
            continue
        if row < 0:
            row = count
            count += 1
        put_sweep(sweeps, row, pending[k], pool, t, p, extremes[k], priority, result)
        if result == SWEPT and pool.side > 0:
            swept_above = row
        elif result == SWEPT:
            swept_below = row
    return kept, count


@shared
def pierce(pools, stack, size, side, reach, t, tick, pending, pierced, extremes, waiting):
    """Moves the pools that `reach` passes by a tick or more from the stack to the pending; returns (size of the stack, pending size)."""
    while size > 0 and ge(side * (reach - pools[stack[size - 1]].level), tick):
        size -= 1
        pending[waiting], pierced[waiting], extremes[waiting] = stack[size], t, reach
        waiting += 1
    return size, waiting


@njit(cache=True)
def pools_and_sweeps(high, low, close, atr_before, rvol, session, candidates, tolerance, tick, max_age, deep_atr, reclaim):
    """Pools (rows of POOL_DTYPE in order of known_at) and outcomes (rows of SWEEP_DTYPE in order of confirmed_at).

    Columns float64[n] and session int64[n]; candidates in order of t; tolerance float64[n] in points.  At each bar: swings older than max_age trading days
    expire; pools known before are pierced by at least a tick; pierced pools settle within `reclaim` bars (SWEPT to deep_atr, else
    BROKEN_DEEP or BROKEN); then the bar's candidates join.  A pool stands while known_at <= t < ended_at.
    """
    most = candidates.size                                                        # a candidate makes at most one pool, a pool one sweep
    pools, sweeps, count, settled = np.empty(most, POOL_DTYPE), np.empty(most, SWEEP_DTYPE), ZERO, ZERO
    above, below = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)     # standing pools, farthest first
    pending, pierced, extremes, waiting = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most), ZERO
    n_above, n_below, oldest, row = ZERO, ZERO, ZERO, ZERO
    for t in range(high.size):
        if t > 0 and session[t] != session[t - 1]:
            oldest = expire(pools, oldest, count, session, t, max_age)
            n_above, n_below = compact(above, n_above, pools), compact(below, n_below, pools)
        n_above, waiting = pierce(pools, above, n_above, LONG, high[t], t, tick, pending, pierced, extremes, waiting)
        n_below, waiting = pierce(pools, below, n_below, SHORT, low[t], t, tick, pending, pierced, extremes, waiting)
        if waiting > 0:
            waiting, settled = settle(pools, pending, pierced, extremes, waiting, sweeps, settled, t, high, low, close, atr_before, rvol,
                                      deep_atr, reclaim)
        while row < most and candidates[row].t == t:
            if candidates[row].side > 0:
                count, n_above = join_pool(pools, count, above, n_above, candidates[row], t, tolerance[t])
            else:
                count, n_below = join_pool(pools, count, below, n_below, candidates[row], t, tolerance[t])
            row += 1
    for k in range(waiting):
        pools[pending[k]].end = PENDING
    return pools[:count].copy(), sweeps[:settled].copy()
