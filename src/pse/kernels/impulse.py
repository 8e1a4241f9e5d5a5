"""Impulse legs, and the rhythmic pullbacks that follow them.

A leg up runs from the last bar of the lowest low before its end to the first bar of the highest high of the recent bars; a leg down is its mirror.  All
that makes a leg valid is known at the close of its end, which only moves forward.  Not here: what a tactic makes of a pullback.
"""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import NEVER
from pse.kernels.rows import EPS, ZERO, ge, gt, with_room
from pse.kernels.structure import is_displacement

LEG_DTYPE = np.dtype([
    ("dir", "i8"), ("s", "i8"), ("e", "i8"), ("start", "f8"), ("end", "f8"), ("length", "f8"), ("length_atr", "f8"), ("er", "f8"),
    ("displaced", "?"), ("gapped", "?"), ("known_at", "i8"), ("ended_at", "i8"),
])                                                                # ended_at: the bar at which another end took over, or the end left the window
PULLBACK_DTYPE = np.dtype([
    ("dir", "i8"), ("t", "i8"), ("leg", "i8"), ("e", "i8"), ("bars", "i8"), ("depth", "f8"), ("mono", "f8"), ("max_range", "f8"), ("line", "f8"),
    ("extreme", "f8"),
])
LEG_RULES_DTYPE = np.dtype([
    ("max_bars", "i8"), ("min_bars", "i8"), ("min_atr", "f8"), ("min_er", "f8"),
    ("disp_range_atr", "f8"), ("disp_body", "f8"), ("disp_close", "f8"),
    ("min_pullback", "i8"), ("max_pullback", "i8"), ("min_depth", "f8"), ("max_depth", "f8"), ("min_mono", "f8"), ("max_range_atr", "f8"),
    ("break_bars", "i8"),
])
WRONG_COUNT, WRONG_DEPTH, NOT_MONOTONE, TOO_WIDE, NO_BREAK, COUNTER = np.int64(1), np.int64(2), np.int64(4), np.int64(8), np.int64(16), np.int64(32)


@shared
def farthest_bars(values, sign, session, back, last_on_ties, one_session):
    """Bar of the greatest sign * value in [t - back, t] for each t, int64[n]; -1 where the window holds a NaN.

    The first bar of equal values, or the last with `last_on_ties`; with `one_session` the window begins with the session.  The window is short at the
    beginning of the bars.
    """
    n = values.size
    out, queue = np.empty(n, np.int64), np.empty(n, np.int64)     # bars that may still become the farthest, the farthest first
    head, tail, bad, begin = 0, 0, -1, 0
    for t in range(n):
        if one_session and t > 0 and session[t] != session[t - 1]:
            begin = t
        first = max(t - back, begin)
        here = sign * values[t]
        if here != here:
            bad, head, tail = t, 0, 0
        else:
            slack = -EPS if last_on_ties else EPS
            while tail > head and here > sign * values[queue[tail - 1]] + slack:
                tail -= 1
            queue[tail] = t
            tail += 1
        while head < tail and queue[head] < first:
            head += 1
        out[t] = queue[head] if bad < first and head < tail else -1
    return out


@shared
def path_efficiency(close, s, e):
    """Net move of the closes from s to e over the way they went, 0..1; 0 without a way."""
    way = 0.0
    for u in range(s + 1, e + 1):
        way += abs(close[u] - close[u - 1])
    return abs(close[e] - close[s]) / way if way > 0.0 else (0.0 if way == way else np.nan)


@shared
def count_events(open_, high, low, close, atr_before, gaps, direction, rules):
    """Displacement bars up to each bar, and valid gaps formed up to each bar, of one direction: two int64[n + 1] running counts, 0 first."""
    n = close.size
    displaced, formed = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for i in range(gaps.size):
        if gaps[i].valid and not gaps[i].inverse and gaps[i].dir == direction:
            formed[gaps[i].formed_at + 1] += 1
    for t in range(n):
        displaced[t + 1] = displaced[t] + is_displacement(open_[t], high[t], low[t], close[t], atr_before[t], direction, rules.disp_range_atr,
                                                          rules.disp_body, rules.disp_close)
        formed[t + 1] += formed[t]
    return displaced, formed


@shared
def measure_leg(leg, start, end, s, e, direction, close, atr, displaced, formed, rules):
    """Fills in a leg from bar s to bar e and says whether it is valid; `start` and `end` are its two extreme prices."""
    leg.dir, leg.s, leg.e, leg.start, leg.end = direction, s, e, start, end
    leg.length = direction * (end - start)
    leg.length_atr = leg.length / atr[e] if atr[e] > 0.0 else np.nan
    leg.er = path_efficiency(close, s, e)
    leg.displaced = displaced[e + 1] - displaced[s] > 0
    leg.gapped = e - s >= 2 and formed[e + 1] - formed[s + 2] > 0           # all three bars of the gap lie in the leg
    return e - s >= rules.min_bars and ge(leg.length_atr, rules.min_atr) and ge(leg.er, rules.min_er) and (leg.displaced or leg.gapped)


