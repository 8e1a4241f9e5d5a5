"""Fair value gaps that price came near and left again without trading their middle, and the minutes that break out of the pullback after that.

Bars and minutes are forward adjusted and of one contract a bar; a row at bar t rests on bars up to t and on minutes that had closed with it.
Not here: the break of structure that the gap belongs to, and what the trend says.
"""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import NEVER
from pse.kernels.rows import ZERO, ge, gt, with_room
from pse.kernels.swings import is_swing
from pse.kernels.targets import MID_FILLED, NO_BREAKOUT, NO_PULLBACK, NO_TAG, OK, WEAK_REACTION

# A gap as it stands at bar t, and the pullback of minutes that was broken out of there.  Prices of a short are those of a long upside down: `ref` is then the
# highest high and `extreme` the lowest low after it.
MISSED_DTYPE = np.dtype([
    ("t", "i8"), ("dir", "i8"), ("gap", "i8"), ("code", "i8"), ("near", "f8"), ("middle", "f8"), ("unit", "f8"),             # unit: points of reaction 1
    ("touched_at", "i8"), ("reacted_at", "i8"), ("ref_at", "i8"), ("ref", "f8"), ("extreme_at", "i8"), ("extreme", "f8"), ("reaction", "f8"),
    ("pivot", "i8"), ("pullback", "f8"), ("depth", "f8"), ("line", "f8"), ("broke_at", "i8"),                                # pivot, broke_at: minutes
])

# What the scan is told, one record; a new value never compiles anything again.
MISSED_RULES_DTYPE = np.dtype([
    ("max_age", "i8"), ("near_atr", "f8"), ("react_min", "f8"), ("react_window", "i8"), ("tick", "f8"), ("buffer_ticks", "f8"), ("buffer_atr", "f8"),
    ("side", "i8"), ("line_minutes", "i8"), ("fresh_minutes", "i8"), ("min_depth", "f8"), ("max_depth", "f8"), ("one_session", "?"),
])


@shared
def begin_gap(now, gap, row, atr, rules):
    """Sets `now` to a gap on which no bar has followed yet; atr: points, of the bar that formed it."""
    now.gap, now.dir, now.near, now.middle = row, gap.dir, gap.top if gap.dir > 0 else gap.bottom, 0.5 * (gap.top + gap.bottom)
    now.unit = gap.top - gap.bottom + max(rules.buffer_ticks * rules.tick, rules.buffer_atr * atr)
    now.touched_at, now.reacted_at, now.ref_at, now.extreme_at, now.reaction = NEVER, NEVER, -1, -1, 0.0
    now.ref, now.extreme = np.nan, np.nan


@shared
def take_bar(now, high, low, atr_before, t, rules):
    """Goes on with bar t, called for each bar after the gap in turn; returns what can be said at its close.

    MID_FILLED: the middle was traded; NO_TAG: price has not come near yet; WEAK_REACTION: it has not gone away far enough, soon enough; or OK.
    The reaction is the way from the lowest low since the first touch (the last bar of equal ones, for what stood before was given back) to the highest
    high after that bar.  A NaN bar says nothing.
    """
    d = now.dir
    back, front = (low[t], high[t]) if d > 0 else (-high[t], -low[t])
    if ge(d * now.middle, back):
        return MID_FILLED
    if now.touched_at == NEVER:
        if not ge(d * now.near + rules.near_atr * atr_before[t], back):
            return NO_TAG
        now.touched_at = t
    if now.ref_at < 0 or ge(d * now.ref, back):
        now.ref, now.ref_at, now.extreme, now.extreme_at, now.reaction = d * back, t, -d * np.inf, -1, 0.0
    elif gt(front, d * now.extreme):
        now.extreme, now.extreme_at = d * front, t
        now.reaction = (front - d * now.ref) / now.unit
    strong = ge(now.reaction, rules.react_min)
    if strong and now.reacted_at == NEVER and now.touched_at < t <= now.touched_at + rules.react_window:
        now.reacted_at = t
    return OK if strong and now.reacted_at < NEVER else WEAK_REACTION


@shared
def last_pivot(high, low, session, direction, first, last, rules):
    """The last minute of first..last whose low is a swing confirmed by `last` (its high, for a short); -1 without."""
    values = low if direction > 0 else high
    for k in range(last - rules.side, max(first, rules.side) - 1, -1):
        across = rules.one_session and session[k - rules.side] != session[k + rules.side]
        if not across and is_swing(values, k, rules.side, rules.side, -float(direction)):
            return k
    return -1


@shared
def take_minutes(now, high, low, close, session, first, last, rules):
    """Looks for the pullback in minutes first..last and for its end; returns NO_PULLBACK, NO_BREAKOUT or OK, and writes what it found.

    The pullback's low is the last confirmed swing; the line is the highest of the `line_minutes` highs up to it.  The first close over the line must lie
    among the last `fresh_minutes`, and the last close still over it.
    """
    d = now.dir
    k = last_pivot(high, low, session, d, first, last, rules)
    if k < 0:
        return NO_PULLBACK
    now.pivot, now.pullback = k, low[k] if d > 0 else high[k]
    now.depth = (now.extreme - now.pullback) / (now.extreme - now.ref)
    if not (ge(now.depth, rules.min_depth) and ge(rules.max_depth, now.depth) and gt(d * now.pullback, d * now.middle)):
        return NO_PULLBACK
    line = -np.inf
    for u in range(max(k - rules.line_minutes + 1, 0), k + 1):
        line = max(line, high[u] if d > 0 else -low[u])
    now.line, now.broke_at = d * line, -1
    for u in range(k + 1, last + 1):
        if gt(d * close[u], line):
            now.broke_at = u
            break
    fresh = now.broke_at > last - rules.fresh_minutes and now.broke_at >= 0
    return OK if fresh and gt(d * close[last], line) else NO_BREAKOUT


@shared
def minute_of(high, low, direction, price, first, last):
    """The first minute of first..last that traded `price`, the farthest of them all; `last` where none did."""
    for u in range(first, last):
        if ge(direction * (high[u] if direction > 0 else low[u]), direction * price):
            return u
    return last


@njit(cache=True)
def missed_gaps(high, low, atr, atr_before, gaps, minute_high, minute_low, minute_close, minute_session, last_minute, rules):
    """Every bar on which minutes break out of a pullback from the reaction to a missed gap, rows of MISSED_DTYPE, gap by gap.

    high, low, atr, atr_before: float64[n] of the decision bars, points; gaps: GAP_DTYPE; minute_*: float64[m], session int64[m]; last_minute: int64[n],
    the last minute that had closed with each bar, -1 for none.  `code` is OK, or WEAK_REACTION where the reaction is, or has become, too small.
    """
    rows, count, room = np.empty(64, MISSED_DTYPE), ZERO, np.zeros(1, MISSED_DTYPE)
    now = room[0]
    for i in range(gaps.size):
        gap = gaps[i]
        if not gap.valid or gap.inverse:
            continue
        begin_gap(now, gap, i, atr[gap.formed_at], rules)
        for t in range(gap.formed_at + 1, min(gap.formed_at + rules.max_age, high.size - 1) + 1):
            code = take_bar(now, high, low, atr_before, t, rules)
            late = now.reacted_at == NEVER and now.touched_at < t - rules.react_window
            if code == MID_FILLED or late or gap.stale_at <= t:
                break                                              # none of them heals
            if now.extreme_at < 0:
                continue
            first = minute_of(minute_high, minute_low, now.dir, now.extreme, last_minute[now.extreme_at - 1] + 1, last_minute[now.extreme_at]) + 1
            if take_minutes(now, minute_high, minute_low, minute_close, minute_session, first, last_minute[t], rules) == OK:
                rows = with_room(rows, count)
                now.t, now.code = t, code
                rows[count] = now
                count += 1
    return rows[:count].copy()