@njit(cache=True)
def legs_of(open_, high, low, close, atr, atr_before, session, gaps, direction, rules, one_session):
    """The valid legs of one direction in order of known_at (rows of LEG_DTYPE), and the row of the leg that stands at each bar (int64[n], -1 none)."""
    n = close.size
    ends, starts = (high, low) if direction > 0 else (low, high)
    displaced, formed = count_events(open_, high, low, close, atr_before, gaps, direction, rules)
    end_of = farthest_bars(ends, float(direction), session, rules.max_bars, False, one_session)
    start_of = farthest_bars(starts, -float(direction), session, rules.max_bars, True, one_session)
    rows, count = np.empty(256, LEG_DTYPE), ZERO
    standing, current, e_now = np.full(n, -1), np.int64(-1), np.int64(-1)
    for t in range(n):
        e = end_of[t]
        if e != e_now:
            if current >= 0:
                rows[current].ended_at = t
            e_now, current = e, np.int64(-1)
            if e >= 0 and start_of[e] >= 0:
                rows = with_room(rows, count)
                s = start_of[e]
                if measure_leg(rows[count], starts[s], ends[e], s, e, direction, close, atr, displaced, formed, rules):
                    rows[count].known_at, rows[count].ended_at, current = t, NEVER, count
                    count += 1
        standing[t] = current
    return rows[:count].copy(), standing


@shared
def measure_pullback(out, open_, high, low, close, atr, atr_before, leg, t, rules):
    """Fills in the pullback from a leg as it stands at bar t, and returns the conditions that fail, as a sum of flags (0: the trigger is there).

    Its bars lie between the end of the leg and t; line: the highest high of the last `break_bars` of them (lowest low for a short), which the close of
    t must pass; extreme: the deepest price from the bar after the end to t.
    """
    d, e = leg.dir, leg.e
    out.dir, out.t, out.e, out.bars = d, t, e, t - 1 - e
    failed, down, widest, extreme, line, counter = ZERO, 0, 0.0, np.inf, -np.inf, False
    for u in range(e + 1, t + 1):
        front, back = (high[u], low[u]) if d > 0 else (-low[u], -high[u])
        extreme = min(extreme, back)
        if u == t:
            break
        down += ge(high[u - 1], high[u]) if d > 0 else ge(low[u], low[u - 1])
        widest = max(widest, high[u] - low[u])
        if u >= t - rules.break_bars:
            line = max(line, front)
        counter = counter or is_displacement(open_[u], high[u], low[u], close[u], atr_before[u], -d, rules.disp_range_atr, rules.disp_body, rules.disp_close)
    out.extreme, out.line, out.max_range = d * extreme, d * line, widest
    out.depth = d * (leg.end - out.extreme) / leg.length
    out.mono = down / out.bars if out.bars > 0 else 0.0
    if not rules.min_pullback <= out.bars <= rules.max_pullback:
        failed += WRONG_COUNT
    if not (ge(out.depth, rules.min_depth) and ge(rules.max_depth, out.depth)):
        failed += WRONG_DEPTH
    if not ge(out.mono, rules.min_mono):
        failed += NOT_MONOTONE
    if not ge(rules.max_range_atr * atr[t], widest):
        failed += TOO_WIDE
    if not gt(d * close[t], line):
        failed += NO_BREAK
    if counter:
        failed += COUNTER
    return failed


@njit(cache=True)
def pullbacks_of(open_, high, low, close, atr, atr_before, legs, standing, rules):
    """The triggers of pullbacks from the legs of one direction, rows of PULLBACK_DTYPE in order of t; `leg` is the row of the leg."""
    rows, count = np.empty(64, PULLBACK_DTYPE), ZERO
    for t in range(close.size):
        leg = standing[t]
        if leg < 0 or not rules.min_pullback <= t - 1 - legs[leg].e <= rules.max_pullback:
            continue
        rows = with_room(rows, count)
        rows[count].leg = leg
        if measure_pullback(rows[count], open_, high, low, close, atr, atr_before, legs[leg], t, rules) == 0:
            count += 1
    return rows[:count].copy()


@njit(cache=True)
def last_legs(longs, shorts, high, low):
    """Row of the last leg of both directions at each bar: longs as row, shorts as row + longs.size, int64[n]; -1 before the first.

    A leg is the last one from its known_at on, until another is known or a bar after its end trades beyond its start, which undoes it.
    Of two legs known at one bar the one with the later end counts, the longer in ATR on ties.
    """
    n = high.size
    out = np.empty(n, np.int64)
    i, j, current = 0, 0, np.int64(-1)
    for t in range(n):
        new_long, new_short = np.int64(-1), np.int64(-1)
        while i < longs.size and longs[i].known_at <= t:
            new_long = i
            i += 1
        while j < shorts.size and shorts[j].known_at <= t:
            new_short = j
            j += 1
        if new_long >= 0 and new_short >= 0:
            up, down = longs[new_long], shorts[new_short]
            short_wins = down.e > up.e or (down.e == up.e and down.length_atr > up.length_atr)
            current = longs.size + new_short if short_wins else new_long
        elif new_long >= 0:
            current = new_long
        elif new_short >= 0:
            current = longs.size + new_short
        is_new = new_long >= 0 or new_short >= 0
        if current >= longs.size:
            leg = shorts[current - longs.size]
            for u in range(leg.e if is_new else t, t + 1):
                if gt(high[u], leg.start):
                    current = np.int64(-1)
        elif current >= 0:
            leg = longs[current]
            for u in range(leg.e if is_new else t, t + 1):
                if gt(leg.start, low[u]):
                    current = np.int64(-1)
        out[t] = current
    return out
